"""The way in that a user has: HTTP through the stack's nginx, with its TLS and password."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import stacks
from ops.errors import Failure, Undeclared

if TYPE_CHECKING:
    import httpx

    from components.config import StackConfig

USER = "hearth"
# A model may take minutes to load before its first word; connecting may not.
_ANSWER_SECONDS, _CONNECT_SECONDS = 600, 5


def service(config: StackConfig) -> str:
    """Name of the front door. Raises ``Undeclared`` when the stack has none."""
    doors = stacks.of_type(config, "nginx")
    if not doors:
        raise Undeclared("this stack has no front door; add nginx to hearth:services and run `pulumi up`")
    return doors[0]


def url(config: StackConfig, urls: Mapping[str, str]) -> str:
    """Its address as seen from this host, without a slash at the end. Raises ``Undeclared`` where none is."""
    name = service(config)
    if name not in urls:
        raise Undeclared(f"{name} is not published; set its publish: true and run `pulumi up`")
    scheme = "https" if getattr(config.services[name], "tls", None) else "http"
    return f"{scheme}://{reached(urls[name])}"


def reached(address: str) -> str:
    """An address that is listened on, as it is asked from this host."""
    host, _, port = address.rpartition(":")
    known = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
    return f"{known.get(host, host)}:{port}"


def password_file(config: StackConfig, data: str) -> Path | None:
    """Where the password lies; ``None`` when the door asks for none."""
    name = service(config)
    return Path(data) / "secrets" / f"{name}-basic-auth" if config.services[name].basic_auth else None


def client(config: StackConfig, outputs: Mapping[str, Any]) -> httpx.Client:
    """An HTTP client whose relative addresses lead through the door."""
    import httpx

    return httpx.Client(
        base_url=url(config, outputs["urls"]),
        auth=_login(password_file(config, outputs["data"])),
        # A self-signed certificate, or one for a public name; the address is this host's own.
        verify=False,
        # Never by a proxy: that would be another machine's 127.0.0.1.
        trust_env=False,
        timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
    )


def check(http: httpx.Client, stack: str) -> None:
    """Raise ``Failure`` unless the door itself answers."""
    import httpx

    see = f"see ./hearth drift --stack {stack}"
    try:
        status = http.get("/healthz").status_code
    except httpx.HTTPError as error:
        raise Failure(f"the front door {http.base_url} does not answer ({error}); {see}") from None
    if status != 200:
        raise Failure(f"{http.base_url} answers with status {status} as no front door does; {see}")


def _login(path: Path | None) -> tuple[str, str] | None:
    if path is None:
        return None
    try:
        return USER, path.read_text().strip()
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}; run this as the user who deployed the stack") from None
