"""Repositories behind URLs: who asks there, and how restic is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from ops.errors import Failure

_REST = "rest:"
_USER, _PASSWORD = "RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"
# In the words of restic, or of a server of each kind; with any other reason it may well be there.
_NONE = re.compile(
    r"(file|<config/>|specified (key|bucket|blob)|repository) does not exist|"
    r"object (doesn't exist|not found)",
    re.IGNORECASE,
)
_KEPT = re.compile(r"remove.*403 Forbidden", re.IGNORECASE)


def credentials(path: Path) -> dict[str, str]:
    """The lines ``NAME=value`` of a file of the owner's own, if there is one. Raises ``Failure`` else."""
    known = {}
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise Failure(f"{path}: line {number} is not NAME=value; correct it")
        known[name.strip()] = value.strip()
    return known


def addressed(location: str, known: Mapping[str, str]) -> str:
    """``location`` with whoever asks a REST server in it: not every restic takes that from elsewhere."""
    if not location.startswith(_REST) or _PASSWORD not in known:
        return location
    url = urlsplit(location.removeprefix(_REST))
    own, _, host = url.netloc.rpartition("@")
    user = quote(known[_USER], safe="") if _USER in known else own
    return _REST + url._replace(netloc=f"{user}:{quote(known[_PASSWORD], safe='')}@{host}").geturl()


def environment(known: Mapping[str, str], first: Mapping[str, str]) -> dict[str, str]:
    """What restic is told beside addresses, of one repository and of the first that it has copies of.

    Raises ``Failure`` where they differ: restic takes one value of each name.
    """
    ours, theirs = (
        {name: value for name, value in each.items() if name not in (_USER, _PASSWORD)}
        for each in (known, first)
    )
    for name in sorted(ours.keys() & theirs.keys()):
        if ours[name] != theirs[name]:
            raise Failure(
                f"{name}: has one value for hearth:backup.repository and another for copy-to, and restic "
                "takes one; give both the same, or keep one of them elsewhere"
            )
    return {**theirs, **ours}


def is_none(said: str) -> bool:
    """Whether that is what restic says where there is no repository."""
    return bool(_NONE.search(said))


def advice(said: str) -> str:
    """What can be done about it, where restic's own words do not say so."""
    if _KEPT.search(said):
        return (
            "; its server lets nothing be removed, and backups that are too old are let go of from here: "
            "do not run it append-only"
        )
    if "start the sftp session" in said and "subprocess ssh" not in said:
        return "; log in there with ssh by hand, which says why"
    return ""
