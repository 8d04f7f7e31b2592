"""A stack's own images: a mirror's prefix for all, or another image for one service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from components.spec import Image, ServiceSpec

# A tag that says which version, or a digest.
PINNED = re.compile(
    r"[\w.-]+(:\d+)?(/[\w.-]+)*(:[\w.-]*\d[\w.-]*(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})"
)
# A registry, and perhaps a path on it.
MIRROR = re.compile(r"[\w.-]+(:\d+)?(/[\w.-]+)*/?")


def parse_reference(reference: str) -> Image:
    """``host:5000/name:tag@digest`` as an ``Image``. That it is pinned was checked on loading."""
    name, _, digest = reference.partition("@")
    head, slash, last = name.rpartition("/")
    repository, _, tag = last.partition(":")
    return Image(repository=f"{head}{slash}{repository}", tag=tag, digest=digest or None)


def with_image(spec: ServiceSpec, overrides: Mapping[str, str]) -> ServiceSpec:
    """``spec`` with the image that the stack wants for it."""
    if spec.declared in overrides:
        return replace(spec, image=parse_reference(overrides[spec.declared]))
    prefix = overrides.get("prefix", "").rstrip("/")
    if not prefix or spec.image is None or spec.image.exact:
        return spec
    return replace(spec, image=replace(spec.image, repository=f"{prefix}/{spec.image.repository}"))
