"""A container's inputs as the body of Docker's `POST /containers/create`.

Source: `resourceDockerContainerCreate` of terraform-provider-docker 4.5.0. The inputs are complete: defaults
are filled in and empty values are absent.
"""

from typing import Any

from toolchain.host.docker.client import labels_of
from toolchain.host.docker.duration import nanoseconds
from toolchain.host.resource import OperationFailed, Properties

MEBIBYTE = 1024 * 1024
# Input -> member of the body, for those that are the same on both sides.
CONFIG = {
    "image": "Image",
    "hostname": "Hostname",
    "domainname": "Domainname",
    "tty": "Tty",
    "stdinOpen": "OpenStdin",
    "stopSignal": "StopSignal",
    "stopTimeout": "StopTimeout",
    "envs": "Env",
    "command": "Cmd",
    "entrypoints": "Entrypoint",
    "user": "User",
    "workingDir": "WorkingDir",
}
HOST_CONFIG = {
    "privileged": "Privileged",
    "publishAllPorts": "PublishAllPorts",
    "runtime": "Runtime",
    "rm": "AutoRemove",
    "readOnly": "ReadonlyRootfs",
    "tmpfs": "Tmpfs",
    "dns": "Dns",
    "dnsOpts": "DnsOptions",
    "dnsSearches": "DnsSearch",
    "deviceCgroupRules": "DeviceCgroupRules",
    "cpuShares": "CpuShares",
    "cpuSet": "CpusetCpus",
    "networkMode": "NetworkMode",
    "usernsMode": "UsernsMode",
    "pidMode": "PidMode",
    "sysctls": "Sysctls",
    "ipcMode": "IpcMode",
    "groupAdds": "GroupAdd",
    "cgroupnsMode": "CgroupnsMode",
    "cgroupParent": "CgroupParent",
    "storageOpts": "StorageOpt",
}


def body(inputs: Properties) -> dict[str, Any]:
    """The whole request."""
    config: dict[str, Any] = {there: inputs[here] for here, there in CONFIG.items() if here in inputs}
    host: dict[str, Any] = {there: inputs[here] for here, there in HOST_CONFIG.items() if here in inputs}
    if "" in inputs.get("command", []):
        raise OperationFailed("values for command may not be empty")
    if "labels" in inputs:
        config["Labels"] = labels_of(inputs["labels"])
    if "healthcheck" in inputs:
        config["Healthcheck"] = _healthcheck(inputs["healthcheck"])
    host["RestartPolicy"] = {"Name": inputs["restart"], "MaximumRetryCount": inputs.get("maxRetryCount", 0)}
    host["LogConfig"] = {"Type": inputs.get("logDriver", ""), "Config": inputs.get("logOpts", {})}
    host["Init"] = inputs.get("init", False)
    host.update(_limits(inputs))
    host.update(_security(inputs))
    host.update(_devices(inputs))
    if "hosts" in inputs:
        host["ExtraHosts"] = [f"{entry['host']}:{entry['ip']}" for entry in inputs["hosts"]]
    if "ulimits" in inputs:
        host["Ulimits"] = [
            {"Name": u["name"], "Soft": u["soft"], "Hard": u["hard"]} for u in inputs["ulimits"]
        ]
    _ports(inputs.get("ports", []), config, host)
    _volumes(inputs.get("volumes", []), config, host)
    host["Mounts"] = [mount(entry) for entry in inputs.get("mounts", [])]
    return {**config, "HostConfig": host, "NetworkingConfig": {}}


def memory_swap(mebibytes: int) -> int:
    """-1 is "no limit" and stays as it is."""
    return mebibytes * MEBIBYTE if mebibytes > 0 else mebibytes


def _limits(inputs: Properties) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    for here, there in (
        ("memory", "Memory"),
        ("memoryReservation", "MemoryReservation"),
        ("shmSize", "ShmSize"),
    ):
        if here in inputs:
            limits[there] = inputs[here] * MEBIBYTE
    if "memorySwap" in inputs:
        limits["MemorySwap"] = memory_swap(inputs["memorySwap"])
    if "cpus" in inputs:
        try:
            limits["NanoCpus"] = round(float(inputs["cpus"]) * 10**9)
        except ValueError as error:
            raise OperationFailed(f"`cpus` is {inputs['cpus']!r}, which is not a number") from error
    else:
        limits.update({"CpuPeriod": inputs.get("cpuPeriod", 0), "CpuQuota": inputs.get("cpuQuota", 0)})
    return limits


def _security(inputs: Properties) -> dict[str, Any]:
    security: dict[str, Any] = {}
    if "capabilities" in inputs:
        capabilities = inputs["capabilities"]
        security.update({"CapAdd": capabilities.get("adds", []), "CapDrop": capabilities.get("drops", [])})
    if "securityOpts" in inputs:
        options = inputs["securityOpts"]
        security["SecurityOpt"] = [option for option in options if option != "systempaths=unconfined"]
        if "systempaths=unconfined" in options:
            # This one is the client's business: the daemon knows it as two empty lists.
            security.update({"MaskedPaths": [], "ReadonlyPaths": []})
    return security


def _devices(inputs: Properties) -> dict[str, Any]:
    devices: dict[str, Any] = {}
    if "devices" in inputs:
        devices["Devices"] = [
            {
                "PathOnHost": device["hostPath"],
                "PathInContainer": device.get("containerPath", device["hostPath"]),
                "CgroupPermissions": device["permissions"],
            }
            for device in inputs["devices"]
        ]
    if "deviceRequests" in inputs:
        devices["DeviceRequests"] = [
            {
                "Driver": request["driver"],
                "Count": request["count"],
                "DeviceIDs": request.get("deviceIds", []),
                "Capabilities": [request.get("capabilities", [])],
                "Options": request.get("options", {}),
            }
            for request in inputs["deviceRequests"]
        ]
    if "gpus" in inputs:
        devices["DeviceRequests"] = [_gpus(inputs["gpus"].strip().strip("\"'"))]
    return devices


def _gpus(text: str) -> dict[str, Any]:
    """`all`, a number, or `device=0,2`: the forms of `docker run --gpus` that name no driver."""
    request: dict[str, Any] = {"Driver": "", "Count": 0, "Capabilities": [["gpu"]], "Options": {}}
    if text == "all":
        return {**request, "Count": -1}
    if text.isdigit():
        return {**request, "Count": int(text)}
    if text.startswith("device="):
        return {**request, "DeviceIDs": text.removeprefix("device=").split(",")}
    raise OperationFailed(
        f"`gpus` is {text!r}; this stand-in plugin takes `all`, a number or `device=<id>[,<id>]`"
    )


def _healthcheck(check: Properties) -> dict[str, Any]:
    body = {
        "Test": check.get("tests", []),
        "Interval": nanoseconds(check["interval"]),
        "Timeout": nanoseconds(check["timeout"]),
        "StartPeriod": nanoseconds(check["startPeriod"]),
        "Retries": check["retries"],
    }
    start_interval = nanoseconds(check["startInterval"])
    return {**body, "StartInterval": start_interval} if start_interval else body


def _ports(ports: list[Properties], config: dict[str, Any], host: dict[str, Any]) -> None:
    for port in ports:
        key = f"{port['internal']}/{port['protocol']}"
        binding = {"HostIp": port["ip"], "HostPort": str(port.get("external", 0))}
        config.setdefault("ExposedPorts", {})[key] = {}
        host.setdefault("PortBindings", {}).setdefault(key, []).append(binding)


def _volumes(volumes: list[Properties], config: dict[str, Any], host: dict[str, Any]) -> None:
    for volume in volumes:
        source, path = volume.get("fromContainer"), volume.get("containerPath")
        if bool(source) == bool(path):
            raise OperationFailed("an entry of `volumes` needs either `containerPath` or `fromContainer`")
        if source:
            host.setdefault("VolumesFrom", []).append(source)
            continue
        config.setdefault("Volumes", {})[path] = {}
        name = volume.get("hostPath") or volume.get("volumeName")
        if name:
            mode = ["ro" if volume.get("readOnly") else "rw", volume.get("selinuxRelabel")]
            host.setdefault("Binds", []).append(f"{name}:{path}:{','.join(part for part in mode if part)}")


def mount(entry: Properties) -> dict[str, Any]:
    """One entry of `mounts`, which containers and services have alike."""
    found: dict[str, Any] = {
        "Type": entry["type"],
        "Target": entry["target"],
        "Source": entry.get("source", ""),
        "ReadOnly": entry.get("readOnly", False),
    }
    if entry["type"] == "bind" and "bindOptions" in entry:
        found["BindOptions"] = {"Propagation": entry["bindOptions"].get("propagation", "")}
    if entry["type"] == "volume" and "volumeOptions" in entry:
        options = entry["volumeOptions"]
        driver = {"Name": options.get("driverName", ""), "Options": options.get("driverOptions", {})}
        found["VolumeOptions"] = {
            "NoCopy": options.get("noCopy", False),
            "Labels": labels_of(options.get("labels", [])),
            "DriverConfig": driver,
            "Subpath": options.get("subpath", ""),
        }
    if entry["type"] == "tmpfs" and "tmpfsOptions" in entry:
        options = entry["tmpfsOptions"]
        found["TmpfsOptions"] = {"SizeBytes": options.get("sizeBytes", 0), "Mode": options.get("mode", 0)}
    return found
