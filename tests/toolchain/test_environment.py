"""Which defaults are set, and that what the user has goes first."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.toolchain.stacks import REPOSITORY
from toolchain import build, cli, environment, locking, places, plugins, progress

BACKEND, PASSPHRASE = "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE_FILE"


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    """A user without any Pulumi of their own, for whom `setup` has built one."""
    variables = {"HOME": str(tmp_path / "a home"), "PATH": "/usr/bin:/bin"}
    where = places_of(variables, tmp_path)
    locking.write_whole(where.pulumi / "pulumi", "#!/bin/sh\n", 0o755)
    locking.write_whole(where.pulumi / build.LANGUAGE_HOST, build.starter(build.LANGUAGE_HOST), 0o755)
    plugins.ensure(where, cli.Pulumi(where.pulumi / "pulumi", official=False, on_path=False), variables)
    return variables


@pytest.fixture
def added(tmp_path: Path) -> Callable[[dict[str, str]], dict[str, str]]:
    """The variables that `env` would export."""
    return lambda variables: environment.additions(places_of(variables, tmp_path), variables)


def places_of(variables: dict[str, str], tmp_path: Path) -> places.Places:
    """A checkout in a directory with a space."""
    project = tmp_path / "a project"
    if not project.exists():
        project.mkdir()
        (project / "requirements.txt").write_text("pulumi-command==1.2.1\npulumi-docker==5.2.0\n")
    return places.of(variables, project)


def official(tmp_path: Path, version: str = "3.272.0") -> Path:
    """A directory with what looks like an official installation."""
    directory = tmp_path / "official"
    locking.write_whole(directory / "pulumi", f"#!/bin/sh\necho v{version}\n", 0o755)
    locking.write_whole(directory / build.LANGUAGE_HOST, "#!/bin/sh\n", 0o755)
    return directory


def official_plugins(home: Path) -> None:
    """The two official plugins, installed."""
    for name, version in (("command", "1.2.1"), ("docker", "5.2.0")):
        locking.write_whole(
            home / "plugins" / f"resource-{name}-v{version}" / f"pulumi-resource-{name}", "", 0o755
        )


def test_defaults_for_a_user_without_anything(given, added, tmp_path) -> None:
    """A backend and a passphrase in the project, and the stand-ins."""
    variables = added(given)
    state = tmp_path / "a project" / ".state"
    assert variables[BACKEND] == f"file://{state}"
    assert variables[PASSPHRASE] == str(state / "passphrase")
    assert stat.S_IMODE((state / "passphrase").stat().st_mode) == 0o600
    assert variables["HEARTH_TOOLCHAIN"] == str(tmp_path / "a project" / "toolchain")
    assert variables["PATH"].split(":")[0].endswith("/hearth/pulumi/3.259.0")
    first = (state / "passphrase").read_text()
    added(given)
    assert (state / "passphrase").read_text() == first
    assert len(first) >= 32


@pytest.mark.parametrize(
    "own", [{BACKEND: "s3://bucket"}, {BACKEND: "file://~"}, {"PULUMI_ACCESS_TOKEN": "t"}]
)
def test_a_backend_of_the_users_is_kept_without_a_passphrase_of_ours(given, added, own) -> None:
    """Its stacks may have another passphrase: Pulumi asks for it."""
    variables = added({**given, **own})
    assert BACKEND not in variables
    assert PASSPHRASE not in variables


def test_a_current_login_is_kept(given, added) -> None:
    """Where `pulumi login` has written it; a logout leaves none."""
    credentials = Path(given["HOME"]) / ".pulumi" / "credentials.json"
    locking.write_whole(credentials, json.dumps({"current": "https://api.pulumi.com"}))
    variables = added(given)
    assert BACKEND not in variables
    assert variables["PULUMI_CREDENTIALS_PATH"] == str(credentials.parent)
    locking.write_whole(credentials, json.dumps({"current": "", "accounts": {}}))
    assert BACKEND in added(given)


@pytest.mark.parametrize("own", [{"PULUMI_CONFIG_PASSPHRASE": ""}, {"PULUMI_CONFIG_PASSPHRASE_FILE": "/f"}])
def test_a_passphrase_of_the_users_is_kept(given, added, own) -> None:
    """An empty one is one too."""
    variables = added({**given, **own})
    assert BACKEND in variables
    assert PASSPHRASE not in variables


def test_applying_it_twice_changes_nothing(given, added) -> None:
    """And the stand-ins are not taken for official plugins the second time."""
    once = {**given, **added(given)}
    assert {**once, **added(once)} == once


def test_another_checkout_does_not_take_the_stacks_along(given, added, tmp_path) -> None:
    """A shell with the environment of one checkout goes on to a second one."""
    once = {**given, **added(given)}
    second = tmp_path / "second"
    second.mkdir()
    (second / "requirements.txt").write_text("pulumi-command==1.2.1\npulumi-docker==5.2.0\n")
    variables = environment.additions(places.of(once, second), once)
    assert variables[BACKEND] == f"file://{second}/.state"
    assert variables[PASSPHRASE] == f"{second}/.state/passphrase"


def test_an_official_installation_uses_nothing_of_ours(given, added, tmp_path) -> None:
    """Not even with a Pulumi of ours in the cache."""
    official_plugins(Path(given["HOME"]) / ".pulumi")
    variables = added({**given, "PATH": f"{official(tmp_path)}:{given['PATH']}"})
    assert not {"HEARTH_TOOLCHAIN", "PULUMI_HOME", "PULUMI_CREDENTIALS_PATH"} & variables.keys()
    assert "hearth" not in variables["PATH"]


def test_an_official_pulumi_without_plugins_gets_the_stand_ins(given, added, tmp_path) -> None:
    """The user's own directory is left alone."""
    variables = added({**given, "PATH": f"{official(tmp_path)}:{given['PATH']}"})
    assert variables["PULUMI_HOME"].endswith("/hearth/pulumi-home")
    assert not (Path(given["HOME"]) / ".pulumi" / "plugins").exists()


def test_a_plugin_that_is_half_downloaded_does_not_count(given, added, tmp_path) -> None:
    """The engine would download it again."""
    home = Path(given["HOME"]) / ".pulumi"
    official_plugins(home)
    (home / "plugins" / "resource-docker-v5.2.0.partial").touch()
    assert "PULUMI_HOME" in added({**given, "PATH": f"{official(tmp_path)}:{given['PATH']}"})


@pytest.mark.parametrize(("version", "host"), [("3.100.0", True), ("3.272.0", False)])
def test_an_unsuitable_pulumi_on_path_is_passed_over(given, added, tmp_path, version, host) -> None:
    """Too old, or without a language host for Python."""
    directory = official(tmp_path, version)
    if not host:
        (directory / build.LANGUAGE_HOST).unlink()
    variables = added({**given, "PATH": f"{directory}:{given['PATH']}"})
    assert variables["PATH"].split(":")[0].endswith("/hearth/pulumi/3.259.0")


def test_without_setup_the_error_says_what_to_do(added, tmp_path) -> None:
    """There is no Pulumi at all."""
    with pytest.raises(progress.SetupFailed, match="toolchain setup"):
        added({"HOME": str(tmp_path), "PATH": "/nowhere"})


def test_the_lines_survive_a_shell(tmp_path) -> None:
    """`eval` of the output gives the same values, spaces and quotes included."""
    cache = tmp_path / "it's a cache"
    variables = {
        **os.environ,
        "XDG_CACHE_HOME": str(cache),
        BACKEND: "file:///x",
        "PYTHONPATH": str(REPOSITORY),
    }
    where = places.of(variables)
    locking.write_whole(where.pulumi / "pulumi", "#!/bin/sh\n", 0o755)
    locking.write_whole(where.pulumi / build.LANGUAGE_HOST, build.starter(build.LANGUAGE_HOST), 0o755)
    plugins.ensure(where, cli.Pulumi(where.pulumi / "pulumi", official=False, on_path=False), {})
    script = f'eval "$({sys.executable} -m toolchain env)" && printf %s "$PULUMI_HOME"'
    variables = {key: value for key, value in variables.items() if key != "PULUMI_HOME"} | {
        "PATH": "/usr/bin:/bin"
    }
    done = subprocess.run(["sh", "-c", script], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout == str(where.stand_in_home)
