"""What an installation of today would be, without making it."""

from __future__ import annotations

import os
from importlib import import_module

from host.errors import HostError
from host.packages import identity, install, links, search
from host.packages.identity import Identity
from host.packages.request import Request, Unavailable


def offered(request: Request) -> Identity:
    """The packages that a deployment without a lock would run: Debian's in their newest version.

    Raises ``HostError`` where no source has the programs.
    """
    links.prepare(request)
    reasons = []
    for found in search.candidates(request):
        if links.refusal(request, found) is None:
            here = identity.of(request, found, "/")
            return _newest(here) if here.source == "apt" else here
    for name in install.SOURCES:
        if getattr(request, name):
            try:
                return import_module(f"host.packages.{name}").offer(request)
            except Unavailable as error:
                reasons.append(f"{name}: {error}")
    raise HostError(f"{request.name}: no source has it: {'; '.join(reasons) or 'none is declared'}")


def with_digests(found: Identity) -> Identity:
    """With the hashes that Debian's index has of its packages; as it is for any other source."""
    if found.source != "apt":
        return found
    wanted = (f"{name}={version}" for name, version in found.versions.items())
    digests, name = {}, ""
    for line in identity.said("apt-cache", "show", "--no-all-versions", *wanted).splitlines():
        key, _, value = line.partition(": ")
        if key == "Package":
            name = value
        elif key == "SHA256":
            digests[name] = f"sha256:{value.strip()}"
    return Identity(found.source, found.versions, digests)


def _newest(here: Identity) -> Identity:
    # Who cannot install anything is offered nothing.
    if os.geteuid() != 0:
        return here
    from host.packages import apt

    candidates = apt.candidates(tuple(here.versions))
    return Identity(here.source, {name: candidates.get(name, old) for name, old in here.versions.items()})
