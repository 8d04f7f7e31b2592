"""supervisord's own parser reads the program sections, all of them together."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from support.rendered import services
from support.stacks import everything
from support.supervisor_config import programs

from components.runtimes.native import NativeService


def sections(root: Path) -> tuple[dict[str, str], dict[str, NativeService]]:
    stack = {**everything("supervisord"), "data": str(root)}
    runtime, found = services(stack, accounts=False)
    for service in found:
        (root / service.spec.name / "log").mkdir(parents=True)
    return {s.spec.name: runtime.units.render(s) for s in found}, {s.spec.name: s for s in found}


def test_every_program_is_read_as_it_was_meant(tmp_path: Path) -> None:
    texts, wanted = sections(tmp_path / "root")
    read = {process.name: process for process in programs(texts, tmp_path)}
    assert set(read) == set(wanted)
    for name, process in read.items():
        service = wanted[name]
        assert shlex.split(process.command) == service.command_line("keep")
        assert {key: process.environment[key] for key in service.environment} == service.environment
        assert process.directory == service.directory
        assert process.stdout_logfile_maxbytes == 10 * 1024**2
        assert process.stdout_logfile_backups == 3
        assert process.redirect_stderr
        assert process.autorestart
        assert process.stopwaitsecs == service.spec.process.stop_seconds
        assert process.stopsignal.name == service.spec.process.stop_signal


def test_a_mistake_would_be_noticed(tmp_path: Path) -> None:
    texts, _ = sections(tmp_path / "root")
    texts["redis"] = texts["redis"].replace("stopsignal=", "stopsignal=NO")
    with pytest.raises(ValueError, match="signal"):
        programs(texts, tmp_path)
