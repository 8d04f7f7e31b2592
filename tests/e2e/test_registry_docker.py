"""Images from a registry with a login: what it has not is refused before anything is made, and a lock holds its digests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import redis
from docker.models.containers import Container

from tests.e2e.beside import Beside
from tests.e2e.daemon import docker_daemon
from tests.e2e.kept import ops
from tests.e2e.registry import Registry, small_image
from tests.e2e.workbench import Workbench

STACK, HOST, PORT = "pulledbox", "127.0.0.1", 61700
NAME, TAG = "hearth/redis", "8.0"
WANTED = f"{HOST}:{PORT}/{NAME}:{TAG}"
# All that Redis and what Hearth asks of it run.
PROGRAMS = ("redis-server", "redis-cli", "sh", "cat", "tr")


@pytest.fixture(scope="module")
def registry(scratch: Path) -> Iterator[Registry]:
    """A registry, and a Docker daemon that can ask it."""
    made = Registry(scratch / "registry", PORT)
    with docker_daemon(scratch / "dockerd.log"):
        made.start()
        yield made
        made.stop()


@pytest.fixture(scope="module")
def first(registry: Registry, scratch: Path) -> Iterator[str]:
    """The ID of the image that the tag names at first. The registry has it, and Docker has not."""
    made = small_image(WANTED, PROGRAMS, "first", scratch / "image.tar")
    registry.log_in()
    registry.take(WANTED)
    yield made
    # After the stack.
    _forget()


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """Redis alone, from the registry."""
    return {
        "runtime": "docker",
        "host": {"reserve": "512MiB"},
        "images": {"redis": WANTED},
        "services": {"redis": {"memory": "128MiB"}},
    }


@pytest.fixture(scope="module")
def stack(
    first: str, registry: Registry, bench: Callable[..., Workbench], config: dict[str, Any]
) -> Workbench:
    """The stack, not up yet."""
    made = bench(STACK, config, environment=registry.environment)
    config["data"] = str(made.root)
    return made


def _container() -> Container:
    return Beside(STACK).container("redis")


def _client(stack: Workbench) -> redis.Redis:
    return Beside(STACK).cache(stack.secret("redis"))


def _locked(stack: Workbench) -> dict[str, Any]:
    return json.loads((stack.directory / f"hearth.{STACK}.lock.json").read_text())["images"]["redis"]


def _forget(*but: str) -> None:
    """Have Docker not have any image of the registry, but for those with these IDs."""
    client = docker.from_env()
    for image in client.images.list(filters={"label": "edition"}):
        if image.id not in but:
            client.images.remove(image.id, force=True)


def _things() -> list[Any]:
    client, mine = docker.from_env(), {"label": f"hearth.stack={STACK}"}
    return [
        *client.containers.list(all=True, filters=mine),
        *client.volumes.list(filters=mine),
        *client.networks.list(filters=mine),
    ]


@pytest.mark.parametrize(
    ("image", "login", "why", "mend"),
    [
        (f"{HOST}:{PORT}/{NAME}:8.9", True, f"{HOST}:{PORT} says: manifest unknown", "name one that exists"),
        (f"{HOST}:{PORT + 1}/{NAME}:{TAG}", True, f"{HOST}:{PORT + 1} cannot be asked: ", "docker pull "),
        (WANTED, False, "no basic auth credentials", f"docker login {HOST}:{PORT}"),
    ],
    ids=["no such tag", "no registry", "no login"],
)
def test_an_image_that_cannot_be_had_is_refused_before_anything_is_made(
    stack: Workbench, config: dict[str, Any], tmp_path: Path, image: str, login: bool, why: str, mend: str
) -> None:
    stack.configure({**config, "images": {"redis": image}})
    # What `make setup` makes is there, and belongs to the checkout.
    words = ["make", "--old-file=setup", "up", f"STACK={STACK}"]
    refused = stack.run(*([] if login else ["env", f"DOCKER_CONFIG={tmp_path}"]), *words, check=False)
    stack.configure(config)
    assert refused.status != 0
    (said,) = [line for line in refused.text.splitlines() if line.startswith("refused: ")]
    assert said.startswith(f"refused: images: hearth:images.redis: redis cannot have {image}: ")
    assert why in said and f"; mend it with: {mend}" in said
    assert _things() == [] and not stack.root.exists()
    assert "resources" not in json.loads(stack.pulumi("stack", "export").text)["deployment"]


def test_the_lock_has_the_digest_of_the_registry_and_replaces_nothing(
    stack: Workbench, registry: Registry, first: str
) -> None:
    assert docker.from_env().images.list(filters={"label": "edition"}) == []
    stack.up()
    before = _container()
    assert before.attrs["Image"] == first
    _client(stack).set("kept", "value")
    ops(stack, "lock")
    assert _locked(stack) == {"wanted": WANTED, "digest": registry.digest(NAME, TAG)}
    stack.up()
    assert _container().id == before.id
    stack.assert_nothing_to_do()
    assert "is what" in ops(stack, "lock", "--check").text


def test_a_tag_that_moves_changes_nothing_until_an_upgrade(
    stack: Workbench, registry: Registry, first: str, scratch: Path
) -> None:
    old = registry.digest(NAME, TAG)
    second = small_image(WANTED, PROGRAMS, "second", scratch / "image.tar")
    registry.take(WANTED)
    new = registry.digest(NAME, TAG)
    assert new != old
    stack.assert_nothing_to_do()
    assert "is what" in ops(stack, "lock", "--check").text
    shown = ops(stack, "upgrade", "--dry-run", "--json", "--no-backup").text
    (change,) = json.loads(shown[shown.index("{") :])["changes"]
    assert change["now"].endswith(old[:19]) and change["then"].endswith(new[:19])
    assert _container().attrs["Image"] == first
    ops(stack, "upgrade", "--no-backup")
    assert _container().attrs["Image"] == second
    assert _locked(stack) == {"wanted": WANTED, "digest": new}
    assert _client(stack).get("kept") == b"value"
    assert "is what" in ops(stack, "lock", "--check").text
    stack.assert_nothing_to_do()


def test_a_rollback_pulls_the_earlier_image_by_its_digest(
    stack: Workbench, registry: Registry, first: str
) -> None:
    _forget(_container().attrs["Image"])
    assert "went back to deployment 2" in ops(stack, "rollback", "2").text
    assert _container().attrs["Image"] == first
    assert (
        f"{HOST}:{PORT}/{NAME}@{_locked(stack)['digest']}"
        in docker.from_env().images.get(first).attrs["RepoDigests"]
    )
    assert _client(stack).get("kept") == b"value"
    assert "is what" in ops(stack, "lock", "--check").text
    stack.assert_nothing_to_do()


def test_a_rollback_to_what_no_registry_gives_is_refused_before_anything_changes(
    stack: Workbench, registry: Registry, first: str
) -> None:
    _forget(first)
    before = _container()
    registry.stop()
    refused = ops(stack, "rollback", "3", check=False)
    registry.start()
    assert refused.status == 1
    assert f"deployment 3: redis cannot have {WANTED}@" in refused.text
    assert f"{HOST}:{PORT} cannot be asked: " in refused.text and "nothing was changed" in refused.text
    assert (_container().id, _container().attrs["State"]["StartedAt"]) == (
        before.id,
        before.attrs["State"]["StartedAt"],
    )
