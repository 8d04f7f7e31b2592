"""What `docker inspect` says of a container, as the resource's outputs.

Source: `resourceDockerContainerRead` of terraform-provider-docker 4.5.0: these attributes are read back, the
others stay as they were given. Its quirk that a container without a `memorySwap` input shows a difference
for ever (Docker sets twice the memory) is left out: what is compared is the inputs.
"""

import json
from decimal import Decimal
from typing import Any

from toolchain.host.docker.container_config import MEBIBYTE
from toolchain.host.docker.duration import written
from toolchain.host.docker.inputs import DEFAULTED, complete
from toolchain.host.docker.schema import CONTAINER
from toolchain.host.resource import Properties

# The version of the official provider's own state format, which it upgrades from where it finds none.
META = json.dumps({"schema_version": "2"})
# What someone can change on a container that exists: a refresh reports these, and the next preview shows
# them.
DRIFTING = (
    "name", "memory", "memoryReservation", "memorySwap", "cpus", "cpuShares", "cpuSet", "restart",
    "maxRetryCount", "mustRun", "gpus",
)  # fmt: skip


def outputs(inputs: Properties, inspected: dict[str, Any]) -> Properties:
    """The inputs with their defaults, overlaid with what is read back."""
    given = complete({key: value for key, value in inputs.items() if key != DEFAULTED}, CONTAINER)
    config, host = inspected["Config"], inspected["HostConfig"]
    state, network = inspected["State"], inspected.get("NetworkSettings") or {}
    live: Properties = {
        "__meta": META,
        "name": inspected["Name"].lstrip("/"),
        "image": inspected["Image"] if given["image"].startswith("sha256:") else config["Image"],
        "hostname": config.get("Hostname", ""),
        "domainname": config.get("Domainname", ""),
        "command": config.get("Cmd") or [],
        "entrypoints": config.get("Entrypoint") or [],
        "user": config.get("User", ""),
        "workingDir": config.get("WorkingDir", ""),
        "tty": config.get("Tty", False),
        "stdinOpen": config.get("OpenStdin", False),
        "stopSignal": config.get("StopSignal", ""),
        "stopTimeout": config.get("StopTimeout") or 0,
        "rm": host.get("AutoRemove", False),
        "readOnly": host.get("ReadonlyRootfs", False),
        "privileged": host.get("Privileged", False),
        "publishAllPorts": host.get("PublishAllPorts", False),
        "restart": host["RestartPolicy"].get("Name") or "no",
        "maxRetryCount": host["RestartPolicy"].get("MaximumRetryCount", 0),
        "init": bool(host.get("Init")),
        "runtime": host.get("Runtime", ""),
        "platform": inspected.get("Platform", ""),
        "securityOpts": host.get("SecurityOpt") or [],
        "logDriver": host["LogConfig"].get("Type", ""),
        "networkMode": host.get("NetworkMode", ""),
        "usernsMode": host.get("UsernsMode", ""),
        "ipcMode": host.get("IpcMode", ""),
        "shmSize": (host.get("ShmSize") or 0) // MEBIBYTE,
        "memory": (host.get("Memory") or 0) // MEBIBYTE,
        "memoryReservation": (host.get("MemoryReservation") or 0) // MEBIBYTE,
        "memorySwap": _swap(host.get("MemorySwap") or 0),
        "cpuShares": host.get("CpuShares") or 0,
        "cpuSet": host.get("CpusetCpus", ""),
        "bridge": network.get("Bridge", ""),
        "networkDatas": [
            _network(name, data) for name, data in sorted((network.get("Networks") or {}).items())
        ],
        "containerLogs": "",
        "exitCode": 0 if state["Running"] else state.get("ExitCode", 0),
    }
    if host.get("NanoCpus"):
        live["cpus"] = f"{(Decimal(host['NanoCpus']) / 10**9).normalize():f}"
    if config.get("Healthcheck"):
        live["healthcheck"] = _healthcheck(config["Healthcheck"])
    if host.get("CapAdd") or host.get("CapDrop"):
        live["capabilities"] = {"adds": host.get("CapAdd") or [], "drops": host.get("CapDrop") or []}
    if "ports" in given and state["Running"]:
        live["ports"] = _ports(network.get("Ports") or {})
    if "gpus" in given:
        live["gpus"] = _gpus(host.get("DeviceRequests") or [])
    if given["mustRun"] and not state["Running"]:
        live["mustRun"] = False
    return {"attach": False, "logs": False, "envs": [], "labels": [], **given, **live}


def drifted(inputs: Properties, old: Properties, new: Properties) -> Properties:
    """The inputs with what has changed since the state was written, so that the next preview shows it."""
    changed = {key: new[key] for key in DRIFTING if key in new and old.get(key) != new[key]}
    return {**inputs, **changed} if old else {**inputs, **{key: new[key] for key in ("name", "image")}}


def _gpus(requests: list[dict[str, Any]]) -> str:
    """In the words of the input; nothing where the container has no GPU."""
    for request in requests:
        if ["gpu"] in (request.get("Capabilities") or []):
            devices = ",".join(request.get("DeviceIDs") or [])
            count = request.get("Count", 0)
            return f"device={devices}" if devices else "all" if count == -1 else str(count)
    return ""


def _swap(count: int) -> int:
    return count // MEBIBYTE if count > 0 else count


def _network(name: str, data: dict[str, Any]) -> Properties:
    return {
        "networkName": name,
        "ipAddress": data.get("IPAddress", ""),
        "ipPrefixLength": data.get("IPPrefixLen", 0),
        "gateway": data.get("Gateway", ""),
        "globalIpv6Address": data.get("GlobalIPv6Address", ""),
        "globalIpv6PrefixLength": data.get("GlobalIPv6PrefixLen", 0),
        "ipv6Gateway": data.get("IPv6Gateway", ""),
        "macAddress": data.get("MacAddress", ""),
    }


def _healthcheck(check: dict[str, Any]) -> Properties:
    return {
        "tests": check.get("Test") or [],
        "interval": written(check.get("Interval") or 0),
        "timeout": written(check.get("Timeout") or 0),
        "startPeriod": written(check.get("StartPeriod") or 0),
        "startInterval": written(check.get("StartInterval") or 0),
        "retries": check.get("Retries") or 0,
    }


def _ports(ports: dict[str, Any]) -> list[Properties]:
    return [
        {
            "internal": int(key.split("/")[0]),
            "external": int(binding["HostPort"]),
            "ip": binding["HostIp"],
            "protocol": key.split("/")[1],
        }
        for key, bindings in sorted(ports.items(), key=lambda item: int(item[0].split("/")[0]))
        for binding in bindings or []
    ]
