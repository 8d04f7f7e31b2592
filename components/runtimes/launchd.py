"""launchd: agents of a user who is logged in, or daemons of the system, on macOS.

Keys: launchd.plist(5). There is no key for a hard memory limit that holds. ``ResidentSetSize`` is not
it: on macOS ``RLIMIT_RSS`` is another name for ``RLIMIT_AS``, the address space (sys/resource.h), of
which a program with mapped models or a Go runtime takes far more than it uses. So limits of memory,
CPU and processes are not among the capabilities, the plan says so, and a watchdog restarts a service
that stays above its memory limit.
"""

from __future__ import annotations

import plistlib
from typing import Any

import pulumi

from components.commands import call, command
from components.context import Logs
from components.runtimes.base import Capability, Stack
from components.runtimes.native import NativeService, log_files
from components.schedules import calendar_intervals

# What Redis wants for its 10000 clients and some; an agent would get 256 (launchctl limit maxfiles).
_FILES = 10240
# launchd asks every job to stop by SIGTERM. A program that stops well by another signal gets it from
# this shell, which stays its parent. The loop: a trapped signal ends a wait before the program does.
# A shell starts what it does not wait for with SIGINT and SIGQUIT ignored, so the program must have a
# handler of its own for them, as whatever asks for them has (nginx, PostgreSQL).
_STOP = (
    '"$@" & service=$!; trap \'kill -{signal} "$service"\' TERM; '
    'while kill -0 "$service" 2>/dev/null; do wait "$service"; status=$?; done; exit "$status"'
)


class LaunchdUnits:
    """One property list a service."""

    name = "launchd"
    capabilities: frozenset[Capability] = frozenset()
    watched = frozenset({Capability.MEMORY_LIMIT})
    remarks: tuple[str, ...] = ()

    def __init__(self, scope: str, home: str) -> None:
        self.scope = scope
        self._directory = "/Library/LaunchDaemons" if scope == "system" else f"{home}/Library/LaunchAgents"

    def label(self, stack: Stack, service: str) -> str:
        """The name by which launchd knows ``service``."""
        return f"dev.hearth.{stack.name}.{service}"

    def path(self, service: NativeService) -> str:
        """Where launchd finds it again after a restart of the machine."""
        return self._path(service.stack, service.spec.name)

    def _path(self, stack: Stack, service: str) -> str:
        return f"{self._directory}/{self.label(stack, service)}.plist"

    def render(self, service: NativeService) -> str:
        """The property list, in XML."""
        process, log = service.spec.process, f"{service.directory}/log/{service.spec.name}.log"
        values: dict[str, Any] = {
            "Label": self.label(service.stack, service.spec.name),
            "ProgramArguments": _arguments(service),
            "EnvironmentVariables": {"HOME": service.directory, **service.environment},
            "WorkingDirectory": service.directory,
            "StandardOutPath": log,
            "StandardErrorPath": log,
            **_starts(service),
            "ExitTimeOut": process.stop_seconds,
            # Somebody waits for every answer; other kinds have their CPU and disk throttled.
            "ProcessType": "Interactive",
            # A property list knows no octal numbers.
            "Umask": 0o077,
            "SoftResourceLimits": {"NumberOfFiles": _FILES},
            "HardResourceLimits": {"NumberOfFiles": _FILES},
        }
        if self.scope == "system":
            values["UserName"] = service.account
        return plistlib.dumps(values).decode()

    def beside(self, service: NativeService) -> dict[str, str]:
        """Nothing."""
        return {}

    def logs(self, stack: Stack) -> Logs:
        """The files named above."""
        return log_files(stack)

    def prepare(self, stack: Stack, parent: pulumi.Resource) -> list[pulumi.Resource]:
        """The watchdog of the stack's memory limits; launchd itself runs already."""
        where = ("--scope", self.scope, "--unit", self._path(stack, "watchdog"))
        return [
            command(
                "watchdog",
                parent=parent,
                create=call("watchdog", "start", stack.root, *where),
                delete=call("watchdog", "stop", stack.root, *where),
            )
        ]


def _starts(service: NativeService) -> dict[str, Any]:
    if service.spec.schedule:
        return {"StartCalendarInterval": calendar_intervals(service.spec.schedule.cron)}
    # Seconds between two starts; 10 if absent, which a health gate would have to wait for.
    return {"RunAtLoad": True, "KeepAlive": True, "ThrottleInterval": 1}


def _arguments(service: NativeService) -> list[str]:
    signal = service.spec.process.stop_signal.removeprefix("SIG")
    if signal == "TERM" or service.spec.schedule:
        return service.command_line("once")
    # The word after the script is its $0, by which the shell names itself in messages.
    return ["/bin/sh", "-c", _STOP.format(signal=signal), service.spec.name, *service.argv]
