"""A directory of the owner's is copied whole, by its content, and for one reader."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from host import source
from host.containers.source_volume import pack
from host.errors import HostError


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    found = tmp_path / "program"
    (found / "package" / "__pycache__").mkdir(parents=True)
    (found / "main.py").write_text("import package\n")
    (found / "package" / "__init__.py").write_text("")
    (found / "package" / "__pycache__" / "x.pyc").write_bytes(b"\0")
    (found / "run.sh").write_text("#!/bin/sh\n")
    (found / "run.sh").chmod(0o755)
    (found / "latest").symlink_to("main.py")
    return found


def document(directory: Path, home: Path, **changes: object) -> dict[str, object]:
    digest = source.digest(directory)
    return {
        "directory": str(directory),
        "digest": digest,
        "path": str(home / "source" / digest),
        "home": str(home),
        **changes,
    }


def listing(path: Path) -> set[str]:
    return {item.relative_to(path).as_posix() for item in path.rglob("*") if not item.is_dir()}


def test_a_copy_is_whole_and_nobody_can_write_to_it(directory: Path, tmp_path: Path) -> None:
    copy = Path(source.copy(document(directory, tmp_path / "home")))
    assert listing(copy) == {"main.py", "package/__init__.py", "run.sh", "latest"}
    assert (copy / "main.py").stat().st_mode & 0o777 == 0o440
    assert (copy / "run.sh").stat().st_mode & 0o777 == 0o550
    assert os.readlink(copy / "latest") == "main.py"
    assert source.intact(copy, source.digest(directory))


def test_the_digest_is_of_names_contents_and_what_can_be_run(directory: Path) -> None:
    seen = [source.digest(directory)]
    (directory / ".git").mkdir()
    (directory / ".git" / "HEAD").write_text("x")
    assert source.digest(directory) == seen[0]
    for change in (
        lambda: (directory / "main.py").write_text("import other\n"),
        lambda: (directory / "main.py").rename(directory / "other.py"),
        lambda: (directory / "run.sh").chmod(0o644),
        lambda: (directory / "new").write_text(""),
    ):
        change()
        seen.append(source.digest(directory))
    assert len(set(seen)) == len(seen)


def test_an_earlier_copy_goes_and_a_spoilt_one_is_made_again(directory: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = Path(source.copy(document(directory, home)))
    (directory / "main.py").write_text("pass\n")
    second = Path(source.copy(document(directory, home)))
    assert not first.exists()
    (second / "main.py").chmod(0o640)
    (second / "main.py").write_text("spoilt\n")
    assert not source.intact(second, second.name)
    source.copy(document(directory, home))
    assert (second / "main.py").read_text() == "pass\n"


def test_what_changed_since_the_plan_is_refused(directory: Path, tmp_path: Path) -> None:
    wanted = document(directory, tmp_path / "home")
    (directory / "main.py").write_text("changed\n")
    with pytest.raises(HostError, match="changed since the plan was made"):
        source.copy(wanted)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    home, missing = tmp_path / "home", tmp_path / "missing"
    wanted = {"directory": str(missing), "digest": "0", "path": str(home / "source" / "0"), "home": str(home)}
    with pytest.raises(HostError, match="cannot be read"):
        source.copy(wanted)


def test_a_volume_gets_the_same_for_its_reader_alone(directory: Path) -> None:
    data = pack(list(source.items(directory)), {"volume": "v", "uid": 1000})
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = {member.name: member for member in archive}
    assert set(members) == {"v", "v/main.py", "v/package", "v/package/__init__.py", "v/run.sh", "v/latest"}
    assert {member.uid for member in members.values()} == {1000}
    assert members["v/main.py"].mode == 0o400
    assert members["v/run.sh"].mode == 0o500
    assert members["v/latest"].linkname == "main.py"
