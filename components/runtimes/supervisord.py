"""supervisord: no Docker, no systemd, no root needed.

Program sections: https://supervisord.org/configuration.html#program-x-section-settings
"""

from __future__ import annotations

import re
import shlex
import unicodedata

import pulumi

from components.commands import call, command
from components.context import Logs
from components.runtimes.base import Capability, Stack, UnwritableError
from components.runtimes.native import NativeService, log_files

_LOG_BYTES = 10 * 1024**2
_LOG_COPIES = 3


def _escaped(text: str) -> str:
    # supervisord expands %(name)s everywhere in its configuration.
    return text.replace("%", "%%")


def _written(text: str) -> str:
    # A line of its configuration cannot hold them, quoted or not.
    if any(unicodedata.category(character) == "Cc" and character != "\t" for character in text):
        raise UnwritableError(f"supervisord cannot be given control characters: {text!r}")
    return _escaped(text)


def _word(text: str) -> str:
    # A space and then ; or # starts a comment even inside quotes: the quotes are closed in between.
    quoted = re.sub(r"(\s)(?=[;#])", r"\1''", _written(shlex.quote(text)))
    # This one is replaced before "%%" is read as a percent sign.
    return quoted.replace("%%(here)s", "%%''(here)s")


def _assignment(key: str, value: str) -> str:
    # Between these quotes there are no escapes, and quotes at either end are taken off.
    quote = "'" if '"' in value else '"'
    ends = value[:1] + value[-1:]
    if quote in value or "'" in ends or '"' in ends or re.search(r"\s[;#]|%\(here\)s", value):
        raise UnwritableError(f"supervisord cannot be given this value of {key}: {value!r}")
    return f"{key}={quote}{_written(value)}{quote}"


def _environment(values: dict[str, str]) -> str:
    return ",".join(_assignment(key, value) for key, value in sorted(values.items()))


class SupervisordUnits:
    """One file with one program section a service. There are no kernel limits to set here."""

    name = "supervisord"
    scope = "user"
    capabilities: frozenset[Capability] = frozenset()
    watched: frozenset[Capability] = frozenset()
    remarks: tuple[str, ...] = ()

    def path(self, service: NativeService) -> str:
        """Below the supervisor's own directory."""
        return f"{service.stack.root}/supervisor/programs/{service.spec.name}.conf"

    def render(self, service: NativeService) -> str:
        """The program section."""
        process = service.spec.process
        log = f"{service.directory}/log/{service.spec.name}.log"
        lines = {
            "command": " ".join(_word(word) for word in service.command_line("keep")),
            "directory": _escaped(service.directory),
            "environment": _environment({"HOME": service.directory, **service.environment}),
            "user": service.account,
            "autostart": "true",
            "autorestart": "true",
            "startsecs": 1,
            "startretries": 10,
            "stopsignal": process.stop_signal.removeprefix("SIG"),
            "stopwaitsecs": process.stop_seconds,
            "stopasgroup": "false",
            "killasgroup": "true",
            "umask": "077",
            "redirect_stderr": "true",
            "stdout_logfile": _escaped(log),
            "stdout_logfile_maxbytes": _LOG_BYTES,
            "stdout_logfile_backups": _LOG_COPIES,
        }
        body = "".join(f"{key}={value}\n" for key, value in lines.items() if value is not None)
        return f"; written by Hearth; changes made here are replaced\n[program:{service.spec.name}]\n{body}"

    def beside(self, service: NativeService) -> dict[str, str]:
        """Nothing."""
        return {}

    def logs(self, stack: Stack) -> Logs:
        """The files named above."""
        return log_files(stack)

    def prepare(self, stack: Stack, parent: pulumi.Resource) -> list[pulumi.Resource]:
        """The supervisor itself."""
        return [
            command(
                "supervisor",
                parent=parent,
                create=call("supervisor", "start", stack.root),
                delete=call("supervisor", "stop", stack.root),
            )
        ]
