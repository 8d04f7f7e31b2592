"""The small parts: versions, checksums, durations, differences, locks."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from tests.toolchain.stacks import REPOSITORY
from toolchain import locking, places, progress, release, venv, versions
from toolchain.host import difference, resource
from toolchain.host.docker import duration, inputs, schema, schema_swarm


def test_the_pinned_version_is_the_one_that_is_built() -> None:
    """versions.py and go.mod say the same."""
    assert (
        f"github.com/pulumi/pulumi/pkg/v3 v{versions.PULUMI}"
        in (REPOSITORY / "toolchain/pulumi/go.mod").read_text()
    )


@pytest.mark.parametrize(
    ("text", "parts"), [("v3.259.0", (3, 259, 0)), ("go1.26", (1, 26, 0)), ("", ()), ("dev", ())]
)
def test_versions(text: str, parts: tuple[int, ...]) -> None:
    """What cannot be read is older than everything."""
    assert versions.parts(text) == parts
    assert versions.parts(text) < (99,)


def test_a_release_must_match_its_checksum(tmp_path: Path) -> None:
    """And be listed at all."""
    archive = tmp_path / "pulumi-v1-linux-x64.tar.gz"
    archive.write_bytes(b"content")
    right = hashlib.sha256(b"content").hexdigest()
    release.verify(archive, f"{right}  {archive.name}\n")
    for listing in (f"{'0' * 64}  {archive.name}\n", f"{right}  another.tar.gz\n", ""):
        with pytest.raises(progress.SetupFailed, match=right):
            release.verify(archive, listing)


def test_a_release_is_unpacked_flat(tmp_path: Path) -> None:
    """Whatever the names in the archive say, files land in the directory itself."""
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as contents:
        for name in ("pulumi/pulumi", "../../outside"):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = 1, 0o755
            contents.addfile(entry, io.BytesIO(b"x"))
    target = tmp_path / "target"
    target.mkdir()
    release.unpack(archive, target)
    assert sorted(path.name for path in target.iterdir()) == ["outside", "pulumi"]


def test_a_directory_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    """A failure leaves the old one."""
    target = tmp_path / "made"
    with locking.made_whole(target) as work:
        (work / "file").write_text("1")
    with pytest.raises(FileNotFoundError), locking.made_whole(target) as work:
        (work / "no directory" / "file").write_text("2")
    assert (target / "file").read_text() == "1"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("text", ["0s", "1s", "1m30s", "1h0m0s", "500ms", "1.5s", "2µs", "7ns", "36h1m1s"])
def test_durations_are_written_as_go_does(text: str) -> None:
    """There and back."""
    assert duration.written(duration.nanoseconds(text)) == text


def test_another_spelling_of_a_duration_is_no_difference() -> None:
    """Nor is a default that is written out, or the order of a set."""
    old = {"image": "i", "healthcheck": {"tests": ["CMD"], "interval": "90s"}, "envs": ["A=1", "B=2"]}
    new = {
        "image": "i",
        "healthcheck": {"tests": ["CMD"], "interval": "1m30s", "retries": 0},
        "envs": ["B=2", "A=1"],
    }
    assert inputs.difference(old, {**new, "mustRun": True, "privileged": False}, schema.CONTAINER) == {}
    changed = inputs.difference(old, {**new, "ports": [{"internal": 1}]}, schema.CONTAINER)
    assert changed == {"ports": resource.Difference("ADD", replace=True)}


def test_paths_of_differences() -> None:
    """As the engine writes them: `replace_on_changes` is matched against these."""
    found = difference.compare(
        {"triggers": [1, 2], "m": {"a b": 1}, "__x": 1}, {"triggers": [1, 3, 4], "m": {"a b": 2}}
    )
    assert {path: change.kind for path, change in found.items()} == {
        "triggers[1]": "UPDATE", "triggers[2]": "ADD", 'm["a b"]': "UPDATE",
    }  # fmt: skip


def test_every_property_of_the_official_container_is_known() -> None:
    """Supported or refused by name: the Python package lists them."""
    from pulumi_docker import (
        ContainerArgs,
        NetworkArgs,
        RemoteImageArgs,
        SecretArgs,
        ServiceArgs,
        ServiceTaskSpecArgs,
        ServiceTaskSpecContainerSpecArgs,
        VolumeArgs,
    )

    for arguments, fields in (
        (ContainerArgs, schema.CONTAINER),
        (NetworkArgs, schema.NETWORK),
        (VolumeArgs, schema.VOLUME),
        (RemoteImageArgs, schema.REMOTE_IMAGE),
        (SecretArgs, schema_swarm.SECRET),
        (ServiceArgs, schema_swarm.SERVICE),
        (ServiceTaskSpecArgs, schema_swarm.TASK_SPEC),
        (ServiceTaskSpecContainerSpecArgs, schema_swarm.CONTAINER_SPEC),
    ):
        names = {
            getattr(member.fget, "_pulumi_name", None)
            for member in vars(arguments).values()
            if isinstance(member, property)
        }
        assert names - {None} == fields.keys()


def test_requirements_that_change_while_they_are_installed_are_installed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a merge changes them."""
    here = places.of({"XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}, project=tmp_path)
    requirements, installed = tmp_path / "requirements.txt", []
    requirements.write_text("redis==8.1.0\n")

    def install(*_: object) -> None:
        installed.append(requirements.read_text())
        (here.venv / "bin").mkdir(parents=True, exist_ok=True)
        (here.venv / "bin" / "python").touch()
        requirements.write_text("redis==8.1.1\n")

    monkeypatch.setattr(venv, "_install", install)
    for _ in range(3):
        venv.ensure(here, dev=False)
    assert installed == ["redis==8.1.0\n", "redis==8.1.1\n"]
