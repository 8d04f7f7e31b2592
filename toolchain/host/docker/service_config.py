"""A service's inputs as Docker's `POST /services/create` wants them.

Source: `resource_docker_service_structures.go` of terraform-provider-docker 4.5.0. The inputs are complete.
"""

from typing import Any

from toolchain.host.docker.client import labels_of
from toolchain.host.docker.container_config import mount
from toolchain.host.docker.duration import nanoseconds
from toolchain.host.resource import Properties

# Input -> member of ContainerSpec, for those that are the same on both sides.
CONTAINER_SPEC = {
    "image": "Image",
    "commands": "Command",
    "args": "Args",
    "hostname": "Hostname",
    "dir": "Dir",
    "user": "User",
    "groups": "Groups",
    "readOnly": "ReadOnly",
    "capAdds": "CapabilityAdd",
    "capDrops": "CapabilityDrop",
    "stopSignal": "StopSignal",
    "init": "Init",
    "sysctl": "Sysctls",
}
AMOUNTS = {"memoryBytes": "MemoryBytes", "nanoCpus": "NanoCPUs"}


def arguments(inputs: Properties) -> dict[str, Any]:
    """Keyword arguments of the client's `create_service` and `update_service`."""
    endpoint = inputs.get("endpointSpec", {})
    found: dict[str, Any] = {
        "task_template": _task(inputs["taskSpec"]),
        "name": inputs["name"],
        "labels": labels_of(inputs.get("labels", [])),
        "mode": {"Replicated": {"Replicas": _replicas(inputs)}},
        "endpoint_spec": {
            "Mode": endpoint.get("mode", "vip"),
            "Ports": [_port(port) for port in endpoint.get("ports", [])],
        },
    }
    for here, there in (("updateConfig", "update_config"), ("rollbackConfig", "rollback_config")):
        if here in inputs:
            found[there] = _change(inputs[here])
    return found


def _replicas(inputs: Properties) -> int:
    return inputs.get("mode", {}).get("replicated", {}).get("replicas", 1)


def _task(spec: Properties) -> dict[str, Any]:
    task: dict[str, Any] = {
        "ContainerSpec": _container(spec["containerSpec"]),
        "ForceUpdate": spec["forceUpdate"],
        "Runtime": spec["runtime"],
    }
    if "resources" in spec:
        sides = (("limits", "Limits"), ("reservation", "Reservations"))
        task["Resources"] = {
            there: {AMOUNTS[key]: amount for key, amount in spec["resources"][here].items()}
            for here, there in sides
            if here in spec["resources"]
        }
    if "restartPolicy" in spec:
        policy = spec["restartPolicy"]
        task["RestartPolicy"] = {
            "Condition": policy["condition"],
            "Delay": nanoseconds(policy["delay"]),
            "MaxAttempts": policy.get("maxAttempts", 0),
            "Window": nanoseconds(policy["window"]),
        }
    if "placement" in spec:
        task["Placement"] = {"Constraints": spec["placement"].get("constraints", [])}
    if "networksAdvanceds" in spec:
        task["Networks"] = [
            {"Target": entry.get("id") or entry["name"], "Aliases": entry.get("aliases", [])}
            for entry in spec["networksAdvanceds"]
        ]
    if "logDriver" in spec:
        task["LogDriver"] = {
            "Name": spec["logDriver"]["name"],
            "Options": spec["logDriver"].get("options", {}),
        }
    return task


def _container(spec: Properties) -> dict[str, Any]:
    found = {there: spec[here] for here, there in CONTAINER_SPEC.items() if here in spec}
    found["Labels"] = labels_of(spec.get("labels", []))
    found["Env"] = [f"{key}={value}" for key, value in sorted(spec.get("env", {}).items())]
    found["StopGracePeriod"] = nanoseconds(spec["stopGracePeriod"])
    found["Mounts"] = [mount(entry) for entry in spec.get("mounts", [])]
    found["Hosts"] = [f"{entry['ip']} {entry['host']}" for entry in spec.get("hosts", [])]
    found["Secrets"] = [
        {
            "SecretID": secret["secretId"],
            "SecretName": secret.get("secretName", ""),
            "File": {
                "Name": secret["fileName"],
                "UID": secret["fileUid"],
                "GID": secret["fileGid"],
                "Mode": secret["fileMode"],
            },
        }
        for secret in spec.get("secrets", [])
    ]
    if "healthcheck" in spec:
        check = spec["healthcheck"]
        found["Healthcheck"] = {
            "Test": check.get("tests", []),
            "Interval": nanoseconds(check["interval"]),
            "Timeout": nanoseconds(check["timeout"]),
            "StartPeriod": nanoseconds(check["startPeriod"]),
            "Retries": check["retries"],
        }
    return found


def _change(config: Properties) -> dict[str, Any]:
    return {
        "Parallelism": config["parallelism"],
        "Delay": nanoseconds(config["delay"]),
        "FailureAction": config["failureAction"],
        "Monitor": nanoseconds(config["monitor"]),
        "MaxFailureRatio": float(config["maxFailureRatio"]),
        "Order": config["order"],
    }


def _port(port: Properties) -> dict[str, Any]:
    return {
        "Name": port.get("name", ""),
        "Protocol": port["protocol"],
        "TargetPort": port["targetPort"],
        "PublishedPort": port.get("publishedPort", 0),
        "PublishMode": port["publishMode"],
    }
