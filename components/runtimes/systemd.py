"""systemd: user units without root, or hardened system units.

Directives: systemd.exec(5), systemd.service(5), systemd.resource-control(5).
"""

from __future__ import annotations

import pulumi

from components.runtimes.base import Capability, Stack
from components.runtimes.native import NativeService

Setting = str | tuple[str, ...] | None
"""A directive's value; a tuple is one line for each item, None leaves the directive out."""

# Each narrows what the process can reach; none needs a privilege of the manager.
_PRIVILEGES: dict[str, Setting] = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "RestrictRealtime": "yes",
    "RestrictNamespaces": "yes",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": ("@system-service", "~@privileged @resources"),
    "SystemCallErrorNumber": "EPERM",
    "UMask": "0077",
}
# These need mount and user namespaces: only the system manager has them on every distribution.
_SANDBOX: dict[str, Setting] = {
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "PrivateUsers": "yes",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes",
    "ProtectProc": "invisible",
    "ProcSubset": "pid",
    "RemoveIPC": "yes",
    "DevicePolicy": "closed",
    "IPAddressDeny": "any",
    "IPAddressAllow": "localhost",
}


def _lines(key: str, value: Setting) -> str:
    values = (value,) if isinstance(value, str) else value or ()
    return "".join(f"{key}={item}\n" for item in values)


def _quoted(word: str) -> str:
    # systemd.service(5), COMMAND LINES: % and $ are expanded, quotes and backslashes interpreted.
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if not text or any(c in text for c in " \t\"'\\;") else text


def _assignment(key: str, value: str) -> str:
    text = f"{key}={value}".replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"'


class SystemdUnits:
    """One service unit a service; limits are the kernel's."""

    name = "systemd"
    capabilities = frozenset(
        {Capability.MEMORY_LIMIT, Capability.CPU_LIMIT, Capability.PROCESS_LIMIT}
    )

    def __init__(self, scope: str, home: str) -> None:
        self.scope = scope
        self._directory = (
            "/etc/systemd/system" if scope == "system" else f"{home}/.config/systemd/user"
        )

    def unit(self, stack: Stack, service: str) -> str:
        """Name of the unit of ``service``."""
        return f"hearth-{stack.name}-{service}.service"

    def path(self, service: NativeService) -> str:
        """In the manager's own directory."""
        return f"{self._directory}/{self.unit(service.stack, service.spec.name)}"

    def _limits(self, service: NativeService) -> dict[str, str]:
        resources = service.spec.resources
        limits = {
            "MemoryMax": str(resources.memory),
            "MemorySwapMax": "0",
            "MemoryLow": str(resources.reservation or resources.memory // 2),
            "TasksMax": str(resources.pids),
        }
        if resources.cpus is not None:
            limits["CPUQuota"] = f"{resources.cpus * 100:g}%"
        return limits

    def _sandbox(self, service: NativeService) -> dict[str, Setting]:
        lines = dict(_PRIVILEGES)
        if not service.spec.security.executable_memory:
            lines["MemoryDenyWriteExecute"] = "yes"
        if self.scope == "system":
            lines |= _SANDBOX
            lines["ReadWritePaths"] = _quoted(service.directory)
            if "egress" in service.spec.networks:
                # It fetches from outside, so it may speak to any address.
                del lines["IPAddressDeny"], lines["IPAddressAllow"]
        return lines

    def render(self, service: NativeService) -> str:
        """The unit's text."""
        spec, process = service.spec, service.spec.process
        needs = " ".join(self.unit(service.stack, name) for name in spec.needs)
        unit: dict[str, Setting] = {
            "Description": f"{spec.description} of Hearth stack {service.stack.name}",
            "After": f"network.target {needs}".strip(),
            "Wants": needs or None,
            "StartLimitIntervalSec": "0",
        }
        body: dict[str, Setting] = {
            "Type": "exec",
            "ExecStart": " ".join(_quoted(word) for word in service.argv),
            "WorkingDirectory": _quoted(service.directory),
            "User": service.account if self.scope == "system" else None,
            "Environment": " ".join(
                _assignment(key, value) for key, value in sorted(service.environment.items())
            ),
            "Restart": "always",
            "RestartSec": "2",
            "KillSignal": process.stop_signal,
            "KillMode": "mixed",
            "TimeoutStopSec": str(process.stop_seconds),
            **self._limits(service),
            **self._sandbox(service),
        }
        target = "multi-user.target" if self.scope == "system" else "default.target"
        sections: dict[str, dict[str, Setting]] = {"Unit": unit, "Service": body, "Install": {"WantedBy": target}}
        text = "# written by Hearth; changes made here are replaced\n"
        for section, lines in sections.items():
            text += f"[{section}]\n"
            text += "".join(_lines(key, value) for key, value in lines.items())
            text += "\n"
        return text.rstrip("\n") + "\n"

    def prepare(self, stack: Stack, parent: pulumi.Resource) -> list[pulumi.Resource]:
        """Nothing: the manager runs already."""
        return []
