"""Commands in containers whose input or output is a file of ours: never in memory as a whole."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any

from host.containers import client
from host.containers.archives import MOUNTS, pack
from host.execution import Outcome

_CHUNK = 64 * 1024
_STDOUT = 1
SCRATCH = f"{MOUNTS}/scratch"


def execute(
    container: Any, argv: Sequence[str], *, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
) -> Outcome:
    """Run a command in a running container. ``output`` is its errors, and its output without ``stdout``."""
    api = container.client.api
    call = api.exec_create(container.id, list(argv), stdin=stdin is not None)["Id"]
    errors = _pump(api.exec_start(call, socket=True), stdin, stdout)
    return Outcome(api.exec_inspect(call)["ExitCode"], errors)


def apart(
    daemon: Any,
    image: str,
    argv: Sequence[str],
    *,
    purpose: str,
    user: int,
    memory: int,
    volumes: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    tmpfs: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
) -> Outcome:
    """Run a command in a container of its own: without a network, with ``SCRATCH`` to write in.

    What it writes goes with it.
    """
    client.drop_helpers(daemon, purpose)
    container = daemon.containers.create(
        image,
        entrypoint=[argv[0]],
        command=list(argv[1:]),
        labels={client.HELPER_LABEL: purpose},
        user=f"{user}:{user}",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        network_mode="none",
        healthcheck={"test": ["NONE"]},
        mem_limit=memory,
        environment={**(environment or {}), "TMPDIR": SCRATCH},
        tmpfs=dict(tmpfs or {}),
        volumes={name: {"bind": path, "mode": "rw"} for name, path in (volumes or {}).items()},
        stdin_open=stdin is not None,
    )
    try:
        container.put_archive("/", pack(user, {SCRATCH.lstrip("/"): {}}, root_mode=0o700))
        stream = container.attach_socket(
            params={"stdin": stdin is not None, "stdout": 1, "stderr": 1, "stream": 1}
        )
        container.start()
        errors = _pump(stream, stdin, stdout)
        return Outcome(container.wait()["StatusCode"], errors)
    finally:
        client.remove(container)


def _pump(stream: Any, stdin: IO[bytes] | None, stdout: IO[bytes] | None) -> str:
    """Send ``stdin``, take what comes. Returns what is not for ``stdout``, its last part."""
    from docker.utils.socket import frames_iter

    raw = getattr(stream, "_sock", stream)
    # A dump may be silent for long; the daemon ends the stream when the command ends.
    raw.settimeout(None)
    sender = threading.Thread(target=_send, args=(raw, stdin), daemon=True)
    sender.start()
    rest = b""
    for kind, data in frames_iter(stream, tty=False):
        if kind == _STDOUT and stdout is not None:
            stdout.write(data)
        else:
            rest = (rest + data)[-_CHUNK:]
    sender.join()
    with contextlib.suppress(OSError):
        stream.close()
    return rest.decode(errors="replace")


def _send(raw: Any, stdin: IO[bytes] | None) -> None:
    if stdin is None:
        return
    # The command may end before it has read everything.
    with contextlib.suppress(OSError):
        while chunk := stdin.read(_CHUNK):
            raw.sendall(chunk)
        raw.shutdown(socket.SHUT_WR)
