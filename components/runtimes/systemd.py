"""systemd: user units without root, or hardened system units.

Directives: systemd.exec(5), systemd.service(5), systemd.resource-control(5).
"""

from __future__ import annotations

import pulumi

from components.context import Logs
from components.programs import HOMES
from components.runtimes.base import Capability, Stack
from components.runtimes.native import NativeService
from components.schedules import on_calendar

Setting = str | tuple[str, ...] | None
"""A directive's value; a tuple is one line for each item, None leaves the directive out."""

# Filters of the process itself: any manager can set them, for they only need NoNewPrivileges.
_PROCESS: dict[str, Setting] = {
    "NoNewPrivileges": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "RestrictRealtime": "yes",
    "RestrictNamespaces": "yes",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
    "SystemCallArchitectures": "native",
    # @resources sets priorities and affinities; whoever tries is told EPERM, and goes on without.
    "SystemCallFilter": ("@system-service", "~@privileged @resources"),
    "SystemCallErrorNumber": "EPERM",
    "UMask": "0077",
}
# What the process sees of the files. Where a user's manager cannot give it a view of its own, it leaves
# these out and starts it all the same.
_FILES: dict[str, Setting] = {
    "ProtectSystem": "strict",
    "PrivateTmp": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "ProtectProc": "invisible",
}
# Only the system's manager has the privileges for these: under a user's, those that drop capabilities fail
# the unit (218/CAPABILITIES). There is no ProcSubset=pid: it hides /proc/meminfo, from which Ollama knows
# how much memory is free.
_SYSTEM: dict[str, Setting] = {
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "PrivateUsers": "yes",
    "PrivateDevices": "yes",
    "DevicePolicy": "closed",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelLogs": "yes",
    # Kept where the kernel has BPF; elsewhere systemd warns in the journal and goes on.
    "IPAddressDeny": "any",
    "IPAddressAllow": "localhost",
}
LINGER = "units of a user start at boot only where that user lingers: loginctl enable-linger"
# NVIDIA, AMD; a class that the kernel does not have is passed over.
_GPUS = (
    "char-nvidia", "char-nvidiactl", "char-nvidia-frontend", "char-nvidia-caps", "char-nvidia-uvm",
    "char-drm", "char-kfd",
)  # fmt: skip


def _lines(key: str, value: Setting) -> str:
    values = (value,) if isinstance(value, str) else value or ()
    return "".join(f"{key}={item}\n" for item in values)


def _escaped(text: str) -> str:
    # systemd.syntax(7), QUOTING, and systemd.unit(5), SPECIFIERS; a line break would end the directive.
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return text.replace("\n", "\\n").replace("\r", "\\r")


def _quoted(word: str) -> str:
    # systemd.service(5), COMMAND LINES: a dollar sign stands for a variable there.
    text = _escaped(word).replace("$", "$$")
    return f'"{text}"' if not text or any(c in text for c in " \t\"'\\;") else text


def _path(path: str) -> str:
    # A directive that lists paths knows no variables.
    return f'"{_escaped(path)}"' if any(c in path for c in " \t\"'\\") else _escaped(path)


def _assignment(key: str, value: str) -> str:
    return f'"{_escaped(f"{key}={value}")}"'


def _text(sections: dict[str, dict[str, Setting]]) -> str:
    parts = []
    for section, lines in sections.items():
        parts.append(f"[{section}]\n" + "".join(_lines(key, value) for key, value in lines.items()))
    return "# written by Hearth; changes made here are replaced\n" + "\n".join(parts)


class SystemdUnits:
    """One service unit a service; limits are the kernel's."""

    name = "systemd"
    capabilities = frozenset(Capability) - {Capability.NETWORKS}
    watched: frozenset[Capability] = frozenset()

    def __init__(self, scope: str, home: str, *, user_namespaces: bool = False) -> None:
        self.scope = scope
        # They wait for the user's manager, which waits for a login.
        self.remarks = () if scope == "system" else (LINGER,)
        self._user_namespaces = user_namespaces
        self._directory = "/etc/systemd/system" if scope == "system" else f"{home}/.config/systemd/user"

    def unit(self, stack: Stack, service: str) -> str:
        """Name of the unit of ``service``."""
        return f"{self._identifier(stack, service)}.service"

    def _identifier(self, stack: Stack, service: str) -> str:
        # No service of a stack has a dot in its name.
        return f"hearth-{stack.name}-{service}"

    def path(self, service: NativeService) -> str:
        """In the manager's own directory: the service, or the timer that starts it."""
        suffix = "timer" if service.spec.schedule else "service"
        return f"{self._directory}/{self._identifier(service.stack, service.spec.name)}.{suffix}"

    def beside(self, service: NativeService) -> dict[str, str]:
        """The service that a timer starts."""
        if not service.spec.schedule:
            return {}
        return {f"{self._directory}/{self._job(service)}": self._service(service)}

    def _job(self, service: NativeService) -> str:
        return f"{self._identifier(service.stack, service.spec.name)}.job.service"

    def _limits(self, service: NativeService) -> dict[str, str]:
        resources = service.spec.resources
        limits = {
            "MemoryMax": str(resources.memory),
            "MemorySwapMax": "0",
            "MemoryLow": str(resources.reservation or resources.memory // 2),
            "TasksMax": str(resources.pids),
        }
        if resources.cpu_weight is not None:
            limits["CPUWeight"] = str(resources.cpu_weight)
        if resources.cpus is not None:
            limits["CPUQuota"] = f"{resources.cpus * 100:g}%"
        return limits

    def _sandbox(self, service: NativeService) -> dict[str, Setting]:
        root, spec = service.stack.root, service.spec
        lines = _PROCESS | _FILES
        # Bound, not only writable: so they are there, too, when the data is below a home or /var/tmp.
        lines["BindPaths"] = _path(service.directory)
        seen = (f"{root}/bin", f"{root}/packages", *spec.reads)
        lines["BindReadOnlyPaths"] = tuple(_path(f"-{path}") for path in seen)
        if not spec.security.executable_memory:
            lines["MemoryDenyWriteExecute"] = "yes"
        if self.scope == "user":
            # A user's programs may lie in the home, so it can be read.
            lines["ProtectHome"] = "read-only"
            if self._user_namespaces:
                # With these a user's manager has the privileges that _FILES needs. From systemd 254 on it
                # takes them unasked; before, it must be asked, and fails the unit where there are none.
                lines["PrivateUsers"] = "yes"
            return lines
        lines |= _SYSTEM
        lines["ProtectHome"] = "tmpfs" if f"{root}/".startswith(HOMES) else "yes"
        if "egress" in spec.networks:
            # It fetches from outside, so it may speak to any address.
            del lines["IPAddressDeny"], lines["IPAddressAllow"]
        if spec.security.sees_processes:
            lines["ProtectProc"] = "default"
        if spec.security.reads_logs:
            lines["SupplementaryGroups"] = "systemd-journal"
        if spec.resources.gpu_memory:
            # A private /dev has no GPU in it.
            del lines["PrivateDevices"]
            lines["DeviceAllow"] = tuple(f"{name} rw" for name in _GPUS)
        return lines

    def render(self, service: NativeService) -> str:
        """The unit's text."""
        return self._timer(service) if service.spec.schedule else self._service(service)

    def _timer(self, service: NativeService) -> str:
        assert service.spec.schedule is not None
        return _text(
            {
                "Unit": {
                    "Description": f"Times of {service.spec.description} of Hearth stack {service.stack.name}"
                },
                "Timer": {
                    "OnCalendar": on_calendar(service.spec.schedule.cron),
                    "AccuracySec": "1s",
                    "Unit": self._job(service),
                },
                "Install": {"WantedBy": "timers.target"},
            }
        )

    def _service(self, service: NativeService) -> str:
        spec, process = service.spec, service.spec.process
        needs = " ".join(self.unit(service.stack, name) for name in spec.needs)
        unit: dict[str, Setting] = {
            "Description": f"{spec.description} of Hearth stack {service.stack.name}",
            "After": f"network.target {needs}".strip(),
            "Wants": needs or None,
            "StartLimitIntervalSec": "0",
        }
        body: dict[str, Setting] = {
            "Type": "oneshot" if spec.schedule else "exec",
            "ExecStart": " ".join(_quoted(word) for word in service.command_line("once")),
            # The one path that is taken to the end of its line: quotes would belong to it.
            "WorkingDirectory": service.directory.replace("%", "%%"),
            "User": service.account if self.scope == "system" else None,
            "Environment": " ".join(
                _assignment(key, value) for key, value in sorted(service.environment.items())
            ),
            "Restart": None if spec.schedule else "always",
            "RestartSec": None if spec.schedule else "1",
            "SyslogIdentifier": self._identifier(service.stack, spec.name),
            "KillSignal": process.stop_signal,
            "KillMode": "mixed",
            "TimeoutStopSec": str(process.stop_seconds),
            **self._limits(service),
            **self._sandbox(service),
        }
        target = "multi-user.target" if self.scope == "system" else "default.target"
        sections: dict[str, dict[str, Setting]] = {
            "Unit": unit,
            "Service": body,
        }
        if not spec.schedule:
            sections["Install"] = {"WantedBy": target}
        return _text(sections)

    def logs(self, stack: Stack) -> Logs:
        """The journal, which nobody but systemd tells the unit of a line.

        Of a user's units it loses the unit of a process that has ended before the journal looks: a server's
        for one connection, say. What it is told once for all that a unit writes stays.
        """
        if self.scope == "system":
            return Logs(
                units="_SYSTEMD_UNIT", service=f"^{self._identifier(stack, '(?P<service>[^.]+)')}[.].+$"
            )
        return Logs(units="SYSLOG_IDENTIFIER", service=f"^{self._identifier(stack, '(?P<service>.+)')}$")

    def prepare(self, stack: Stack, parent: pulumi.Resource) -> list[pulumi.Resource]:
        """Nothing: the manager runs already."""
        return []
