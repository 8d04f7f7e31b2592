"""What of a planned stack the Docker daemon has already, and how it differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.adopt import differences
from ops.adopt.state import UNKNOWN

if TYPE_CHECKING:
    from components.spec import ServiceSpec

CONTAINER, VOLUME, NETWORK, IMAGE = (
    f"docker:index/{kind}"
    for kind in ("container:Container", "volume:Volume", "network:Network", "remoteImage:RemoteImage")
)


@dataclass(frozen=True)
class Existing:
    """One thing that the stack would make, and that is there. ``inputs`` are without anything unknown."""

    urn: str
    kind: str
    name: str
    id: str
    inputs: Mapping[str, Any]
    problems: tuple[str, ...]
    service: str = ""


def look(daemon: Any, planned: Sequence[Mapping[str, Any]]) -> list[Existing]:
    """In the order of ``planned``, which are a preview's resources."""
    images = {entry["urn"]: entry["inputs"]["name"] for entry in planned if entry["type"] == IMAGE}
    looks = {CONTAINER: _container, VOLUME: _volume, NETWORK: _network}
    return [
        found
        for entry in planned
        if entry["type"] in looks
        for found in looks[entry["type"]](daemon, entry, images)
    ]


def _container(daemon: Any, entry: Mapping[str, Any], images: Mapping[str, str]) -> Iterator[Existing]:
    import docker

    inputs = dict(entry["inputs"])
    try:
        there = daemon.containers.get(inputs["name"])
    except docker.errors.NotFound:
        return
    problems = []
    image = next((images[urn] for urn in entry["dependencies"] if urn in images), inputs["image"])
    try:
        inputs["image"] = daemon.images.get(image).id
    except docker.errors.NotFound:
        problems.append(f"image {image} is not here; run `docker pull {image}`, which it must be of")
    labels = {one["label"]: one["value"] for one in inputs["labels"]}
    # Of the files with secrets, which are compared apart: the volume keeps it as long as they are the same.
    known = (there.attrs["Config"]["Labels"] or {}).get("hearth.generation", "")
    labels = {label: known if value == UNKNOWN else value for label, value in labels.items()}
    inputs["labels"] = [{"label": label, "value": value} for label, value in sorted(labels.items())]
    problems += differences.container(inputs, there.attrs, there.image.attrs)
    service = labels["hearth.service"]
    yield Existing(entry["urn"], "container", inputs["name"], there.id, inputs, tuple(problems), service)


def _volume(daemon: Any, entry: Mapping[str, Any], images: Mapping[str, str]) -> Iterator[Existing]:
    import docker

    inputs = entry["inputs"]
    try:
        there = daemon.volumes.get(inputs["name"])
    except docker.errors.NotFound:
        return
    problems = tuple(differences.volume(inputs, there.attrs))
    yield Existing(entry["urn"], "volume", inputs["name"], there.name, inputs, problems)


def _network(daemon: Any, entry: Mapping[str, Any], images: Mapping[str, str]) -> Iterator[Existing]:
    inputs = entry["inputs"]
    for there in daemon.networks.list(names=[inputs["name"]]):
        if there.name == inputs["name"]:
            problems = tuple(differences.network(inputs, there.attrs))
            yield Existing(entry["urn"], "network", inputs["name"], there.id, inputs, problems)


def secret_problems(daemon: Any, stack: str, root: Path, spec: ServiceSpec) -> Iterator[str]:
    """Why the files with secrets in a service's volume would not stay as they are."""
    from components.runtimes.docker_arguments import PLACES
    from components.secrets import fill

    files = [file for file in spec.files if file.secrets]
    values = {ref.name: root / "secrets" / ref.name for ref in spec.secrets if not ref.source}
    values |= {ref.name: Path(ref.source) for ref in spec.secrets if ref.source}
    missing = sorted(str(path) for path in values.values() if not path.is_file())
    yield from (f"{path} is missing; put there what the service has" for path in missing)
    if missing or not files:
        return
    there = _files(daemon, f"{stack}-{spec.name}-secrets")
    for file in files:
        name = file.path.removeprefix(f"{PLACES.secrets}/")
        texts = {key: values[ref.name].read_text().strip() for key, ref in file.secrets.items()}
        if there.get(name) != fill(file.content, texts).encode():
            yield f"{name}, which has secrets in it, is otherwise; it would be written again"


def _files(daemon: Any, volume: str) -> dict[str, bytes]:
    """What is in a volume, read through a container that never starts."""
    from host.containers import client
    from host.containers.archives import MOUNTS, unpack

    if volume not in (found.name for found in daemon.volumes.list(filters={"name": volume})):
        return {}
    purpose = f"adopt-{volume}"
    client.drop_helpers(daemon, purpose)
    user = next(iter(daemon.containers.list(all=True, filters={"volume": volume})), None)
    if user is None:
        return {}
    helper = daemon.containers.create(
        user.attrs["Image"],
        command=["true"],
        network_mode="none",
        labels={client.HELPER_LABEL: purpose},
        volumes={volume: {"bind": f"{MOUNTS}/{volume}", "mode": "ro"}},
    )
    try:
        return {path: entry.data for path, entry in unpack(helper, volume).items()}
    finally:
        client.remove(helper)
