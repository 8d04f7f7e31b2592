"""Seccomp and AppArmor of containers: Docker's own profiles, or others that the stack names.

Profiles: https://docs.docker.com/engine/security/seccomp/, https://docs.docker.com/engine/security/apparmor/
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from components.config import DockerSettings
from components.errors import Problem

DEFAULT = "default"


def security_options(settings: DockerSettings, text: Callable[[str], str | None]) -> list[str]:
    """What containers are told beyond Docker's defaults. ``text`` reads a file of the owner's.

    A profile that ``problems`` has refused is left out.
    """
    found = []
    if settings.apparmor != DEFAULT:
        found.append(f"apparmor={settings.apparmor}")
    profile = _profile(text(settings.seccomp)) if settings.seccomp != DEFAULT else None
    if profile is not None:
        # The daemon takes the profile itself: it may not see this machine's files.
        found.append(f"seccomp={json.dumps(profile, sort_keys=True, separators=(',', ':'))}")
    return found


def problems(settings: DockerSettings, text: Callable[[str], str | None]) -> list[Problem]:
    """Why a profile of system calls cannot be used."""
    path = settings.seccomp
    if path == DEFAULT:
        return []
    content = text(path)
    if content is None:
        fault = "cannot be read here; correct the path, or who may read it"
    elif _profile(content) is None:
        fault = "is no seccomp profile: it should be a JSON object with defaultAction and syscalls"
    else:
        return []
    return [Problem("hearth:docker.seccomp", f"{path} {fault}")]


def _profile(content: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(content or "")
    except ValueError:
        return None
    whole = isinstance(found, dict) and isinstance(found.get("defaultAction"), str)
    return found if whole and isinstance(found.get("syscalls"), list) else None
