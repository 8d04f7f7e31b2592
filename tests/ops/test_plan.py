"""``plan`` reads a stack file without Pulumi, and says what is wrong with it."""

from __future__ import annotations

import json
import socket

from support.ports import free_port


def test_table_and_data_name_every_service(project, hearth):
    project.stack({"redis": {"port": free_port()}})
    assert "supervisord: redis-server" in hearth("plan").out
    found = json.loads(hearth("plan", "--json").out)
    assert [row["service"] for row in found["services"]] == ["redis"]
    assert not (project.path / "calls").exists()


def test_every_problem_is_listed(project, hearth):
    project.stack({"redis": {"memory": "lots"}, "rediss": {}, "nginx": {"prt": 1}})
    result = hearth("plan")
    assert result.status == 1
    assert result.out == ""
    for path in ("redis.memory", "rediss", "nginx.prt"):
        assert f"hearth:services.{path}:" in result.err
    problems = json.loads(hearth("plan", "--json").out)["problems"]
    assert len(problems) == 3


def test_a_taken_port_is_a_problem(project, hearth):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        project.stack({"redis": {"port": port}})
        result = hearth("plan")
    assert result.status == 1
    assert f"{port} is listened on" in result.err


def test_an_unknown_stack_is_bad_usage_and_names_the_known(project, hearth):
    project.stack({})
    result = hearth("plan", "--stack", "nope")
    assert result.status == 2
    assert "names one of: test" in result.err


def test_a_broken_file_is_one_sentence(project, hearth):
    (project.path / "Pulumi.test.yaml").write_text("config: [")
    assert hearth("plan").err.startswith("hearth: Pulumi.test.yaml: not YAML")
    (project.path / "Pulumi.test.yaml").write_text("config: {runtime: docker}")
    assert "write hearth:runtime" in hearth("plan").err


def test_wrong_options_are_bad_usage(project, hearth):
    assert hearth("plan", "--nope").status == 2
    assert hearth("nope").status == 2
    assert hearth("purge").status == 2
