"""The properties of Swarm's resource types: `Service` and `Secret`.

Source: `internal/provider/resource_docker_{service,secret}*.go` of terraform-provider-docker 4.5.0. Of a
service only its name and its mode cannot be changed in place.
"""

from toolchain.host.docker.schema import (
    DURATION,
    HEALTHCHECK,
    LABELS,
    MOUNT,
    NEEDED_STRING,
    STRING,
    Field,
    Fields,
    updated,
)

LEFT_OUT = updated("object", unsupported=True)
TEXTS, MAP, BOOLEAN, INTEGER = updated("strings"), updated("map"), updated("boolean"), updated("integer")
AMOUNTS: Fields = {"memoryBytes": INTEGER, "nanoCpus": INTEGER}

SECRET_USE: Fields = {
    "secretId": NEEDED_STRING,
    "secretName": STRING,
    "fileName": NEEDED_STRING,
    "fileUid": Field("string", default="0"),
    "fileGid": Field("string", default="0"),
    "fileMode": Field("integer", default=0o444),
}
CONTAINER_SPEC: Fields = {
    "image": NEEDED_STRING,
    "labels": LABELS,
    "commands": TEXTS,
    "args": TEXTS,
    "hostname": STRING,
    "env": MAP,
    "dir": STRING,
    "user": STRING,
    "groups": TEXTS,
    "readOnly": BOOLEAN,
    "capAdds": Field("strings", unordered=True),
    "capDrops": Field("strings", unordered=True),
    "mounts": Field("objects", unordered=True, fields=MOUNT),
    "secrets": Field("objects", unordered=True, fields=SECRET_USE),
    "hosts": Field("objects", unordered=True, fields={"host": NEEDED_STRING, "ip": NEEDED_STRING}),
    "stopSignal": STRING,
    "stopGracePeriod": DURATION,
    "healthcheck": updated("object", fields=HEALTHCHECK),
    "init": BOOLEAN,
    "sysctl": MAP,
    "configs": LEFT_OUT,
    "dnsConfig": LEFT_OUT,
    "isolation": Field("string", default="default", pattern="default"),
    "privileges": LEFT_OUT,
}
TASK_SPEC: Fields = {
    "containerSpec": updated("object", required=True, fields=CONTAINER_SPEC),
    "resources": updated(
        "object",
        fields={
            "limits": updated("object", fields=AMOUNTS),
            "reservation": updated("object", fields=AMOUNTS),
        },
    ),
    "restartPolicy": updated(
        "object",
        fields={
            "condition": Field("string", default="any", pattern="any|on-failure|none"),
            "delay": DURATION,
            "maxAttempts": INTEGER,
            "window": DURATION,
        },
    ),
    "placement": updated("object", fields={"constraints": Field("strings", unordered=True)}),
    "networksAdvanceds": Field(
        "objects",
        unordered=True,
        fields={"id": STRING, "name": STRING, "aliases": Field("strings", unordered=True)},
    ),
    "logDriver": updated("object", fields={"name": NEEDED_STRING, "options": MAP}),
    "forceUpdate": Field("integer", default=0),
    "runtime": Field("string", default="container", pattern="container"),
}
CHANGE: Fields = {
    "parallelism": Field("integer", default=1),
    "delay": DURATION,
    "failureAction": Field("string", default="pause", pattern="pause|continue|rollback"),
    "monitor": Field("string", default="5s", pattern=DURATION.pattern),
    "maxFailureRatio": Field("string", default="0.0"),
    "order": Field("string", default="stop-first", pattern="stop-first|start-first"),
}
ENDPOINT_PORT: Fields = {
    "name": STRING,
    "protocol": Field("string", default="tcp"),
    "targetPort": Field("integer", required=True),
    "publishedPort": INTEGER,
    "publishMode": Field("string", default="ingress", pattern="ingress|host"),
}
SERVICE: Fields = {
    "name": Field("string"),
    "labels": LABELS,
    "taskSpec": updated("object", required=True, fields=TASK_SPEC),
    "mode": Field("object", fields={"replicated": Field("object", fields={"replicas": INTEGER})}),
    "updateConfig": updated("object", fields=CHANGE),
    "rollbackConfig": updated("object", fields=CHANGE),
    "endpointSpec": updated(
        "object",
        fields={
            "mode": Field("string", default="vip", pattern="vip|dnsrr"),
            "ports": updated("objects", fields=ENDPOINT_PORT),
        },
    ),
    "auth": LEFT_OUT,
    "convergeConfig": LEFT_OUT,
}
SECRET: Fields = {"name": STRING, "data": NEEDED_STRING, "labels": LABELS}
