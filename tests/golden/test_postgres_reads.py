"""PostgreSQL itself reads what is rendered for it, and a shell its start script."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.postgres import figures
from support.rendered import lay_out
from support.stacks import plan, values
from support.tools import call, tool

from components.rendering import render

SIZES = [{"memory": "128MiB", "max-connections": 20}, {}, {"memory": "8GiB", "max-connections": 300}]


def check(version: int, directory: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The data directory, with nothing in it but what is there, and what the check says."""
    spec = plan(
        values("supervisord", {"postgres": {"version": version}}, data=str(directory / "stack"))
    ).service("postgres")
    data = directory / "stack" / "postgres" / "data"
    data.mkdir(parents=True, exist_ok=True)
    files = lay_out(spec, directory)
    (data / "postgresql.auto.conf").touch()
    (*shell, script) = spec.check
    own = next(file.path for file in spec.files if file.path.endswith("postgresql.conf"))
    path = f"{Path(tool('postgres')).parent}:{os.environ['PATH']}"
    done = call(*shell, script.replace(own, str(files["postgresql.conf"])), env={"PATH": path, "LC_ALL": "C"})
    return data, done


def laid_out(runtime: str, settings: dict, directory: Path) -> tuple[object, dict[str, Path]]:
    spec = plan(values(runtime, {"postgres": settings}, data=str(directory / "stack"))).service("postgres")
    return spec, lay_out(spec, directory)


def value(configuration: Path, directory: Path, name: str) -> str:
    """What the server makes of one setting; it reads the whole file to say so."""
    # Every cluster has this file, and its absence is remarked upon.
    (directory / "postgresql.auto.conf").touch()
    done = call(
        tool("postgres"),
        "-C",
        name,
        "-c",
        f"config_file={configuration}",
        "-c",
        f"data_directory={directory}",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("settings", SIZES, ids=["small", "default", "large"])
@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
def test_configuration_is_accepted(runtime: str, settings: dict, tmp_path: Path) -> None:
    spec, files = laid_out(runtime, settings, tmp_path)
    wanted = figures(spec)
    assert int(value(files["postgresql.conf"], tmp_path, "max_connections")) == wanted["max_connections"]
    # The server counts buffers in pages of 8 kB, and working memory in kB.
    assert int(value(files["postgresql.conf"], tmp_path, "shared_buffers")) * 8192 == wanted["shared_buffers"]
    assert int(value(files["postgresql.conf"], tmp_path, "work_mem")) * 1024 == wanted["work_mem"]
    assert value(files["postgresql.conf"], tmp_path, "hba_file") == str(files["pg_hba.conf"])


def test_a_mistake_would_be_noticed(tmp_path: Path) -> None:
    _, files = laid_out("docker", {}, tmp_path)
    files["postgresql.conf"].write_text(files["postgresql.conf"].read_text() + "work_mme = 1MB\n")
    done = call(
        tool("postgres"),
        "-C",
        "port",
        "-c",
        f"config_file={files['postgresql.conf']}",
        "-c",
        f"data_directory={tmp_path}",
    )
    assert 'unrecognized configuration parameter "work_mme"' in done.stderr


def test_rules_for_clients_have_their_method_in_its_column(tmp_path: Path) -> None:
    _, files = laid_out("docker", {}, tmp_path)
    rules = [
        line.split() for line in files["pg_hba.conf"].read_text().splitlines() if not line.startswith("#")
    ]
    assert rules
    for rule in rules:
        method = 3 if rule[0] == "local" else 4
        assert rule[method] in ("peer", "reject", "scram-sha-256"), rule


def test_the_start_script_is_a_shell_script_without_a_fault(tmp_path: Path) -> None:
    _, files = laid_out("supervisord", {}, tmp_path)
    assert call("sh", "-n", files["start.sh"]).stderr == ""
    done = call(tool("shellcheck"), "--shell=sh", files["start.sh"])
    assert done.stdout == ""
    assert done.returncode == 0


def test_the_start_script_never_touches_data_of_another_version(tmp_path: Path) -> None:
    _, files = laid_out("supervisord", {"version": 18}, tmp_path)
    data = Path(re.search(r"data='(.*)/18'", files["start.sh"].read_text())[1])
    (data / "16").mkdir(parents=True)
    (data / "16" / "PG_VERSION").write_text("16\n")
    done = call("sh", files["start.sh"])
    assert done.returncode == 1
    assert "set version: 16" in done.stderr
    assert sorted(path.name for path in data.iterdir()) == ["16"]


def test_the_check_refuses_other_programs_and_other_data_while_nothing_has_changed(tmp_path: Path) -> None:
    here = int(call(tool("postgres"), "--version").stdout.split()[2].partition(".")[0])
    data, done = check(here, tmp_path)
    assert done.returncode == 0, done.stderr
    (data / "14").mkdir()
    (data / "14" / "PG_VERSION").write_text("14\n")
    _, done = check(here, tmp_path)
    assert (done.returncode, "move the data with ./hearth upgrade" in done.stderr) == (1, True)
    _, done = check(18 if here != 18 else 17, tmp_path / "other")
    assert done.returncode == 1
    assert f"these programs are PostgreSQL {here}, and version" in done.stderr
    assert "run ./hearth upgrade" in done.stderr


@pytest.mark.parametrize(("version", "status"), [(15, 0), (99, 1)])
def test_the_archives_program_itself_says_which_majors_it_knows(version: int, status: int) -> None:
    script = render("postgres/knows.sh.j2", settings=SimpleNamespace(version=version))
    done = call("sh", "-c", script, env={"PATH": os.environ["PATH"], "PGBACKREST_CONFIG": "/nowhere"})
    assert done.returncode == status, done.stderr
    said = f"does not know PostgreSQL {version}, so point-in-time cannot archive it"
    assert (said in done.stderr) == bool(status)


@pytest.mark.parametrize("name", ["check", "knows", "archive", "since"])
def test_the_scripts_are_without_a_fault(name: str, tmp_path: Path) -> None:
    settings = SimpleNamespace(version=17, point_in_time=True)
    places = SimpleNamespace(data="/data")
    context = SimpleNamespace(places=places, path=lambda file: f"/config/{file}")
    script = tmp_path / f"{name}.sh"
    script.write_text(render(f"postgres/{name}.sh.j2", settings=settings, context=context))
    assert call(tool("shellcheck"), "--shell=sh", script).stdout == ""
