"""Backup and restore of a PostgreSQL: Hearth, its tools by hand, and what compares with neither."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import stacks
from benchmarks.measure import Failed, Sample, finished, say
from tests.e2e.workbench import Workbench, copy_project
from tests.support.ports import free_port

ROWS = 1_000_000
DATABASE, PASSWORD = "app", "only for measuring"
_ALONE: dict[str, Any] = {"postgres": {"memory": "512MiB"}}
_WHOLE: dict[str, Any] = {"redis": {}, **_ALONE, "alertmanager": {}}
_FILL = """
CREATE TABLE bench (id bigint PRIMARY KEY, a text, b text, n double precision);
INSERT INTO bench SELECT i, md5(i::text), md5((i * 7)::text), i / 3.0 FROM generate_series(1, {rows}) i;
"""


@dataclass
class Result:
    """``seconds`` by what was done; ``size`` is that of the database's dump, in bytes."""

    size: int = 0
    seconds: dict[str, Sample] = field(default_factory=dict)

    def add(self, name: str, seconds: float) -> None:
        """One more measurement."""
        self.seconds.setdefault(name, Sample()).add(seconds)
        say(f"backup: {name}: {seconds:.1f} s")


class Bench:
    """A stack with data, and its tools; every run begins with a repository that has none of them."""

    def __init__(self, directory: Path, declared: Mapping[str, Any]) -> None:
        self.directory, self.kept, self.work = directory, directory / "kept", directory / "work"
        self.work.mkdir(parents=True)
        self.plain, self.password = self.work / "plain", self.work / "password"
        services = {name: {**given, "port": free_port()} for name, given in declared.items()}
        self.config: dict[str, Any] = {
            "runtime": "supervisord", "host": {"reserve": "512MiB"}, "services": services,
            "backup": {"repository": str(self.kept), "schedule": None}, "data": str(directory / "data"),
        }  # fmt: skip
        workbench = Workbench(directory / "project", stacks.STACK, self.config)
        self.root = workbench.root
        self.project = stacks.Project(workbench.directory, workbench.environment)
        self.project.up()
        self.hearth("backup")
        shutil.copytree(self.kept, directory / "empty")
        self.password.write_text(PASSWORD)
        self.restic("init")
        shutil.copytree(self.plain, self.work / "empty")
        where = f"host={self.root}/postgres/run port={services['postgres']['port']} user=postgres"
        self._where = f"{where} dbname={DATABASE}"
        with psycopg.connect(self._where) as connection:
            connection.execute(_FILL.format(rows=ROWS))

    def fresh(self) -> None:
        """Both repositories as they were before there was data."""
        for path, empty in (
            (self.kept, self.directory / "empty"),
            (self.work / "plain", self.work / "empty"),
        ):
            shutil.rmtree(path)
            shutil.copytree(empty, path)
        # It is not the repository that the last run has left.
        (self.root / "backup" / "known.json").unlink(missing_ok=True)

    def hearth(self, *words: str) -> dict[str, float]:
        """Seconds of a command, by the line of progress that began each part, and ``all``."""
        python = str(self.project.directory / ".venv/bin/python")
        return timed([python, "-m", "ops", *words, "--stack", stacks.STACK], self.project.directory,
                     self.project.environment)  # fmt: skip

    def restic(self, *words: str) -> float:
        """Seconds of a plain call on a repository of its own."""
        where = {
            "RESTIC_REPOSITORY": str(self.work / "plain"),
            "RESTIC_PASSWORD_FILE": str(self.work / "password"),
        }
        argv = [str(self.root / "bin" / "restic"), "--no-cache", *words]
        return finished(argv, self.work, {**self.project.environment, **where})[0]

    def shell(self, line: str) -> float:
        """Seconds of a line for a shell that finds PostgreSQL's programs, and the database."""
        port = str(self.config["services"]["postgres"]["port"])
        where = {"PGHOST": f"{self.root}/postgres/run", "PGPORT": port, "PGUSER": "postgres"}
        path = f"{self.root}/bin:{self.project.environment['PATH']}"
        return finished(["sh", "-ec", line], self.work, {**self.project.environment, **where, "PATH": path})[
            0
        ]

    def rows(self) -> int:
        """Of the table, to see that it came back."""
        with psycopg.connect(self._where) as connection:
            found = connection.execute("SELECT count(*) FROM bench").fetchone()
        return found[0] if found else 0


def timed(argv: list[str], directory: Path, environment: Mapping[str, str]) -> dict[str, float]:
    """Seconds from each line of progress to the next, by the line. Raises ``Failed`` with all lines."""
    began = at = time.perf_counter()
    found: dict[str, float] = {}
    name, said = "begins", []
    process = subprocess.Popen(
        argv, cwd=directory, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        now = time.perf_counter()
        found[name] = found.get(name, 0) + now - at
        name, at = line.strip(), now
        said.append(name)
    if process.wait():
        raise Failed(f"{' '.join(argv[2:4])}: exit status {process.returncode}: {' / '.join(said[-5:])}")
    found[name] = found.get(name, 0) + time.perf_counter() - at
    return {**found, "all": time.perf_counter() - began}


def run(directory: Path, runs: int) -> tuple[Result, float]:
    """Every way in turns; and the seconds in which a whole stack is there again."""
    result = Result()
    with _stack(directory / "alone", _ALONE) as bench:
        for _ in range(runs):
            bench.fresh()
            _backups(bench, result)
            _restores(bench, result)
    with _stack(directory / "whole", _WHOLE) as bench:
        return result, _recovered(bench)


@contextlib.contextmanager
def _stack(directory: Path, declared: Mapping[str, Any]) -> Iterator[Bench]:
    bench = Bench(directory, declared)
    try:
        yield bench
    finally:
        bench.project.destroy()


def _backups(bench: Bench, result: Result) -> None:
    for path in ("plain.zst", "app.dump"):
        (bench.work / path).unlink(missing_ok=True)
    result.add("pg_dump | zstd", bench.shell(f"pg_dump {DATABASE} | zstd -q -o plain.zst"))
    dumped = bench.shell(f"pg_dump -Fc -Z0 {DATABASE} > app.dump")
    result.size = (bench.work / "app.dump").stat().st_size
    stored = bench.restic("backup", "app.dump")
    checked = bench.restic("check", "--read-data")
    result.add("restic backup", stored)
    result.add("pg_dump, restic backup, restic check --read-data", dumped + stored + checked)
    parts = bench.hearth("backup")
    result.add("Hearth: storing", next(value for name, value in parts.items() if name.endswith(": storing")))
    result.add("Hearth: backup", parts["all"])


def _restores(bench: Bench, result: Result) -> None:
    renewed = f"dropdb --force {DATABASE}; createdb -O {DATABASE} {DATABASE}"
    result.add(
        "zstd -d | psql", bench.shell(f"{renewed}; zstd -q -dc plain.zst | psql -q -o /dev/null {DATABASE}")
    )
    shutil.rmtree(bench.work / "back", ignore_errors=True)
    fetched = bench.restic("restore", "latest", "--target", "back")
    loaded = bench.shell(f"{renewed}; pg_restore -d {DATABASE} $(find back -name app.dump)")
    result.add("restic restore", fetched)
    result.add("restic check --read-data, restic restore, pg_restore",
               bench.restic("check", "--read-data") + fetched + loaded)  # fmt: skip
    result.add("Hearth: restore", bench.hearth("restore", "postgres", "--yes")["all"])
    if bench.rows() != ROWS:
        raise Failed(f"restore: {bench.rows()} rows came back")


def _recovered(bench: Bench) -> float:
    """Seconds of ``recover`` where there is nothing but the repository and its password."""
    bench.hearth("backup")
    password = bench.work / "kept-password"
    shutil.copy(bench.root / "backup" / "secrets" / "backup.repository", password)
    bench.project.destroy()
    shutil.rmtree(bench.root)
    home = bench.directory / "new"
    copy_project(home)
    (home / "state").mkdir()
    variables = {**bench.project.environment, "PULUMI_BACKEND_URL": f"file://{home}/state"}
    bench.project = stacks.Project(home, variables)
    return bench.hearth("recover", "--from", str(bench.kept), "--password-file", str(password))["all"]
