"""A command in a throw-away container, as closed as the service itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from host.containers import client
from host.errors import HostError

SECONDS = 60


def run(daemon: Any, image: str, name: str, check: Mapping[str, Any]) -> None:
    """Run ``{argv, networks, mounts: {volume: path}, env, tmpfs: {path: options}, user, hosts, security}``.

    Raises ``HostError`` with its output when it fails.
    """
    import requests

    purpose = f"check-{name}"
    client.drop_helpers(daemon, purpose)
    networks = list(check.get("networks") or ())
    user = check.get("user")
    container = daemon.containers.create(
        image,
        entrypoint=[check["argv"][0]],
        command=list(check["argv"][1:]),
        labels={client.HELPER_LABEL: purpose},
        # 0 is an account, too: what it alone may read is checked as it.
        user=str(65534 if user is None else user),
        read_only=True,
        cap_drop=["ALL"],
        security_opt=list(check.get("security") or ["no-new-privileges:true"]),
        extra_hosts=dict(check.get("hosts") or {}),
        environment=dict(check.get("env") or {}),
        tmpfs=dict(check.get("tmpfs") or {}),
        volumes={
            volume: {"bind": path, "mode": "ro"} for volume, path in (check.get("mounts") or {}).items()
        },
        healthcheck={"test": ["NONE"]},
        pids_limit=256,
        **({"network": networks[0]} if networks else {"network_mode": "none"}),
    )
    try:
        for network in networks[1:]:
            daemon.networks.get(network).connect(container)
        container.start()
        try:
            code = container.wait(timeout=SECONDS)["StatusCode"]
        except requests.exceptions.RequestException:
            raise HostError(
                f"{name}: the check {check['argv'][0]} did not end within {SECONDS} s"
                f"{client.last_lines(container)}"
            ) from None
        if code:
            raise HostError(
                f"{name}: its configuration is refused by {check['argv'][0]}: exit status {code}"
                f"{client.last_lines(container)}"
            )
    finally:
        client.remove(container)
