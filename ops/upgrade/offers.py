"""What could run: the newest image or packages of what a stack asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components import lock as locks
from components.lock import Lock, LockedImage
from host.packages import offer
from ops import images
from ops import locks as running
from ops.errors import Failure, Usage

if TYPE_CHECKING:
    from components.plan import DeploymentPlan
    from components.spec import ServiceSpec


def lock(
    plan: DeploymentPlan,
    now: Lock,
    names: Collection[str],
    root: Path,
    progress: Callable[[str], None],
    *,
    containers: bool,
) -> Lock:
    """The lock after an upgrade of services, or of all. ``now`` is what runs, ``plan`` without a lock.

    Raises ``Usage`` for a name that is none, ``Failure`` or ``HostError`` for what cannot be had.
    """
    from host.containers.client import daemon

    specs = running.lockable(plan, containers=containers)
    strangers = [name for name in names if name not in {spec.declared for spec in specs}]
    if strangers:
        known = ", ".join(spec.declared for spec in specs)
        raise Usage(f"{strangers[0]}: no service of this stack with versions of its own; there are {known}")
    entries = {}
    with daemon(images.ASK_SECONDS) if containers else contextlib.nullcontext() as client:
        for spec in specs:
            if names and spec.declared not in names:
                if spec.declared in now.entries:
                    entries[spec.declared] = now.entries[spec.declared]
            elif containers:
                entries[spec.declared] = _image(client, spec, progress)
            else:
                found = offer.with_digests(offer.offered(running.asked_of(spec, root)))
                entries[spec.declared] = running.package_entry(spec, found)
    return locks.of(entries)


def _image(client: Any, spec: ServiceSpec, progress: Callable[[str], None]) -> LockedImage:
    """What the registry has under the name; what this machine has, where no registry answers."""
    import docker

    assert spec.image is not None
    name = spec.image.named
    if spec.image.digest:
        return LockedImage(wanted=name, digest=spec.image.digest)
    answer = images.asked(client, name)
    if answer.digest:
        return LockedImage(wanted=name, digest=answer.digest)
    try:
        here = client.images.get(name)
    except docker.errors.NotFound:
        mend = answer.mend or "correct the image's name"
        raise Failure(f"{images.Refused(spec, answer)}; mend it with: {mend}") from None
    progress(f"{spec.declared}: {answer.why}; what this machine has under {name} counts")
    return running.image_entry(client, spec, here.attrs)
