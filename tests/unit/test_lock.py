"""What a lock says is deployed, and nothing else; a bad one is refused with its path and the fix."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.mocks import run
from support.stacks import RUNTIMES, STACK, contained, facts, record, values

from components import lock as locks
from components.config import load_stack_config
from components.deployments import Declared
from components.errors import ConfigurationError
from components.lock import Lock
from components.plan import DeploymentPlan, build_plan
from components.platform import Platform
from components.runtimes import runtime_for
from host.packages.identity import Identity
from ops import locks as running

DIGEST = "sha256:" + "ab" * 32
NAME = locks.file_name(STACK)
NATIVE = [runtime for runtime in RUNTIMES if not contained(runtime)]


def _plan(stack: dict[str, Any], lock: Lock | None = None) -> DeploymentPlan:
    config, host = load_stack_config(stack), facts()
    return build_plan(config, host, runtime_for(config, host, STACK), STACK, lock)


def _lock(stack: dict[str, Any], service: str = "redis", **more: Any) -> Lock:
    """A lock of one service, made for what the stack asks for."""
    plan = _plan(stack)
    containers = plan.runtime in ("docker", "swarm")
    wanted = locks.wanted(plan.service(service), containers=containers)
    if containers:
        return Lock.model_validate({"images": {service: {"wanted": wanted, "digest": DIGEST, **more}}})
    entry = {"wanted": wanted, "source": "apt", "versions": {"redis-server": "5:7.0.15-1"}, **more}
    return Lock.model_validate({"packages": {service: entry}})


def _recorded(stack: dict[str, Any], lock: Lock | None) -> Any:
    config = load_stack_config(stack)
    return run(lambda: Platform.deploy(STACK, config, facts(), Declared("the file", lock)), None)


@pytest.mark.parametrize("runtime", ["docker", "swarm"])
def test_a_locked_image_is_deployed_by_its_digest(runtime: str) -> None:
    stack = values(runtime, {"redis": {}, "nginx": {}})
    found = _recorded(stack, _lock(stack))
    images = {one.name: one.inputs["name"] for one in found.of_type("docker:index/remoteImage:RemoteImage")}
    assert images["redis-image"].endswith(f"@{DIGEST}") and images["redis-image"].startswith("redis:")
    assert "@" not in images["nginx-image"]


def test_an_image_that_no_registry_has_is_deployed_by_its_id() -> None:
    stack = values("docker", {"redis": {}})
    locked = _plan(stack, _lock(stack, digest=None, id=DIGEST)).service("redis").image
    assert locked is not None and locked.reference == DIGEST and locked.named.startswith("redis:")


@pytest.mark.parametrize("runtime", NATIVE)
def test_a_locked_package_is_asked_for_by_its_version(runtime: str) -> None:
    stack = values(runtime, {"redis": {}, "nginx": {}})
    found = _recorded(stack, _lock(stack))
    asked = found.named("redis-package", "command:local:Command").document["locked"]
    assert asked == {"source": "apt", "versions": {"redis-server": "5:7.0.15-1"}, "digests": {}}
    assert "locked" not in found.named("nginx-package", "command:local:Command").document
    # Other programs start the service again: its own command sees which.
    applied = found.named("redis", "command:local:Command").document
    assert applied["package"] == {"name": "redis", "versions": {"redis-server": "5:7.0.15-1"}}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_without_a_lock_everything_is_as_before(runtime: str) -> None:
    stack = values(runtime, {"redis": {}})
    old = {one.urn: one.inputs for one in record(stack) if one.custom}
    new = {one.urn: one.inputs for one in _recorded(stack, None) if one.custom}
    (added,) = set(new) - set(old)
    assert added.endswith("::deployments")
    assert {urn: new[urn] for urn in old} == old


@pytest.mark.parametrize("runtime", ["docker", "supervisord"])
def test_what_is_asked_for_otherwise_is_refused_with_the_command(runtime: str) -> None:
    stack = values(runtime, {"postgres": {"version": 16}})
    more = {"versions": {"postgresql-16": "16.1"}} if runtime == "supervisord" else {}
    made = _lock(stack, "postgres", **more)
    assert _plan(stack, made)
    stack["services"]["postgres"]["version"] = 18
    section = "images" if runtime == "docker" else "packages"
    with pytest.raises(
        ConfigurationError, match=f"{NAME}: {section}.postgres.wanted: .*hearth upgrade postgres"
    ):
        _plan(stack, made)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "is no JSON"),
        ("<<<<<<< ours", "is no JSON"),
        ("[]", NAME),
        ('{"format": 2}', "format: 2 is refused"),
        ('{"image": {}}', "image: unknown key; known keys are format, images, packages"),
        ('{"images": {"redis": {"wanted": "x", "digest": "sha256:1"}}}', "images.redis.digest: 'sha256:1' is refused"),
        ('{"images": {"redis": {"wanted": "x"}}}', "images.redis: write either digest or id"),
        ('{"images": {"redis": {}}}', "images.redis.wanted: is required and missing; add it"),
        ('{"packages": {"a": {"wanted": "", "source": "curl", "versions": {}}}}', "packages.a.source: 'curl' is refused"),
        ('{"packages": {"a": {"wanted": "", "source": "apt", "versions": {"--x": "1"}}}}', "packages.a.versions.--x"),
        ('{"packages": {"a": {"wanted": "", "source": "apt", "versions": {"x": "1 -o y"}}}}', "packages.a.versions.x"),
    ],
)  # fmt: skip
def test_bad_content_is_refused_with_its_path(text: str, path: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        locks.parse(text, NAME)
    assert path in str(refused.value) and NAME in str(refused.value)


def test_a_lock_is_read_as_it_was_written() -> None:
    stack = values("supervisord", {"redis": {}})
    made = _lock(stack, digests={"redis-server": DIGEST})
    assert locks.parse(made.text(), NAME) == made
    assert json.loads(made.text())["packages"]["redis"]["versions"] == {"redis-server": "5:7.0.15-1"}


def test_programs_of_the_owner_are_in_no_lock() -> None:
    stack = values(
        "supervisord",
        {"job": {"type": "agent", "directory": "examples/agent", "requirements": "requirements.txt"}},
    )
    assert locks.wanted(_plan(stack).service("job"), containers=False) == ""


def test_digests_that_are_not_known_are_no_difference() -> None:
    one = Identity("apt", {"a": "1"}, {"a": DIGEST})
    assert one.allows(Identity("apt", {"a": "1", "b": "2"}))
    assert not one.allows(Identity("apt", {"a": "1"}, {"a": "sha256:other"}))
    assert not one.allows(Identity("apt", {"a": "2"}))
    assert not one.allows(Identity("pypi", {"a": "1"}))


def test_differences_name_both_sides() -> None:
    stack = values("supervisord", {"redis": {}})
    one, other = _lock(stack), _lock(stack, versions={"redis-server": "5:8.0.0"})
    assert running.differences(one, one) == []
    assert running.differences(one, other) == [("redis", "redis-server 5:7.0.15-1", "redis-server 5:8.0.0")]
    assert running.differences(Lock(), one) == [("redis", "nothing", "redis-server 5:7.0.15-1")]


def test_an_earlier_lock_holds_for_what_is_asked_today() -> None:
    stack = values("docker", {"redis": {}})
    old = Lock.model_validate({"images": {"redis": {"wanted": "redis:7.0.1", "digest": DIGEST}}})
    with pytest.raises(ConfigurationError, match=r"redis:7\.0\.1 is locked"):
        _plan(stack, old)
    today = locks.asked_again(old, _plan(stack).services, containers=True)
    image = _plan(stack, today).service("redis").image
    assert image is not None
    assert image.reference == f"redis:7.0.1@{DIGEST}"
    # It is the same deployment, and recorded as the same.
    assert today.essence() == old.essence() != today.model_dump(exclude_none=True)


def test_what_was_asked_for_is_no_part_of_what_is_deployed() -> None:
    stack = values("supervisord", {"redis": {}})
    one = _lock(stack)
    other = locks.asked_again(one, _plan(stack).services, containers=False)
    assert one.essence() == other.essence()
    assert one.essence()["packages"]["redis"]["wanted"] == ""


def test_an_entry_has_the_digest_that_its_own_registry_gave() -> None:
    stack = values("docker", {"redis": {}}, images={"redis": "mine.example:5000/redis:8.0"})
    other, image = "sha256:" + "cd" * 32, {"Id": "sha256:" + "ef" * 32}
    known = [f"redis@{other}", f"mine.example:5000/redis@{DIGEST}"]
    spec = _plan(stack).service("redis")
    assert running.image_entry(None, spec, {**image, "RepoDigests": known}).digest == DIGEST
    assert running.image_entry(None, spec, {**image, "RepoDigests": known[:1]}).id == image["Id"]
