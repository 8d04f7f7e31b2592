"""The property lists hold what launchd.plist(5) knows, of the types that it asks for, and run what is there."""

from __future__ import annotations

import json
import plistlib
from pathlib import Path
from typing import Any

import pytest
from support.rendered import services
from support.stacks import RUNTIMES, everything, record
from support.tools import call, tool

from components.runtimes.native import NativeService
from host import watchdog
from host.managers.launchd import Launchd

RUNTIME_NAMES = [name for name in RUNTIMES if name.startswith("launchd")]

# launchd.plist(5) of macOS 15, https://keith.github.io/xcode-man-pages/launchd.plist.5.html, "XML PROPERTY
# LIST KEYS" and "SoftResourceLimits": those that a daemon or an agent without Mach services can have.
TYPES: dict[str, type | tuple[type, ...]] = {
    "Label": str, "Program": str, "ProgramArguments": list, "EnableGlobbing": bool, "UserName": str,
    "GroupName": str, "LimitLoadToSessionType": (str, list), "KeepAlive": (bool, dict), "RunAtLoad": bool,
    "RootDirectory": str, "WorkingDirectory": str, "EnvironmentVariables": dict, "Umask": (int, str),
    "ExitTimeOut": int, "ThrottleInterval": int, "InitGroups": bool, "StartInterval": int,
    "StandardInPath": str, "StandardOutPath": str, "StandardErrorPath": str, "SoftResourceLimits": dict,
    "HardResourceLimits": dict, "Nice": int, "ProcessType": str, "AbandonProcessGroup": bool,
    "StartCalendarInterval": (dict, list), "LowPriorityIO": bool, "LowPriorityBackgroundIO": bool, "SessionCreate": bool,
}  # fmt: skip
PROCESS_TYPES = {"Background", "Standard", "Adaptive", "Interactive"}
LIMITS = {
    "Core", "CPU", "Data", "FileSize", "MemoryLock", "NumberOfFiles", "NumberOfProcesses", "ResidentSetSize",
    "Stack",
}  # fmt: skip


def mistakes(values: dict[str, Any]) -> list[str]:
    """What launchd would pass over without a word, or refuse."""
    found = [f"unknown key {key}" for key in values if key not in TYPES]
    # YAML's, JSON's and Python's true is a number; a property list's is none.
    found += [
        f"{key} is a {type(value).__name__}"
        for key, value in values.items()
        if key in TYPES
        and (not isinstance(value, TYPES[key]) or (isinstance(value, bool) and TYPES[key] is int))
    ]
    texts = [*values["ProgramArguments"], *values.get("EnvironmentVariables", {}).values()]
    found += [f"{text!r} is no text" for text in texts if not isinstance(text, str)]
    if values.get("ProcessType", "Standard") not in PROCESS_TYPES:
        found.append("ProcessType")
    for key in ("SoftResourceLimits", "HardResourceLimits"):
        limits = values.get(key, {})
        found += [
            f"{key}.{name}" for name, size in limits.items() if name not in LIMITS or type(size) is not int
        ]
    paths = [values[key] for key in values if key.endswith(("Path", "Directory"))]
    return found + [f"{path} is relative" for path in paths if not path.startswith("/")]


def jobs(runtime: str) -> list[tuple[NativeService, dict[str, Any]]]:
    made, found = services(everything(runtime))
    return [(service, plistlib.loads(made.units.render(service).encode())) for service in found]


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_every_key_is_one_of_launchds(runtime: str) -> None:
    assert {
        service.spec.name: mistakes(values) for service, values in jobs(runtime) if mistakes(values)
    } == {}


def test_so_is_every_key_of_the_watchdog() -> None:
    job = Launchd(unit=Path("/x/dev.hearth.test.watchdog.plist"), scope="user")
    assert mistakes(plistlib.loads(watchdog.plist(Path("/srv/hearth"), job))) == []


def test_a_mistake_would_be_noticed() -> None:
    _, values = jobs("launchd-user")[0]
    wrong = {
        "KeepAlife": True,
        "ExitTimeOut": True,
        "Umask": [63],
        "ProcessType": "Server",
        "StandardOutPath": "log",
    }
    wrong["SoftResourceLimits"] = {"Memory": 1}
    assert len(mistakes(values | wrong)) == len(wrong)


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_every_job_runs_a_program_of_its_package_or_the_shell(runtime: str) -> None:
    for service, values in jobs(runtime):
        words = values["ProgramArguments"]
        if words[:2] == ["/bin/sh", "-c"] and words[3] == service.spec.name:
            words = words[4:]
        own = [f"{service.stack.root}/bin/{program}" for program in service.spec.package.programs]
        assert words[0] in [*own, "/bin/sh"]
        assert words == service.command_line("once")


def scripts(runtime: str) -> set[str]:
    """Every text that a shell is given: by launchd, by ``host`` for tasks and health, by Pulumi's commands."""
    words = [values["ProgramArguments"] for _, values in jobs(runtime)]
    lines: set[str] = set()
    for command in record(everything(runtime)).of_type("command:local:Command"):
        lines |= {command.inputs[key] for key in ("create", "delete") if command.inputs.get(key)}
        document = json.loads(command.inputs.get("stdin") or "{}")
        words += [task["argv"] for task in document.get("tasks", ())]
        words += [(document.get("health") or {}).get("argv", ()), document.get("check") or ()]
    return lines | {argv[2] for argv in words if list(argv[:2]) in (["/bin/sh", "-c"], ["sh", "-c"])}


@pytest.mark.parametrize("runtime", RUNTIME_NAMES)
def test_shellcheck_has_nothing_to_say(runtime: str, tmp_path: Path) -> None:
    found = sorted(scripts(runtime))
    assert any("kill -" in script for script in found)
    assert any(" host watchdog start " in script for script in found)
    paths = [tmp_path / f"{number}.sh" for number in range(len(found))]
    for path, script in zip(paths, found, strict=True):
        path.write_text(f"#!/bin/sh\n{script}\n")
    assert call(tool("shellcheck"), *paths).stdout == ""
