"""Check, complete and compare the inputs of the Docker resource types by their schema."""

import json
import random
import re
from typing import Any

from toolchain.host.difference import compare
from toolchain.host.docker.duration import nanoseconds
from toolchain.host.docker.schema import DURATION, Field, Fields
from toolchain.host.resource import CheckContext, Difference, DiffResult, Properties
from toolchain.host.wire import UNKNOWN, has_unknown

DEFAULTED = "__defaults"
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "strings": list,
    "map": dict,
    "object": dict,
    "objects": list,
}


def problems(inputs: Properties, fields: Fields, path: str = "") -> dict[str, str]:
    """A sentence for every property that is unknown, refused, missing or of the wrong kind."""
    found = {}
    for key, value in inputs.items():
        if key == DEFAULTED:
            continue
        reason: str | None = f"`{path}{key}` is not a property of this resource type"
        if key in fields:
            reason = _problem(value, fields[key], f"{path}{key}")
        if reason:
            found[key] = reason
    for key, field in fields.items():
        if field.required and key not in inputs:
            found[key] = f"`{path}{key}` is required"
    return found


def _problem(value: Any, field: Field, path: str) -> str | None:
    if field.unsupported:
        # The values that mean "not used" are those the official plugin fills in itself.
        unused = value in (False, [], {})
        return (
            None
            if unused
            else f"`{path}` is not supported by this stand-in plugin; the official docker plugin has it"
        )
    if value is UNKNOWN:
        return None
    if not isinstance(value, TYPES[field.kind]) or (field.kind == "integer" and isinstance(value, bool)):
        return f"`{path}` must be of type {field.kind}, not {value!r}"
    if field.kind in ("strings", "map"):
        members = value if field.kind == "strings" else value.values()
        wrong = [member for member in members if not isinstance(member, str) and member is not UNKNOWN]
        return f"`{path}` must contain strings only, not {wrong[0]!r}" if wrong else None
    if field.kind in ("object", "objects"):
        for item in [value] if field.kind == "object" else value:
            if item is not UNKNOWN and not isinstance(item, dict):
                return f"`{path}` must contain objects only, not {item!r}"
            nested = {} if item is UNKNOWN else problems(item, field.fields or {}, f"{path}.")
            if nested:
                return next(iter(nested.values()))
    if field.pattern and value and not re.fullmatch(field.pattern, value):
        return f"`{path}` is {value!r}, which does not match {field.pattern}"
    if field.minimum is not None and value < field.minimum:
        return f"`{path}` must be at least {field.minimum}, not {value}"
    return None


def autoname(inputs: Properties, context: CheckContext) -> tuple[Properties, str | None]:
    """The inputs with a name: the given one, the one it has, or a new one with a random suffix.

    `__defaults` records which properties the program did not give, as the official plugin does.
    """
    given = {key: value for key, value in inputs.items() if key != DEFAULTED}
    if "name" in given:
        return {DEFAULTED: [], **given}, None
    old = context.old_inputs
    if "name" in old and "name" in old.get(DEFAULTED, []):
        return {DEFAULTED: ["name"], **given, "name": old["name"]}, None
    if not context.autonaming:
        return given, "automatic naming is disabled: give this resource a `name`"
    suffix = f"{random.Random(context.seed).getrandbits(28):07x}"
    return {DEFAULTED: ["name"], **given, "name": context.proposed_name or f"{context.name}-{suffix}"}, None


def complete(members: Properties, fields: Fields) -> Properties:
    """Members with the defaults filled in; what is empty and has no default counts as not given."""
    filled = {}
    for key, field in fields.items():
        value = members.get(key, field.default)
        if value is None or (not value and field.default is None and value is not UNKNOWN):
            continue
        if field.kind == "object" and value is not UNKNOWN:
            value = complete(value, field.fields or {})
        elif field.kind == "objects" and value is not UNKNOWN:
            value = [item if item is UNKNOWN else complete(item, field.fields or {}) for item in value]
        filled[key] = value
    return filled


def difference(old: Properties, new: Properties, fields: Fields) -> dict[str, Difference]:
    """What matters: not the order of a set, a default written out, or another spelling of a duration."""
    old_full, new_full = complete(old, fields), complete(new, fields)
    found: dict[str, Difference] = {}
    for key, field in fields.items():
        before, after = old_full.get(key), new_full.get(key)
        if has_unknown(after) or _normal(before, field) != _normal(after, field):
            found.update(_located(key, old, new, field))
    return found


def _located(key: str, old: Properties, new: Properties, field: Field) -> dict[str, Difference]:
    """Differences under one property at the paths where the given values differ."""
    given = [{key: side[key]} if key in side else {} for side in (old, new)]
    located = compare(given[0], given[1]) or {key: Difference("UPDATE")}
    return {path: Difference(change.kind, field.replace) for path, change in located.items()}


def _normal(value: Any, field: Field) -> Any:
    if value is None or has_unknown(value):
        return value
    if field is DURATION:
        return nanoseconds(value)
    if field.kind in ("object", "objects"):
        items = [value] if field.kind == "object" else value
        plain = [
            {key: _normal(item.get(key), nested) for key, nested in (field.fields or {}).items()}
            for item in items
        ]
        return sorted(plain, key=json.dumps) if field.unordered else plain
    return sorted(value) if field.unordered else value


def result(
    changes: dict[str, Difference], old: Properties, new: Properties, always_delete_first: bool
) -> DiffResult:
    """Delete first where the type asks for it, or where old and new would have the same name at one time."""
    replaces = any(change.replace for change in changes.values())
    same_name = "name" not in new.get(DEFAULTED, []) and old.get("name") == new.get("name")
    return DiffResult(changes, delete_before_replace=replaces and (always_delete_first or same_name))
