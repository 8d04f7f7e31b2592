"""Where a person finds a service in a browser on this machine."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops import front_door, stacks
from ops.errors import Failure, Usage

if TYPE_CHECKING:
    from components.config import StackConfig
    from components.plan import DeploymentPlan


@dataclass(frozen=True)
class Address:
    """An address, and whether the front door asks for its password there."""

    url: str
    guarded: bool = False


def of(config: StackConfig, plan: DeploymentPlan, urls: Mapping[str, str], name: str) -> Address:
    """The address of ``name``: through the front door where it has a path there, else its own.

    Raises ``Failure`` for what is not reached from this host, or speaks no HTTP.
    """
    from components.catalog import entry_of

    specs = [spec for spec in plan.services if name in (spec.name, spec.declared)]
    if not specs:
        known = ", ".join(dict.fromkeys(spec.declared for spec in plan.services))
        raise Usage(f"{name}: no service of this stack; there are {known}")
    doors = [door for door in stacks.of_type(config, "nginx") if door in urls]
    settings = config.services[specs[0].declared]
    routes = entry_of(settings).requests(settings).routes
    if doors and (name in doors or routes):
        door = front_door.url(config, urls)
        guarded = getattr(config.services[doors[0]], "basic_auth", False)
        return Address(f"{door}{routes[0].prefix}" if routes else f"{door}/", guarded)
    address = next((urls[spec.name] for spec in specs if spec.name in urls), None)
    if address is None:
        raise Failure(f"{name}: only its neighbours reach it; set its publish: true and run `pulumi up`")
    if not any(port.name == "http" for port in specs[0].ports):
        raise Failure(f"{name}: is no page for a browser; its programs find it at {address}")
    return Address(f"http://{front_door.reached(address)}/")


def browser(url: str) -> bool:
    """Whether a browser with windows was started for ``url``; a server has none."""
    if sys.platform != "darwin" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    return webbrowser.open(url)
