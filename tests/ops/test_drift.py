"""``drift`` finds what changed behind the stack's back, and puts it right."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import docker
import pytest
from ops_project import resource

from ops import containers, drift, engine
from ops.engine import Resource

COMMAND = "command:local:Command"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


@pytest.fixture
def secrets(project):
    """A stack whose only service got one secret file."""
    directory = project.root / "redis" / "secrets"
    document = {
        "directory": str(directory),
        "account": None,
        "files": [{"path": str(directory / "password"), "content": "sesame", "mode": "0400"}],
    }
    stdin = {**SECRET, "plaintext": json.dumps(json.dumps(document))}
    line = f"{sys.executable} -m host secret-files"
    project.state(
        resource(COMMAND, "redis-package", create=f"{sys.executable} -m host package", stdin="{}"),
        resource(COMMAND, "redis-secrets", create=line, stdin=stdin),
    )
    return directory / "password"


def test_findings_then_repair_then_none(project, secrets, hearth):
    found = hearth("drift")
    assert found.status == 1
    assert "missing" in found.out
    repaired = hearth("drift", "--repair")
    assert repaired.status == 0, repaired.err
    assert "redis-secrets: applied again" in repaired.err
    assert secrets.read_text() == "sesame"
    assert "as the state says" in hearth("drift").out


def test_a_changed_secret_is_found_and_never_shown(project, secrets, hearth):
    hearth("drift", "--repair")
    secrets.chmod(0o600)
    secrets.write_text("tampered")
    (secrets.parent / "extra").touch()
    result = hearth("drift", "--json")
    findings = json.loads(result.out)["findings"]
    assert {finding["problem"] for finding in findings} == {"content", "not declared"}
    assert {finding["service"] for finding in findings} == {"redis"}
    repaired = hearth("drift", "--repair")
    assert repaired.status == 0, repaired.err
    for text in (result.out, result.err, repaired.out, repaired.err):
        assert "sesame" not in text
        assert "tampered" not in text


def test_a_service_is_told_that_its_secrets_were_others(project, secrets, hearth):
    seen = (
        f'{sys.executable} -c \'import os; print(os.environ["HEARTH_GENERATION"], file=open("seen", "w"))\''
    )
    command = {"create": f"{seen} -m host apply", "environment": {"HEARTH_GENERATION": "old"}}
    stdin = json.dumps(apply_document(project))
    delivered = json.loads((project.path / "export.json").read_text())["deployment"]["resources"]
    project.state(*delivered, resource(COMMAND, "redis", stdin=stdin, **command))
    hearth("drift", "--repair")
    generation = (project.root / "redis" / "secrets.generation").read_text()
    assert (project.path / "seen").read_text().strip() == generation
    hearth("drift", "--repair")
    assert (project.path / "seen").read_text().strip() == "old", "nothing was wrong with them this time"


def test_a_repair_that_fails_says_why(project, secrets, hearth):
    project.root.mkdir()
    (project.root / "redis").write_text("in the way")
    result = hearth("drift", "--repair")
    assert result.status == 1
    assert "must be a directory" in result.err
    assert "sesame" not in result.err


def apply_document(project):
    home = project.root / "redis"
    return {
        "root": str(project.root),
        "service": "redis",
        "runtime": "supervisord",
        "files": [{"path": f"{home}/config/redis.conf", "content": "port 1\n", "mode": "0400"}],
        "unit": {"path": f"{project.root}/supervisor/programs/redis.conf", "content": "", "mode": "0600"},
    }


def test_a_service_that_is_not_there(project, hearth):
    line = f"{sys.executable} -m host apply"
    project.state(resource(COMMAND, "redis", create=line, stdin=json.dumps(apply_document(project))))
    found = json.loads(hearth("drift", "--json").out)["findings"]
    problems = {finding["subject"].rpartition("/")[2]: finding["problem"] for finding in found}
    assert problems["redis.conf"] == "missing"
    assert problems["redis"].startswith("not running") or problems["redis"] == "missing"


def test_a_stack_without_state_cannot_have_drifted(project, hearth):
    result = hearth("drift")
    assert result.status == 1
    assert "stack test is not deployed" in result.err


def test_resources_to_be_deleted_are_not_the_states(project):
    gone = {**resource(COMMAND, "old", create="x"), "delete": True}
    project.state(gone, resource(COMMAND, "new", create="x", list=[{**SECRET, "plaintext": '"text"'}]))
    (found,) = engine.resources("test", secrets=True)
    assert (found.name, found.inputs["list"]) == ("new", ["text"])
    assert "--show-secrets" in project.calls[0]


LABELS = [{"label": "hearth.service", "value": "redis"}, {"label": "hearth.stack", "value": "test"}]
CONTAINER = Resource(
    containers.CONTAINER, "redis-container", "abc",
    {"name": "test-redis", "memory": 256, "memorySwap": 256, "cpus": "0.5", "labels": LABELS},
)  # fmt: skip
VOLUME = Resource(containers.VOLUME, "redis-data", "v", {"name": "test-redis-data", "labels": LABELS})


class FakeDocker:
    """As much of a client as is asked for."""

    def __init__(self, *, volumes: tuple[str, ...] = (), **containers: SimpleNamespace) -> None:
        self.done: list[str] = []
        self._containers, self._volumes = containers, list(volumes)
        self.containers = SimpleNamespace(get=self._container)
        self.volumes = SimpleNamespace(get=self._volume, create=self._create)

    def _container(self, name: str) -> SimpleNamespace:
        try:
            return self._containers[name.replace("-", "_")]
        except KeyError:
            raise docker.errors.NotFound(name) from None

    def _volume(self, name: str) -> str:
        if name not in self._volumes:
            raise docker.errors.NotFound(name)
        return name

    def _create(self, name: str, labels: dict[str, str]) -> None:
        self._volumes.append(name)
        self.done.append(f"create {name} for {labels['hearth.service']}")


def container(
    status: str = "running", health: str = "healthy", memory: int = 256, id: str = "abc"
) -> SimpleNamespace:
    size = memory * 1024**2
    limits = {"Memory": size, "MemorySwap": 256 * 1024**2, "NanoCpus": 5 * 10**8}
    attrs = {"State": {"Health": {"Status": health}}, "HostConfig": limits}
    found = SimpleNamespace(status=status, attrs=attrs, id=id)

    def started() -> None:
        found.status = "running"

    def restarted() -> None:
        attrs["State"]["Health"]["Status"] = "starting"

    found.start, found.restart = started, restarted
    return found


@pytest.mark.parametrize(
    ("there", "problems"),
    [
        ({}, ["missing"]),
        ({"test_redis": container()}, []),
        ({"test_redis": container(status="exited")}, ["not running"]),
        ({"test_redis": container(health="unhealthy")}, ["unhealthy"]),
        ({"test_redis": container(memory=512)}, ["memory is 512MiB, not 256MiB"]),
        ({"test_redis": container(id="other")}, ["replaced by another one"]),
    ],
)
def test_what_is_found_of_a_container(there, problems):
    found = [finding for _, finding in containers.differences(FakeDocker(**there), [CONTAINER])]
    assert [finding.problem for finding in found] == problems
    assert {finding.service for finding in found} <= {"redis"}


@pytest.mark.parametrize(("there", "left"), [(container(status="exited"), 0), (container(memory=1), 1)])
def test_a_stopped_container_is_started_and_a_changed_one_is_pulumis(there, left, monkeypatch, project):
    client = FakeDocker(volumes=("test-redis-data",), test_redis=there)
    monkeypatch.setattr(drift, "daemon", lambda: _entered(client))
    monkeypatch.setattr(engine, "resources", lambda stack, secrets: [VOLUME, CONTAINER])
    drift.repair("test", lambda text: None)
    assert len(drift.inspect("test")) == left
    assert (
        ("refresh" in (project.path / "calls").read_text()) if left else not (project.path / "calls").exists()
    )


def test_a_lost_volume_is_made_again_and_filled(monkeypatch, project):
    client = FakeDocker(test_redis=container())
    line = f'{sys.executable} -c \'open("filled", "w")\' -m host volume-files'
    files = Resource(
        COMMAND, "redis-files", "f", {"create": line, "stdin": '{"volume": "test-redis-config"}'}
    )
    monkeypatch.setattr(drift, "daemon", lambda: _entered(client))
    monkeypatch.setattr(engine, "resources", lambda stack, secrets: [VOLUME, files, CONTAINER])
    drift.repair("test", lambda text: None)
    assert client.done == ["create test-redis-data for redis"]
    assert (project.path / "filled").exists()


class _entered:
    def __init__(self, client: FakeDocker) -> None:
        self._client = client

    def __enter__(self) -> FakeDocker:
        return self._client

    def __exit__(self, *error: object) -> None:
        """Nothing to close."""
