"""A stack's state with resources that exist already. Pure.

The shape of both: https://pkg.go.dev/github.com/pulumi/pulumi/sdk/v3/go/common/apitype#ResourceV3
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What a preview has for a text that is not known yet: UnknownStringValue of the plugin package."""
_KEPT = ("urn", "custom", "type", "parent", "retainOnDelete", "ignoreChanges", "replaceOnChanges")


def merged(
    state: Mapping[str, Any],
    planned: Iterable[Mapping[str, Any]],
    adopted: Mapping[str, tuple[str, Mapping[str, Any]]],
    provider_id: str,
) -> dict[str, Any]:
    """An export of a state, with what is adopted in it.

    ``planned`` are the resources that a preview would create, in its order; ``adopted`` says the id and
    the inputs of each that exists, by URN; ``provider_id`` is for a provider that the state has not.
    """
    deployment = dict(state["deployment"])
    resources = list(deployment.get("resources") or [])
    there = {entry["urn"] for entry in resources}
    wanted = list(planned)
    parents = {entry["urn"]: entry.get("parent", "") for entry in wanted}
    needed = {urn for one in adopted for urn in _line(one, parents)}
    for entry in wanted:
        urn = entry["urn"]
        if urn not in needed or urn in there:
            continue
        made = {key: entry[key] for key in _KEPT if key in entry}
        if urn in adopted:
            provider, _, known = entry["provider"].rpartition("::")
            if known == UNKNOWN:
                known = provider_id
            if provider not in there:
                resources.append(_provider(provider, known))
                there.add(provider)
            identity, inputs = adopted[urn]
            made |= {
                "id": identity,
                "inputs": inputs,
                # What else is to be known of it a refresh fills in.
                "outputs": inputs,
                "provider": f"{provider}::{known}",
                "dependencies": [one for one in entry.get("dependencies", []) if one in there],
                # Until it is known to be the same for good, nothing may replace or delete it.
                "protect": True,
            }
        resources.append(made)
        there.add(urn)
    return {**state, "deployment": {**deployment, "resources": resources}}


def _line(urn: str, parents: Mapping[str, str]) -> list[str]:
    found = [urn]
    while parents.get(found[-1]):
        found.append(parents[found[-1]])
    return found


def _provider(urn: str, identity: str) -> dict[str, Any]:
    """Of the form that the engine gives one that a program does not name: ``default_5_2_0``."""
    name = urn.rpartition("::")[2]
    version = {"version": name.removeprefix("default_").replace("_", ".")}
    kind = urn.split("::")[2]
    return {
        "urn": urn,
        "custom": True,
        "id": identity,
        "type": kind,
        "inputs": version,
        "outputs": version,
    }


def urns(state: Mapping[str, Any]) -> set[str]:
    """Every resource of an export."""
    return {entry["urn"] for entry in state["deployment"].get("resources") or []}
