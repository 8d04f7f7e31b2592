"""How what exists differs from what the stack file would make. Pure.

``wanted`` are a resource's inputs as a preview tells them, ``found`` is Docker's answer to an inspection:
https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Container/operation/ContainerInspect
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.runtimes.docker_arguments import go_duration

_MIB, _NANO = 1024**2, 10**9
Facts = dict[str, Any]


def container(wanted: Mapping[str, Any], found: Mapping[str, Any], image: Mapping[str, Any]) -> Iterator[str]:
    """One sentence a difference; ``image`` is what it brings itself. Values of variables are not shown."""
    if not found["State"]["Running"]:
        yield f"it is {found['State']['Status']}, and only what runs is adopted; start it"
    yield from _compared(_of_inputs(wanted), _of_inspection(found))
    yield from _environment(
        wanted["envs"], found["Config"].get("Env") or [], image["Config"].get("Env") or []
    )
    labels = {entry["label"]: entry["value"] for entry in wanted.get("labels", [])}
    yield from _labels(labels, found["Config"].get("Labels") or {}, image["Config"].get("Labels") or {})
    yield from _networks(wanted.get("networksAdvanced", []), found["NetworkSettings"]["Networks"])


def network(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """The same of a network."""
    yield from _compared(
        {"driver": wanted["driver"], "internal": wanted["internal"]},
        {"driver": found["Driver"], "internal": found["Internal"]},
    )
    labels = {entry["label"]: entry["value"] for entry in wanted["labels"]}
    yield from _labels(labels, found["Labels"] or {}, {})


def volume(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """The same of a volume: its labels may be absent, and must not be another's."""
    labels = found["Labels"] or {}
    for entry in wanted["labels"]:
        there = labels.get(entry["label"], entry["value"])
        if there != entry["value"]:
            yield f"label {entry['label']} is {there}, and would be {entry['value']}"


def _compared(wanted: Facts, found: Facts) -> Iterator[str]:
    for key, value in wanted.items():
        if found[key] != value:
            yield f"{key} is {_shown(found[key])}, and would be {_shown(value)}"


def _shown(value: Any) -> str:
    if value in (None, "", [], {}):
        return "nothing"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _of_inputs(wanted: Mapping[str, Any]) -> Facts:
    check = wanted.get("healthcheck") or {}
    capabilities = wanted.get("capabilities") or {}
    return {
        "image": wanted["image"],
        "hostname": wanted["hostname"],
        "user": wanted["user"],
        "entry point": wanted.get("entrypoints") or [],
        "command": wanted.get("command") or [],
        "read-only root": wanted["readOnly"],
        "privileged": False,
        "dropped capabilities": sorted(capabilities.get("drops") or []),
        "added capabilities": sorted(capabilities.get("adds") or []),
        "security options": sorted(wanted.get("securityOpts") or []),
        "tmpfs": wanted.get("tmpfs") or {},
        "memory (MiB)": int(wanted["memory"]),
        "memory and swap (MiB)": int(wanted["memorySwap"]),
        "memory reservation (MiB)": int(wanted["memoryReservation"]),
        "cpus": float(wanted.get("cpus") or 0),
        "shared memory (MiB)": int(wanted.get("shmSize") or 64),
        "GPUs": bool(wanted.get("gpus")),
        "restart": wanted["restart"],
        "stop signal": wanted["stopSignal"],
        "stop timeout": int(wanted["stopTimeout"]),
        "log driver": wanted["logDriver"],
        "log options": wanted["logOpts"],
        "health check": [
            *check.get("tests", []),
            *(f"{key} {check[key]}" for key in ("interval", "timeout", "startPeriod") if check),
            *([f"retries {int(check['retries'])}"] if check else []),
        ],
        "hosts": sorted(f"{entry['host']}:{entry['ip']}" for entry in wanted.get("hosts") or []),
        "published ports": sorted(
            f"{entry['ip']}:{int(entry['external'])}->{int(entry['internal'])}"
            for entry in wanted.get("ports") or []
        ),
        "mounts": sorted(
            f"{entry.get('volumeName') or entry['hostPath']}:{entry['containerPath']}"
            f"{':ro' if entry.get('readOnly') else ''}"
            for entry in wanted.get("volumes") or []
        ),
    }


def _of_inspection(found: Mapping[str, Any]) -> Facts:
    config, host = found["Config"], found["HostConfig"]
    check = config.get("Healthcheck") or {}
    bindings = host.get("PortBindings") or {}
    return {
        "image": found["Image"],
        "hostname": config["Hostname"],
        "user": config["User"],
        "entry point": config.get("Entrypoint") or [],
        "command": config.get("Cmd") or [],
        "read-only root": host["ReadonlyRootfs"],
        "privileged": host["Privileged"],
        "dropped capabilities": sorted(host.get("CapDrop") or []),
        "added capabilities": sorted(host.get("CapAdd") or []),
        "security options": sorted(host.get("SecurityOpt") or []),
        "tmpfs": host.get("Tmpfs") or {},
        "memory (MiB)": host["Memory"] // _MIB,
        "memory and swap (MiB)": host["MemorySwap"] // _MIB,
        "memory reservation (MiB)": host["MemoryReservation"] // _MIB,
        "cpus": (host.get("NanoCpus") or 0) / _NANO,
        "shared memory (MiB)": host["ShmSize"] // _MIB,
        "GPUs": bool(host.get("DeviceRequests")),
        "restart": host["RestartPolicy"]["Name"],
        "stop signal": config.get("StopSignal") or "SIGTERM",
        "stop timeout": config.get("StopTimeout") or 0,
        "log driver": host["LogConfig"]["Type"],
        "log options": host["LogConfig"]["Config"] or {},
        "health check": [
            *check.get("Test", []),
            *(
                f"{key[0].lower()}{key[1:]} {go_duration((check.get(key) or 0) // _NANO)}"
                for key in ("Interval", "Timeout", "StartPeriod")
                if check
            ),
            *([f"retries {check.get('Retries', 0)}"] if check else []),
        ],
        "hosts": sorted(host.get("ExtraHosts") or []),
        "published ports": sorted(
            f"{entry['HostIp']}:{entry['HostPort']}->{port.partition('/')[0]}"
            for port, entries in bindings.items()
            for entry in entries or []
        ),
        "mounts": sorted(
            f"{entry.get('Name') or entry['Source']}:{entry['Destination']}{'' if entry['RW'] else ':ro'}"
            for entry in found["Mounts"]
            if entry["Type"] in ("volume", "bind")
        ),
    }


def _environment(wanted: list[str], found: list[str], image: list[str]) -> Iterator[str]:
    """What the image sets itself is nobody's, unless the stack file says otherwise."""
    mine = dict(entry.partition("=")[::2] for entry in wanted)
    there = dict(entry.partition("=")[::2] for entry in found)
    brought = dict(entry.partition("=")[::2] for entry in image)
    for name in sorted(mine.keys() - there.keys()):
        yield f"variable {name} is missing"
    for name in sorted(mine.keys() & there.keys()):
        if mine[name] != there[name]:
            yield f"variable {name} has another value"
    for name in sorted(there.keys() - mine.keys()):
        if there[name] != brought.get(name):
            yield f"variable {name} would not be there"


def _labels(wanted: Facts, found: Facts, brought: Facts) -> Iterator[str]:
    for name in sorted({*wanted, *found}):
        mine, there = wanted.get(name), found.get(name)
        if mine != there and not (mine is None and brought.get(name) == there):
            yield f"label {name} is {_shown(there)}, and would be {_shown(mine)}"


def _networks(wanted: list[Facts], found: Mapping[str, Facts]) -> Iterator[str]:
    names = {entry["name"]: set(entry.get("aliases") or []) for entry in wanted}
    if names.keys() != found.keys():
        yield f"networks is {_shown(sorted(found))}, and would be {_shown(sorted(names))}"
    for name in sorted(names.keys() & found.keys()):
        missing = names[name] - set(found[name].get("Aliases") or [])
        if missing:
            yield f"network {name}: it is not called {_shown(sorted(missing))} there"
