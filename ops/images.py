"""Whether the images of a plan can be had: Docker has them here, or their registry does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from components.errors import PASSWORD_IN_URL
from host.containers.client import daemon

if TYPE_CHECKING:
    from components.spec import ServiceSpec

ASK_SECONDS = 20
"""How long a registry has for its answer."""
# Of one that is out of reach all are waited for at the same time.
_AT_ONCE = 32
_NONE = (400, 404)
# https://github.com/opencontainers/image-spec/blob/main/media-types.md, and Docker's own before it.
_FOR_SEVERAL = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
# Signatures and the like, which lists of images hold as well.
_NO_PLATFORM = {"unknown/unknown"}
# The daemon answers 500 for what a registry lets nobody see.
_LOGIN = ("unauthorized", "denied", "credentials")


@dataclass(frozen=True)
class Answer:
    """What a registry says of an image: its digest, or why there is none and what mends that."""

    digest: str = ""
    why: str = ""
    mend: str = ""
    """Empty where only another name helps."""


@dataclass(frozen=True)
class Refused:
    """An image that cannot be had, and the first service that runs it."""

    spec: ServiceSpec
    answer: Answer

    def __str__(self) -> str:
        assert self.spec.image is not None
        return f"{self.spec.declared} cannot have {self.spec.image.named}: {self.answer.why}"


def refused(specs: Iterable[ServiceSpec]) -> list[Refused]:
    """What neither the daemon nor a registry has. Raises ``HostError`` where there is no daemon."""
    with daemon(ASK_SECONDS) as client:
        missing = absent(client, specs)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = pool.map(partial(asked, client), missing)
            found = [Refused(*pair) for pair in zip(missing.values(), answers, strict=True)]
    return [one for one in found if not one.answer.digest]


def absent(client: Any, specs: Iterable[ServiceSpec]) -> dict[str, ServiceSpec]:
    """What the daemon does not have yet: each image once, with the first service that runs it."""
    import docker

    wanted: dict[str, ServiceSpec] = {}
    for spec in specs:
        if spec.image is not None:
            wanted.setdefault(spec.image.reference, spec)
    found = {}
    for reference, spec in wanted.items():
        try:
            client.images.get(reference)
        except docker.errors.APIError:
            found[reference] = spec
    return found


def asked(client: Any, reference: str) -> Answer:
    """The registry's answer. Raises nothing for a registry that is not there: that is one."""
    import docker
    import requests

    if reference.startswith("sha256:"):
        return Answer(why=f"it was locked by its ID {reference[:19]}, which no registry knows")
    registry = reference
    try:
        registry = docker.auth.resolve_repository_name(reference)[0]
        found = client.images.get_registry_data(reference)
        if others := _for_others(client, found.attrs):
            return Answer(why=f"{registry} has it for {', '.join(others)} alone, which this machine is not")
        return Answer(digest=found.id)
    except docker.errors.APIError as error:
        said = _line(error.explanation or str(error))
        if any(word in said for word in _LOGIN):
            return Answer(why=f"{registry} says: {said}", mend=f"docker login {registry}")
        if error.status_code in _NONE:
            return Answer(why=f"{registry} says: {said}")
        again = f"docker pull {reference}, once it answers"
        return Answer(why=f"{registry} cannot be asked: {said}", mend=again)
    except docker.errors.DockerException as error:
        # A name that is none, or a helper that keeps passwords and is not there.
        return Answer(why=_line(str(error)))
    except requests.exceptions.RequestException:
        why = f"{registry} does not answer within {ASK_SECONDS} s"
        return Answer(why=why, mend=f"docker pull {reference}, once it does")


def _for_others(client: Any, found: Mapping[str, Any]) -> list[str]:
    """The platforms of an image that has several, none of which the daemon's machine can be given.

    Of an image that is for one platform a daemon only warns: it may have an emulator.
    """
    if found["Descriptor"].get("mediaType") not in _FOR_SEVERAL:
        return []
    named = sorted(
        {f"{one['os']}/{one['architecture']}" for one in found.get("Platforms") or ()} - _NO_PLATFORM
    )
    daemon = client.version()
    return [] if f"{daemon['Os']}/{daemon['Arch']}" in named else named


def _line(text: str) -> str:
    """One line of what the daemon says, without a password that an address in it has."""
    return PASSWORD_IN_URL.sub("//", " ".join(text.split()))[:300].rstrip(".;")
