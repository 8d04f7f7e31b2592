"""What a stack needs of this machine, looked at one by one, each with the command that mends it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from host.errors import HostError

if TYPE_CHECKING:
    from components.config import StackConfig

_GIB = 1024**3
_LEAST_FREE, _LEAST_SHARE = 2 * _GIB, 0.1
_BACKUP_SECONDS = 26 * 3600


@dataclass(frozen=True)
class Finding:
    """One check. ``problem`` is empty where all is well; ``mend`` is the command that helps."""

    check: str
    problem: str = ""
    mend: str = ""


@dataclass(frozen=True)
class Patient:
    """The stack that is looked at."""

    stack: str
    config: StackConfig
    root: Path


def examine(patient: Patient) -> list[Finding]:
    """Every check that applies to the stack's runtime."""
    checks: list[Callable[[Patient], Iterator[Finding]]] = [
        _configuration, _runtime, _limits, _linger, _disk, _permissions, _secrets, _clock, _backups,
    ]  # fmt: skip
    return [finding for check in checks for finding in check(patient)]


def _configuration(patient: Patient) -> Iterator[Finding]:
    from components.errors import ConfigurationError
    from ops import stacks

    try:
        stacks.planned_from(patient.config, patient.stack)
    except ConfigurationError as error:
        for problem in error.problems:
            yield Finding(
                "memory, ports, needs",
                f"{problem.path}: {problem.message}",
                f"edit Pulumi.{patient.stack}.yaml",
            )
    else:
        yield Finding("memory, ports, needs")


def _runtime(patient: Patient) -> Iterator[Finding]:
    runtime = patient.config.runtime
    try:
        if patient.config.containers:
            from host.containers.client import daemon

            with daemon() as client:
                client.ping()
        elif runtime == "supervisord":
            from host.managers.daemon import connect

            if connect(patient.root) is None:
                mend = f"./hearth drift --repair --stack {patient.stack}"
                yield Finding(runtime, "the stack's supervisord does not run", mend)
                return
        else:
            from host import managers

            scope = getattr(patient.config, runtime).scope
            unit = managers.default_unit(runtime, patient.root, "doctor", scope)
            managers.make(runtime, patient.root, "doctor", scope, unit).status()
    except HostError as error:
        mend = "sudo systemctl start docker" if patient.config.containers else "see the finding"
        yield Finding(runtime, str(error), mend)
    else:
        yield Finding(runtime)


def _limits(patient: Patient) -> Iterator[Finding]:
    """cgroups, where the runtime counts on them."""
    counted = patient.config.containers or patient.config.runtime == "systemd"
    if not counted or not sys.platform.startswith("linux"):
        return
    unified = Path("/sys/fs/cgroup/cgroup.controllers")
    known = unified.read_text().split() if unified.exists() else os.listdir("/sys/fs/cgroup")
    if "memory" in known:
        yield Finding("cgroups")
    else:
        mend = "add cgroup_enable=memory to the kernel's command line, and reboot"
        yield Finding("cgroups", "the kernel keeps no memory limits", mend)


def _linger(patient: Patient) -> Iterator[Finding]:
    if patient.config.runtime != "systemd" or patient.config.systemd.scope != "user":
        return
    user = str(os.geteuid())
    if _said("loginctl", "show-user", user, "--property=Linger", "--value") == "yes":
        yield Finding("linger")
    else:
        yield Finding(
            "linger",
            "services end when you log out",
            f"sudo loginctl enable-linger {os.environ.get('USER', user)}",
        )


def _disk(patient: Patient) -> Iterator[Finding]:
    places = {"disk of the data": patient.root}
    if patient.config.backup:
        from components.backup import repository

        places["disk of the backups"] = Path(
            repository(patient.config.backup, str(patient.root), patient.stack)
        )
    for check, path in places.items():
        there = next(place for place in (path, *path.parents) if place.exists())
        usage = shutil.disk_usage(there)
        if usage.free < min(_LEAST_FREE, usage.total * _LEAST_SHARE):
            yield Finding(
                check, f"{there}: {usage.free / _GIB:.1f} GiB left", f"du -xh {there} | sort -h | tail"
            )
        else:
            yield Finding(check)


def _permissions(patient: Patient) -> Iterator[Finding]:
    for path in (patient.root / "secrets", patient.root / "backup" / "secrets"):
        if not path.is_dir():
            continue
        check, found, mine = f"permissions of {path.relative_to(patient.root)}", path.stat(), os.geteuid()
        if found.st_uid != mine:
            yield Finding(check, f"{path}: belongs to another account", "run this as who deployed the stack")
        elif stat.S_IMODE(found.st_mode) & 0o077:
            yield Finding(check, f"{path}: others can enter it", f"chmod 700 {path}")
        else:
            yield Finding(check)


def _secrets(patient: Patient) -> Iterator[Finding]:
    from components.errors import ConfigurationError
    from ops import stacks

    try:
        plan = stacks.planned_from(patient.config, patient.stack)
    except ConfigurationError:
        return
    if not (patient.root / "secrets").is_dir():
        return
    wanted = {ref.name for spec in plan.services for ref in spec.secrets if ref.source is None}
    missing = sorted(name for name in wanted if not (patient.root / "secrets" / name).is_file())
    mend = (
        f"./hearth restore --own-files DIR --stack {patient.stack}" if patient.config.backup else "pulumi up"
    )
    yield Finding("secrets", f"missing: {', '.join(missing)}" if missing else "", mend if missing else "")


def _clock(patient: Patient) -> Iterator[Finding]:
    said = _said("timedatectl", "show", "--property=NTPSynchronized", "--value")
    if said == "no":
        yield Finding("clock", "is not kept right by anybody", "sudo timedatectl set-ntp true")
    elif said == "yes":
        yield Finding("clock")


def _backups(patient: Patient) -> Iterator[Finding]:
    from ops.backup import record

    if patient.config.backup is None:
        return
    times = [kept["backup"]["time"] for kept in record.read(patient.root).values() if "backup" in kept]
    mend = f"./hearth backup --stack {patient.stack}"
    if not times:
        yield Finding("backup", "there is none", mend)
    elif time.time() - min(times) > _BACKUP_SECONDS:
        yield Finding("backup", "the last one is older than a day", mend)
    else:
        yield Finding("backup")


def _said(*argv: str) -> str | None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
