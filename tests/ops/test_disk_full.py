"""A disk that is full, for real: no backup comes of it, older ones are as they were, and an alert says so."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ops_project import Result
from small_stack import SmallStack

from ops.backup.places import Place

MIB, PORT = 1024**2, 61320
DISK = 8 * MIB


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of a few MiB."""
    image, directory = tmp_path / "disk.img", tmp_path / "disk"
    directory.mkdir()
    with image.open("wb") as file:
        file.truncate(DISK)
    subprocess.run(["/usr/sbin/mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(directory)], check=True)
    subprocess.run(["rmdir", str(directory / "lost+found")], check=True)
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


@pytest.fixture
def backup(hearth: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``./hearth backup`` of a small stack."""

    def run(stack: SmallStack) -> Result:
        monkeypatch.setattr("ops.backup.target.of", lambda name: stack.target)
        return hearth("backup")

    return run


def _failed(stack: SmallStack) -> bool:
    metrics = (stack.root / "backup" / "metrics" / "backup_runs.prom").read_text()
    return 'hearth_backup_run_failed{run="backup"} 1' in metrics


def _files(repository: Path) -> dict[str, bytes]:
    kept = [path for path in repository.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in kept}


def test_the_disk_of_the_backups(
    small: Callable[..., SmallStack], backup: Callable[..., Result], disk: Path
) -> None:
    stack = small(PORT, repository=str(disk / "kept"))
    stack.make_quick()
    assert backup(stack).status == 0 and not _failed(stack)
    known, before = stack.listed(), _files(disk)
    stack.fill("too large", 2 * DISK)
    said = backup(stack)
    assert said.status == 1 and "no space left" in said.err.lower(), said.err
    assert _failed(stack) and "no space left" in (stack.reason() or "").lower()
    assert stack.listed() == known
    assert _files(disk).items() >= before.items()
    stack.fill("small again")
    assert backup(stack).status == 0 and not _failed(stack)
    stack.fill("lost")
    stack.restore()
    assert stack.value() == "small again"
    stack.no_mess()


def test_the_disk_of_the_data(
    small: Callable[..., SmallStack], backup: Callable[..., Result], disk: Path
) -> None:
    stack = small(PORT)
    stack.make_quick()
    assert backup(stack).status == 0
    known = stack.listed()
    # What is staged lies on the disk of the data.
    moved = stack.root / "backup"
    subprocess.run(["cp", "-a", f"{moved}/.", str(disk)], check=True)
    subprocess.run(["mount", "--bind", str(disk), str(moved)], check=True)
    try:
        stack.fill("too large", 2 * DISK)
        said = backup(stack)
        assert said.status == 1 and "no space left" in said.err.lower(), said.err
        assert _failed(stack)
        assert stack.listed() == known
        stack.restore()
        assert stack.value() == "at first"
    finally:
        subprocess.run(["umount", str(moved)], check=True)


def test_the_disk_of_the_copies(
    small: Callable[..., SmallStack], backup: Callable[..., Result], disk: Path
) -> None:
    stack = small(PORT, copy_to=str(disk / "second"))
    stack.make_quick()
    stack.make_quick(Place.SECOND)
    assert backup(stack).status == 0
    stack.fill("too large", 2 * DISK)
    said = backup(stack)
    assert said.status == 1 and "is complete; it is not in" in said.err, said.err
    assert not _failed(stack) and "no space left" in (stack.reason("copy") or "").lower()
    stack.fill("lost")
    stack.restore()
    assert stack.value() == "too large"
