"""The properties of the resource types: kind, whether a change replaces, default.

Source: `internal/provider/resource_docker_*.go` of terraform-provider-docker 4.5.0, the newest version
whose bridge (pulumi-docker 5.1) could be read: `ForceNew` is `replace`, a `TypeSet` is `unordered`. Names
are those of the Python package pulumi-docker 5.2.0; a test compares the two.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Field:
    """One property."""

    kind: str  # string, integer, boolean, strings, map, object, objects
    replace: bool = True
    default: Any = None
    fields: "Fields | None" = None
    required: bool = False
    unordered: bool = False
    pattern: str | None = None
    minimum: int | None = None
    unsupported: bool = False  # The official plugin has it, this one refuses it.


Fields = dict[str, Field]

STRING, INTEGER, BOOLEAN, MAP = Field("string"), Field("integer"), Field("boolean"), Field("map")
STRINGS, STRING_SET = Field("strings"), Field("strings", unordered=True)
NEEDED_STRING, NEEDED_INTEGER = Field("string", required=True), Field("integer", required=True)
LABELS = Field("objects", unordered=True, fields={"label": NEEDED_STRING, "value": NEEDED_STRING})
DURATION = Field("string", default="0s", pattern=r"(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+|0")
LEFT_OUT = Field("string", unsupported=True)


def updated(kind: str, **more: Any) -> Field:
    """A property whose change does not replace the resource."""
    return Field(kind, replace=False, **more)


MOUNT: Fields = {
    "target": NEEDED_STRING,
    "source": STRING,
    "type": Field("string", required=True, pattern="bind|volume|tmpfs"),
    "readOnly": BOOLEAN,
    "bindOptions": Field("object", fields={"propagation": STRING}),
    "volumeOptions": Field(
        "object",
        fields={
            "noCopy": BOOLEAN,
            "labels": LABELS,
            "driverName": STRING,
            "driverOptions": MAP,
            "subpath": STRING,
        },
    ),
    "tmpfsOptions": Field("object", fields={"sizeBytes": INTEGER, "mode": INTEGER}),
}
VOLUME_USE: Fields = {
    "containerPath": STRING,
    "volumeName": STRING,
    "hostPath": Field("string", pattern=r"/.*"),
    "readOnly": BOOLEAN,
    "fromContainer": STRING,
    "selinuxRelabel": Field("string", pattern="z|Z"),
}
NETWORK_USE: Fields = {
    "name": NEEDED_STRING,
    "aliases": STRING_SET,
    "ipv4Address": STRING,
    "ipv6Address": STRING,
    "linkLocalIps": STRING_SET,
    "macAddress": STRING,
    "driverOpts": STRING_SET,
    "gwPriority": LEFT_OUT,
}
HEALTHCHECK: Fields = {
    "tests": STRINGS,
    "interval": DURATION,
    "timeout": DURATION,
    "startPeriod": DURATION,
    "startInterval": DURATION,
    "retries": Field("integer", default=0, minimum=0),
}
PORT: Fields = {
    "internal": NEEDED_INTEGER,
    "external": INTEGER,
    "ip": Field("string", default="0.0.0.0"),
    "protocol": Field("string", default="tcp"),
}
DEVICE: Fields = {
    "hostPath": NEEDED_STRING,
    "containerPath": STRING,
    "permissions": Field("string", default="rwm"),
}
DEVICE_REQUEST: Fields = {
    "driver": Field("string", default="cdi"),
    "count": Field("integer", default=0),
    "deviceIds": STRING_SET,
    "capabilities": STRING_SET,
    "options": MAP,
}
ULIMIT: Fields = {"name": NEEDED_STRING, "soft": NEEDED_INTEGER, "hard": NEEDED_INTEGER}

CONTAINER: Fields = {
    "name": STRING,
    "image": NEEDED_STRING,
    "command": STRINGS,
    "entrypoints": STRINGS,
    "envs": STRING_SET,
    "labels": LABELS,
    "user": STRING,
    "groupAdds": STRING_SET,
    "workingDir": STRING,
    "hostname": STRING,
    "domainname": STRING,
    "hosts": Field("objects", unordered=True, fields={"host": NEEDED_STRING, "ip": NEEDED_STRING}),
    "dns": STRING_SET,
    "dnsOpts": STRING_SET,
    "dnsSearches": STRING_SET,
    "ports": Field("objects", fields=PORT),
    "publishAllPorts": BOOLEAN,
    "networkMode": Field("string", default="bridge"),
    "networksAdvanced": Field("objects", unordered=True, fields=NETWORK_USE),
    "volumes": Field("objects", unordered=True, fields=VOLUME_USE),
    "mounts": Field("objects", unordered=True, fields=MOUNT),
    "tmpfs": updated("map"),
    "readOnly": Field("boolean", default=False),
    "privileged": BOOLEAN,
    "capabilities": Field("object", fields={"adds": STRING_SET, "drops": STRING_SET}),
    "securityOpts": STRING_SET,
    "sysctls": MAP,
    "ulimits": Field("objects", unordered=True, fields=ULIMIT),
    "devices": Field("objects", unordered=True, fields=DEVICE),
    "deviceCgroupRules": STRING_SET,
    "deviceRequests": Field("objects", unordered=True, fields=DEVICE_REQUEST),
    "gpus": STRING,
    "memory": updated("integer", minimum=0),
    "memoryReservation": updated("integer", minimum=0, default=0),
    "memorySwap": updated("integer", minimum=-1),
    "shmSize": Field("integer", minimum=0),
    "cpus": STRING,
    "cpuShares": updated("integer", minimum=0),
    "cpuSet": updated("string", pattern=r"\d+([,-]\d+)*"),
    "cpuPeriod": updated("integer", minimum=0),
    "cpuQuota": updated("integer", minimum=0),
    "restart": updated("string", default="no", pattern="no|on-failure|always|unless-stopped"),
    "maxRetryCount": updated("integer"),
    "init": updated("boolean"),
    "healthcheck": updated("object", fields=HEALTHCHECK),
    "stopSignal": STRING,
    "stopTimeout": INTEGER,
    "destroyGraceSeconds": updated("integer"),
    "removeVolumes": updated("boolean", default=True),
    "start": updated("boolean", default=True),
    "mustRun": updated("boolean", default=True),
    "wait": updated("boolean", default=False),
    "waitTimeout": updated("integer", default=60),
    "rm": updated("boolean", default=False),
    "tty": Field("boolean", default=False),
    "stdinOpen": Field("boolean", default=False),
    "logDriver": STRING,
    "logOpts": MAP,
    "runtime": STRING,
    "platform": STRING,
    "ipcMode": STRING,
    "pidMode": STRING,
    "usernsMode": STRING,
    "cgroupParent": STRING,
    "cgroupnsMode": Field("string", pattern="private|host"),
    "storageOpts": MAP,
    "containerReadRefreshTimeoutMilliseconds": updated("integer", default=15000),
    "attach": LEFT_OUT,
    "logs": LEFT_OUT,
    "uploads": LEFT_OUT,
    "deviceReadBps": LEFT_OUT,
    "deviceReadIops": LEFT_OUT,
    "deviceWriteBps": LEFT_OUT,
    "deviceWriteIops": LEFT_OUT,
}

NETWORK: Fields = {
    "name": STRING,
    "labels": LABELS,
    "driver": STRING,
    "options": MAP,
    "internal": BOOLEAN,
    "attachable": BOOLEAN,
    "ingress": BOOLEAN,
    "ipv6": BOOLEAN,
    "ipamDriver": Field("string", default="default"),
    "ipamOptions": MAP,
    "ipamConfigs": Field(
        "objects",
        unordered=True,
        fields={"subnet": STRING, "ipRange": STRING, "gateway": STRING, "auxAddress": MAP},
    ),
}

VOLUME: Fields = {"name": STRING, "labels": LABELS, "driver": STRING, "driverOpts": MAP, "cluster": LEFT_OUT}

REMOTE_IMAGE: Fields = {
    "name": NEEDED_STRING,
    "keepLocally": updated("boolean"),
    "forceRemove": updated("boolean"),
    "pullTriggers": STRING_SET,
    "triggers": MAP,
    "platform": Field("string", default=""),
    "build": LEFT_OUT,
}
