"""An image that nobody has is refused before `up`: each is asked for once, and all at the same time."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from ops_project import Project

from components import lock as locks
from components.config import load_stack_config
from components.lock import Lock
from ops import images, stacks
from ops.doctor import examination
from ops.doctor.examination import Finding, Patient
from ops.doctor.rules import images as rule
from ops.errors import Failure
from ops.upgrade import offers

MISSING = (404, {"message": "manifest unknown: manifest unknown"})
AWAY = (500, {"message": 'Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused'})
INDEX = "application/vnd.oci.image.index.v1+json"
Answer = Callable[[str], tuple[int, dict[str, Any]]]


@contextmanager
def daemon(monkeypatch: pytest.MonkeyPatch, here: Answer, registry: Answer) -> Iterator[list[str]]:
    """A Docker daemon that says what it has and what registries say; the value is what they were asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            """Nothing to say."""

        def do_GET(self) -> None:
            status, answer = 200, {"ApiVersion": "1.41", "Os": "linux", "Arch": "arm64"}
            name = unquote(self.path).rpartition("/json")[0]
            if "/images/" in name:
                status, answer = here(name.partition("/images/")[2])
            elif "/distribution/" in name:
                asked.append(name.partition("/distribution/")[2])
                status, answer = registry(asked[-1])
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_address[1]}")
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()


def _nothing(name: str) -> tuple[int, dict[str, Any]]:
    return 404, {"message": f"No such image: {name}"}


def _known(name: str) -> tuple[int, dict[str, Any]]:
    return 200, {"Id": "sha256:1", "Descriptor": {"digest": "sha256:1"}}


def _found(services: dict[str, Any], runtime: str = "docker", **more: Any) -> list[Finding]:
    lock = more.pop("lock", None)
    config = load_stack_config({"runtime": runtime, "services": services, **more})
    return list(rule.look(Patient("test", config, Path("/nowhere"), deployed=False, lock=lock)))


def test_what_the_daemon_has_is_asked_of_no_registry(project: Project, monkeypatch) -> None:
    with daemon(monkeypatch, _known, lambda name: MISSING) as asked:
        assert _found({"redis": {}}) == [Finding("images")]
    assert asked == []


def test_natives_and_what_somebody_else_runs_are_not_asked_for(project: Project, monkeypatch) -> None:
    outside = {"redis": {"external": "192.0.2.1:6379"}, "postgres": {}}
    with daemon(monkeypatch, _nothing, _known) as asked:
        assert _found({"redis": {}}, "supervisord") == []
        assert _found(outside) == [Finding("images")]
    assert len(asked) == 1 and "pgvector" in asked[0]


def test_twenty_images_take_as_long_as_one_and_each_is_asked_for_once(project: Project, monkeypatch) -> None:
    def slow(name: str) -> tuple[int, dict[str, Any]]:
        time.sleep(1)
        return MISSING

    services = {f"own{number}": {"type": "api", "image": f"own:{number}.0"} for number in range(20)}
    services["own0"] |= {"replicas": 3}
    with daemon(monkeypatch, _nothing, slow) as asked:
        began = time.monotonic()
        found = _found(services)
        assert time.monotonic() - began < 10
    assert sorted(asked) == sorted(f"own:{number}.0" for number in range(20))
    assert len(found) == 20
    assert found[0].problem.startswith("hearth:services.own0.image: own0 cannot have own:0.0: docker.io says")
    assert found[0].mend == "name one that exists under hearth:services.own0.image in Pulumi.test.yaml"


@pytest.mark.parametrize(
    ("kind", "machines", "refused"),
    [
        (INDEX, ["amd64", "arm64", "unknown"], ""),
        (
            INDEX,
            ["amd64", "386"],
            "docker.io has it for linux/386, linux/amd64 alone, which this machine is not",
        ),
        # Docker warns, and an emulator may run it.
        ("application/vnd.oci.image.manifest.v1+json", ["amd64"], ""),
        (INDEX, [], ""),
    ],
)
def test_an_image_for_other_machines_is_refused(
    project: Project, monkeypatch, kind: str, machines: list[str], refused: str
) -> None:
    platforms = [
        {"os": "unknown" if name == "unknown" else "linux", "architecture": name} for name in machines
    ]
    answer = {"Descriptor": {"digest": "sha256:1", "mediaType": kind}, "Platforms": platforms}
    with daemon(monkeypatch, _nothing, lambda name: (200, answer)):
        (finding,) = _found({"redis": {}})
    assert refused in (finding.problem or "") and bool(finding.problem) == bool(refused)


@pytest.mark.parametrize(
    ("answer", "said", "mend"),
    [
        (MISSING, "docker.io says: manifest unknown", "name another one under hearth:images.redis"),
        (AWAY, "docker.io cannot be asked: Get .* connection refused", "docker pull redis:.*, once it answers"),
        ((500, {"message": "no basic auth credentials"}), "no basic auth credentials", "docker login docker.io"),
        ((403, {"message": "denied: requested access"}), "denied: requested access", "docker login docker.io"),
        ((500, {"message": 'Get "https://me:sesame@r/v2/": EOF\nmore'}), 'Get "https://r/v2/": EOF more', "docker pull"),
    ],
)  # fmt: skip
def test_what_a_registry_says_is_told_with_what_mends_it(
    project: Project, monkeypatch, answer: tuple[int, dict[str, Any]], said: str, mend: str
) -> None:
    with daemon(monkeypatch, _nothing, lambda name: answer):
        (finding,) = _found({"redis": {}})
    assert finding.problem.startswith("hearth:services.redis: redis cannot have redis:")
    assert re.search(said, finding.problem) and re.search(mend, finding.mend)
    assert "sesame" not in finding.problem and "\n" not in finding.problem


def test_a_registry_that_never_answers_is_not_waited_for(project: Project, monkeypatch) -> None:
    monkeypatch.setattr(images, "ASK_SECONDS", 1)
    ended = threading.Event()

    def silent(name: str) -> tuple[int, dict[str, Any]]:
        ended.wait(30)
        return MISSING

    with daemon(monkeypatch, _nothing, silent):
        began = time.monotonic()
        (finding,) = _found({"redis": {}})
        ended.set()
        assert time.monotonic() - began < 10
    assert finding.problem.endswith("docker.io does not answer within 1 s")


@pytest.mark.parametrize(
    ("overrides", "path", "asked"),
    [
        ({"redis": "mine.example/redis:8.0"}, "hearth:images.redis", "mine.example/redis:8.0"),
        ({"prefix": "mirror.example:5000"}, "hearth:images.prefix", "mirror.example:5000/redis:"),
    ],
)
def test_the_key_that_named_it_is_the_one_to_mend(
    project: Project, monkeypatch, overrides: dict[str, str], path: str, asked: str
) -> None:
    with daemon(monkeypatch, _nothing, lambda name: MISSING):
        (finding,) = _found({"redis": {}}, images=overrides)
    assert finding.problem.startswith(f"{path}: redis cannot have {asked}")
    assert finding.mend == f"name one that exists under {path} in Pulumi.test.yaml"


@pytest.mark.parametrize("known", ["digest", "id"])
def test_what_is_locked_is_what_must_be_there(project: Project, monkeypatch, known: str) -> None:
    digest = "sha256:" + "ab" * 32
    own = {"redis": "mine.example/redis:8.0"}
    lock = Lock.model_validate({"images": {"redis": {"wanted": own["redis"], known: digest}}})
    with daemon(monkeypatch, _nothing, lambda name: MISSING) as asked:
        (finding,) = _found({"redis": {}}, images=own, lock=lock)
    assert finding.problem.startswith("hearth.test.lock.json: images.redis: redis cannot have ")
    assert finding.mend == "./hearth upgrade redis --stack test"
    assert asked == ([f"{own['redis']}@{digest}"] if known == "digest" else [])


def test_an_upgrade_without_a_registry_goes_by_what_is_here_and_says_so(
    project: Project, monkeypatch
) -> None:
    own, digest = "mine.example/redis:8.0", "sha256:" + "ab" * 32
    config = load_stack_config({"runtime": "docker", "services": {"redis": {}}, "images": {"redis": own}})
    plan = stacks.planned_from(config, "test")
    said: list[str] = []

    def offered() -> Lock:
        return offers.lock(plan, Lock(), [], Path("/nowhere"), said.append, containers=True)

    with daemon(monkeypatch, lambda name: (200, {"Id": digest, "RepoDigests": []}), lambda name: AWAY):
        assert offered().images["redis"].id == digest
    assert re.fullmatch(
        rf"redis: mine.example cannot be asked: .* what this machine has under {own} counts", said[0]
    )
    with daemon(monkeypatch, _nothing, lambda name: MISSING), pytest.raises(Failure) as refused:
        offered()
    assert str(refused.value) == (
        f"redis cannot have {own}: mine.example says: manifest unknown: manifest unknown; "
        "mend it with: correct the image's name"
    )


def test_the_command_reads_the_lock_and_refuses(project: Project, monkeypatch, hearth) -> None:
    project.stack({"redis": {}}, runtime="docker")
    # Only this rule, for the others ask the daemon for more.
    monkeypatch.setattr(examination, "_rules", lambda: iter([rule]))
    with daemon(monkeypatch, _nothing, lambda name: MISSING):
        result = hearth("doctor", "--before-up")
    assert result.status == 1
    assert result.err.startswith("refused: images: hearth:services.redis: redis cannot have redis:")
    (project.path / locks.file_name("test")).write_text("[]")
    result = hearth("doctor", "--before-up")
    assert result.status == 1 and locks.file_name("test") in result.err
