"""Room for data and backups, for images and models that are still to come."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from components.units import format_bytes
from host.errors import HostError
from ops import images
from ops.doctor.examination import Finding, Patient

BEFORE_UP = "refuse"
_GIB = 1024**3
_LEAST_FREE, _LEAST_SHARE = 2 * _GIB, 0.1
_IMAGE = _GIB // 2
"""What an image takes unpacked, about: its registry says only how large it is packed."""


def look(patient: Patient) -> Iterator[Finding]:
    """Each place, and what is to come to it."""
    places = {"disk of the data": (patient.root, 0 if patient.config.containers else _models(patient))}
    if patient.config.backup:
        from components.backup import repository

        settings = patient.config.backup
        places["disk of the backups"] = (Path(repository(settings, str(patient.root), patient.stack)), 0)
    if patient.config.containers:
        places |= _docker(patient)
    for check, (path, coming) in places.items():
        there = next(place for place in (path, *path.parents) if place.exists())
        yield _judged(check, there, coming)


def _judged(check: str, path: Path, coming: int) -> Finding:
    usage, mend = shutil.disk_usage(path), f"du -xh {path} | sort -h | tail"
    left = f"{path}: {format_bytes(usage.free)} left"
    if usage.free < coming:
        return Finding(
            check, f"{left}, and images and models still to come take {format_bytes(coming)}", mend
        )
    scarce = usage.free < min(_LEAST_FREE, usage.total * _LEAST_SHARE)
    return Finding(check, left, mend) if scarce else Finding(check)


def _models(patient: Patient) -> int:
    """Bytes of the models that are not there yet, as far as their size is known."""
    plan, _ = patient.drafted
    return sum(max(0, spec.fetches - _size(patient.root / spec.name / "data")) for spec in plan.services)


def _size(directory: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in directory.rglob("*"))


def _docker(patient: Patient) -> dict[str, tuple[Path, int]]:
    """The daemon's own disk, where it is on this machine; what is there already is not to come."""
    from host.containers.client import daemon

    plan, _ = patient.drafted
    try:
        with daemon() as client:
            root = Path(client.info()["DockerRootDir"])
            coming = images.absent(client, plan.services)
            volumes = {volume.name for volume in client.volumes.list()}
    except HostError:
        # The rule about the daemon says that.
        return {}
    if not root.is_dir():
        return {}
    models = [spec.fetches for spec in plan.services if f"{patient.stack}-{spec.name}-data" not in volumes]
    return {"disk of Docker": (root, _IMAGE * len(coming) + sum(models))}
