"""``purge`` deletes what was named, and nothing that is used or not Hearth's."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from ops_project import resource

from host import deployments


@pytest.fixture
def root(project):
    """A stack's directory after its services were destroyed, with a link that leads out of it."""
    project.stack({"redis": {}})
    outside = project.path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    for service in ("redis", "postgres"):
        data = project.root / service / "data"
        data.mkdir(parents=True)
        (project.root / service / ".lock").touch()
        (data / "file").write_text("x" * 5000)
        (data / "link").symlink_to(outside)
    (project.root / "secrets").mkdir()
    (project.root / "secrets" / "redis").write_text("sesame")
    (project.root / "bin").mkdir()
    yield project.root
    assert (outside / "precious").read_text() == "x"


def test_data_of_one_service(root, hearth):
    result = hearth("purge", "redis", "--yes")
    assert result.status == 0, result.err
    assert f"{root}/redis/data  8KiB" in result.err
    assert not (root / "redis" / "data").exists()
    assert (root / "postgres" / "data" / "file").exists()
    assert (root / "secrets" / "redis").exists()
    assert "nothing to purge" in hearth("purge", "redis", "--yes").err


def test_whose_data_is_gone_may_begin_with_another_format(root, hearth):
    deployments.record(root, "", None, {"postgres": "16", "other": "17"})
    assert hearth("purge", "postgres", "--yes").status == 0
    assert deployments.formats(root) == {"other": {"17"}}


def test_everything(root, hearth):
    assert hearth("purge", "--all", "--yes").status == 0
    assert not root.exists()
    assert hearth("purge", "--all", "--yes").status == 0


@pytest.mark.parametrize(("typed", "status"), [("", 1), ("y\n", 1), ("test\n", 0)])
def test_without_yes_the_stacks_name_is_asked_for(root, hearth, monkeypatch, typed, status):
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert hearth("purge", "redis").status == status
    assert (root / "redis" / "data").exists() == bool(status)


def test_a_deployed_service_is_refused(project, root, hearth):
    project.state(resource("hearth:service:Redis", "redis"))
    for arguments in (["redis"], ["--all"]):
        result = hearth("purge", *arguments, "--yes")
        assert result.status == 1
        assert "redis: still in stack test; nothing was deleted" in result.err
    assert hearth("purge", "postgres", "--yes").status == 0
    assert (root / "redis" / "data").exists()


def test_a_running_process_is_refused(root, hearth):
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], cwd=root / "redis" / "data", stdin=subprocess.PIPE
    )
    try:
        for arguments in (["redis"], ["--all"]):
            result = hearth("purge", *arguments, "--yes")
            assert result.status == 1
            assert f"(process {process.pid})" in result.err
        assert (root / "redis" / "data" / "file").exists()
    finally:
        process.communicate(b"\n")


def test_a_directory_with_anything_else_in_it_is_refused(root, hearth):
    (root / "photos").mkdir()
    result = hearth("purge", "--all", "--yes")
    assert result.status == 1
    assert "holds photos" in result.err
    assert (root / "redis" / "data").exists()


def test_links_are_not_followed(project, root, hearth):
    real = root.rename(project.path / "real")
    root.symlink_to(real)
    assert "is a link" in hearth("purge", "--all", "--yes").err
    root.unlink()
    real.rename(root)
    (root / "redis" / "data").rename(project.path / "elsewhere")
    (root / "redis" / "data").symlink_to(project.path / "elsewhere")
    assert "nothing to purge" in hearth("purge", "redis", "--yes").err
    assert (project.path / "elsewhere" / "file").exists()


@pytest.mark.parametrize("name", ["..", "../outside", ".", "/", "secrets"])
def test_only_names_of_services_name_anything(root, hearth, name):
    assert "nothing to purge" in hearth("purge", name, "--yes").err


def test_a_pulumi_that_fails_lets_nothing_be_deleted(project, root, hearth):
    (project.path / "bin" / "pulumi").write_text(
        "#!/bin/sh\necho 'error: passphrase must be set' >&2\nexit 255\n"
    )
    result = hearth("purge", "--all", "--yes")
    assert result.status == 1
    assert "pulumi stack export: passphrase must be set" in result.err
    assert (root / "redis" / "data").exists()


def test_the_password_of_backups_outlives_a_purge(root, hearth):
    password = root / "backup" / "secrets" / "backup.repository"
    password.parent.mkdir(parents=True)
    password.write_text("sesame")
    assert hearth("purge", "--all", "--yes").status == 0
    assert [path.name for path in root.iterdir()] == ["backup"] and password.read_text() == "sesame"
