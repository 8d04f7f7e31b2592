"""Which image and which packages each service runs, exactly: ``hearth.<stack>.lock.json``. Pure.

``wanted`` is what the stack asked for when the entry was made. A stack that asks for something else
is refused until ``hearth upgrade`` has moved the entry, so that nothing changes its version in passing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from components.errors import ConfigurationError, Problem, problems_of
from components.overrides import parse_reference
from components.programs import Locked
from components.settings import Strict
from components.spec import ServiceSpec

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
# What no package manager could take for an option, or for more than one word.
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9@][^\s]*$", max_length=500)]


class LockedImage(Strict):
    """One image: by the digest that a registry gives it, or by its ID where no registry has it."""

    wanted: str
    name: str | None = None
    """Under which the digest was found, where that is not what is wanted now."""
    digest: Digest | None = None
    id: Digest | None = None

    @model_validator(mode="after")
    def _one(self) -> LockedImage:
        if (self.digest is None) == (self.id is None):
            raise ValueError("write either digest or id; `./hearth lock` writes the right one")
        return self


class LockedPackage(Strict):
    """The packages of one service: their source, versions and, where the source has some, digests."""

    wanted: str
    source: Literal["apt", "brew", "cmake", "go", "installer", "npm", "path", "pypi", "venv"]
    versions: Mapping[Word, Word]
    digests: Mapping[Word, Word] = {}


class Lock(Strict):
    """Service of the stack file to what it runs."""

    format: Literal[1] = 1
    images: Mapping[str, LockedImage] = {}
    packages: Mapping[str, LockedPackage] = {}

    @property
    def entries(self) -> dict[str, LockedImage | LockedPackage]:
        """Every entry by its service."""
        return {**self.images, **self.packages}

    def essence(self) -> dict[str, Any]:
        """What it deploys, whatever was asked for: by this deployments are compared and found again."""
        made = self.model_dump(exclude_none=True)
        for entry in made["images"].values():
            entry["wanted"] = entry.pop("name", entry["wanted"])
        for entry in made["packages"].values():
            entry["wanted"] = ""
        return made

    def text(self) -> str:
        """As the file has it: one order, so that a difference in git is one of content."""
        return json.dumps(self.model_dump(exclude_none=True), indent=1, sort_keys=True) + "\n"


def file_name(stack: str) -> str:
    """Name of the file, which lies beside the stack's own."""
    return f"hearth.{stack}.lock.json"


def parse(text: str, name: str) -> Lock:
    """The lock in a file called ``name``. Raises ``ConfigurationError`` with every problem in it."""
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(
            [Problem(name, f"is no JSON ({error}); correct it, or `./hearth lock` writes it anew")]
        ) from None
    try:
        return Lock.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(problems_of(error, name, Lock.model_fields)) from None


def of(entries: Mapping[str, LockedImage | LockedPackage]) -> Lock:
    """A lock with these entries."""
    return Lock(
        images={name: one for name, one in entries.items() if isinstance(one, LockedImage)},
        packages={name: one for name, one in entries.items() if isinstance(one, LockedPackage)},
    )


def wanted(spec: ServiceSpec, *, containers: bool) -> str:
    """What a service asks for where nothing is locked. Empty where a lock could hold nothing."""
    if containers:
        return spec.image.named if spec.image else ""
    return spec.package.wanted if spec.package else ""


def asked_again(lock: Lock, specs: Iterable[ServiceSpec], *, containers: bool) -> Lock:
    """The same image and packages, as what these services ask for now: an earlier lock, today."""
    asks = {spec.declared: wanted(spec, containers=containers) for spec in specs}
    return Lock(
        images={
            name: one.model_copy(update={"wanted": asks[name], "name": other})
            for name, one in lock.images.items()
            if name in asks
            for other in [None if (one.name or one.wanted) == asks[name] else one.name or one.wanted]
        },
        packages={
            name: one.model_copy(update={"wanted": asks[name]})
            for name, one in lock.packages.items()
            if name in asks
        },
    )


def locked(spec: ServiceSpec, lock: Lock, *, containers: bool) -> ServiceSpec:
    """``spec`` with what its entry allows; as it is without one."""
    image, package = lock.images.get(spec.declared), lock.packages.get(spec.declared)
    if containers and image and spec.image:
        there = parse_reference((image.name or image.wanted).partition("@")[0])
        return replace(
            spec,
            image=replace(
                spec.image, repository=there.repository, tag=there.tag, digest=image.digest, id=image.id
            ),
        )
    if not containers and package and spec.package:
        allowed = Locked(source=package.source, versions=package.versions, digests=package.digests)
        return replace(spec, package=replace(spec.package, locked=allowed))
    return spec


def check(specs: Iterable[ServiceSpec], lock: Lock, name: str, *, containers: bool) -> list[Problem]:
    """Services that ask for something else than their entry was made for."""
    section, entries = ("images", lock.images) if containers else ("packages", lock.packages)
    found: dict[str, Problem] = {}
    for spec in specs:
        entry: Any = entries.get(spec.declared)
        asked = wanted(spec, containers=containers)
        if entry and entry.wanted != asked:
            advice = f"run `./hearth upgrade {spec.declared}`, or have the stack ask for that again"
            said = f"{entry.wanted or 'nothing'} is locked, and {asked or 'nothing'} is asked for"
            found[spec.declared] = Problem(f"{name}: {section}.{spec.declared}.wanted", f"{said}; {advice}")
    return list(found.values())


def shown(entry: LockedImage | LockedPackage | None) -> str:
    """An entry in a few words."""
    if entry is None:
        return "nothing"
    if isinstance(entry, LockedImage):
        return f"{(entry.name or entry.wanted).partition('@')[0]} {(entry.digest or entry.id or '')[:19]}"
    return ", ".join(f"{name} {version}" for name, version in entry.versions.items())
