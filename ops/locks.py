"""What each service of a stack really runs, as the entries of a lock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components import lock as locks
from components.lock import Lock, LockedImage, LockedPackage
from host.packages import links, offer, request
from host.packages.identity import Identity
from ops.errors import NotDeployed

if TYPE_CHECKING:
    from components.plan import DeploymentPlan
    from components.spec import ServiceSpec

    Entry = LockedImage | LockedPackage


def observed(plan: DeploymentPlan, root: Path, *, containers: bool) -> Lock:
    """The lock of what runs now. ``plan`` is the one that was deployed, without a lock.

    Raises ``Failure`` for a service that is not there.
    """
    entries: dict[str, Entry] = {}
    if containers:
        from host.containers.client import daemon

        with daemon() as client:
            for spec in lockable(plan, containers=True):
                name = f"{plan.stack}-{spec.name}"
                entries[spec.declared] = image_entry(client, spec, _running(client, plan, spec, name))
        return locks.of(entries)
    for spec in lockable(plan, containers=False):
        asked = asked_of(spec, root)
        try:
            found = offer.with_digests(links.linked(asked))
        except FileNotFoundError as error:
            raise NotDeployed(spec.name) from error
        entries[spec.declared] = package_entry(spec, found)
    return locks.of(entries)


def lockable(plan: DeploymentPlan, *, containers: bool) -> list[ServiceSpec]:
    """One of each service of the stack file that a lock can hold."""
    found = {spec.declared: spec for spec in plan.services if locks.wanted(spec, containers=containers)}
    return list(found.values())


def asked_of(spec: ServiceSpec, root: Path) -> request.Request:
    """What ``host package`` is asked for by a service, with nothing locked."""
    assert spec.package is not None
    asked = {key: value for key, value in spec.package.as_data().items() if key != "locked"}
    return request.parse({"root": str(root), "name": spec.declared, **asked})


def package_entry(spec: ServiceSpec, found: Identity) -> LockedPackage:
    """The entry for packages of these versions."""
    assert spec.package is not None
    return LockedPackage(
        wanted=spec.package.wanted,
        source=found.source,
        versions=dict(found.versions),
        digests=dict(found.digests),
    )


def image_entry(client: Any, spec: ServiceSpec, image: Mapping[str, Any]) -> LockedImage:
    """The entry for an image as Docker tells of it: by its registry's digest, else by its ID."""
    assert spec.image is not None
    asked = spec.image.named
    repository = asked.partition("@")[0]
    if ":" in repository.rpartition("/")[2]:
        repository = repository.rpartition(":")[0]
    for known in image.get("RepoDigests") or ():
        name, _, digest = known.partition("@")
        if name.removeprefix("docker.io/library/") == repository.removeprefix("docker.io/library/"):
            return LockedImage(wanted=asked, digest=digest)
    return LockedImage(wanted=asked, id=image["Id"])


def _running(client: Any, plan: DeploymentPlan, spec: ServiceSpec, name: str) -> Mapping[str, Any]:
    import docker

    try:
        if plan.runtime == "swarm":
            task = client.services.get(name).attrs["Spec"]["TaskTemplate"]
            return client.images.get(task["ContainerSpec"]["Image"]).attrs
        return client.images.get(client.containers.get(name).attrs["Image"]).attrs
    except docker.errors.NotFound:
        raise NotDeployed(spec.name) from None


def differences(locked: Lock, found: Lock) -> list[tuple[str, str, str]]:
    """Service, what is locked, what runs: where the two differ."""
    rows = []
    for name in sorted({*locked.entries, *found.entries}):
        one, other = locked.entries.get(name), found.entries.get(name)
        if not same(one, other):
            rows.append((name, locks.shown(one), locks.shown(other)))
    return rows


def same(one: Entry | None, other: Entry | None) -> bool:
    """Whether two entries are of the same programs, whatever was asked for."""
    if isinstance(one, LockedPackage) and isinstance(other, LockedPackage):
        return _identity(one).allows(_identity(other))
    if isinstance(one, LockedImage) and isinstance(other, LockedImage):
        return (one.digest, one.id) == (other.digest, other.id)
    return one is other


def _identity(entry: LockedPackage) -> Identity:
    return Identity(entry.source, entry.versions, entry.digests)
