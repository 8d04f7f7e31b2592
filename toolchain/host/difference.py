"""Compare two property trees the way the engine's own object diff does.

Source: `NewDetailedDiffFromObjectDiff` in `sdk/go/common/resource/plugin/provider.go`: a member or element
that came or went is one difference at its own path; two objects or two lists are walked; anything else is an
update.
"""

import re
from typing import Any

from toolchain.host.resource import Difference


def compare(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Difference]:
    """All differences between two sets of inputs by property path; internal (`__`) members are left out.

    A value that became secret is a difference although it reads the same: its copy in the outputs must be
    encrypted.
    """
    found: dict[str, Difference] = {}
    _members(_public(old), _public(new), "", found)
    return found


def _public(members: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if not key.startswith("__") and key != "version"}


def _members(old: dict[str, Any], new: dict[str, Any], path: str, found: dict[str, Difference]) -> None:
    for key in sorted(old.keys() | new.keys()):
        here = _join(path, key)
        if key not in old:
            found[here] = Difference("ADD")
        elif key not in new:
            found[here] = Difference("DELETE")
        else:
            _values(old[key], new[key], here, found)


def _values(old: Any, new: Any, path: str, found: dict[str, Difference]) -> None:
    if isinstance(old, dict) and isinstance(new, dict):
        _members(old, new, path, found)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            here = f"{path}[{index}]"
            if index >= len(old):
                found[here] = Difference("ADD")
            elif index >= len(new):
                found[here] = Difference("DELETE")
            else:
                _values(old[index], new[index], here, found)
    elif old != new or type(old) is not type(new):
        found[path] = Difference("UPDATE")


def _join(path: str, key: str) -> str:
    if not re.fullmatch(r"[A-Za-z_$][\w$]*", key):
        quoted = key.replace("\\", "\\\\").replace('"', '\\"')
        return f'{path}["{quoted}"]'
    return f"{path}.{key}" if path else key
