"""The figures of this host that a plan needs: memory, cores, where data goes, taken ports."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

from components.facts import HostFacts
from host import deployments, gpus, notes, renewal, source


def data_root() -> str:
    """Directory for the data of stacks: the system's as root, else the user's own (XDG).

    On macOS, too: the path of ``~/Library/Application Support`` has a space, which not every
    configuration format and socket path of the programs takes.
    """
    if os.geteuid() == 0:
        return "/var/lib/hearth"
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return f"{home}/hearth"


def _taken(port: int) -> bool:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # As servers do, so that a connection still winding down is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            # One that only root may open is not taken: Docker opens it for anybody.
            return False
        except OSError:
            return True
    return False


def _listener(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                return psutil.Process(connection.pid).name() if connection.pid else "another process"
    except psutil.Error:
        pass
    return "another process"


def _own_native_ports(root: Path) -> set[int]:
    """Ports of what this stack applied here, or was applying when it was interrupted."""
    found = [notes.read(note.parent) for note in root.glob("*/appl*.json")]
    documents = [document for note in found for document in (note.applied, note.unfinished)]
    return {port for document in documents if document for port in document.ports}


def _own_container_ports(stack: str) -> set[int]:
    import docker

    try:
        client = docker.from_env(timeout=5)
        found = client.containers.list(filters={"label": f"hearth.stack={stack}"}, ignore_removed=True)
    except docker.errors.DockerException:
        return set()
    bindings = [b for c in found for b in (c.attrs["HostConfig"]["PortBindings"] or {}).values()]
    return {int(entry["HostPort"]) for binding in bindings for entry in binding or []}


def busy_ports(ports: Iterable[int], stack: str, root: Path, *, containers: bool = False) -> dict[int, str]:
    """Those of ``ports`` that somebody other than this stack listens on, and who.

    What the stack runs on the other kind of runtime counts as somebody else: it would still be there.
    """
    taken = {port for port in ports if _taken(port)}
    if taken:
        taken -= _own_container_ports(stack) if containers else _own_native_ports(root)
    return {port: _listener(port) for port in sorted(taken)}


def _digest(path: str) -> str | None:
    try:
        if Path(path).is_dir():
            return source.digest(Path(path))
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
    except OSError:
        return None


def _swarm_nodes() -> int:
    import docker

    try:
        swarm = docker.from_env(timeout=5).info()["Swarm"]
    except docker.errors.DockerException:
        return 0
    return swarm.get("Nodes", 0) if swarm.get("ControlAvailable") else 0


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text()
    except (OSError, ValueError):
        return None


def _user_namespaces() -> bool:
    try:
        done = subprocess.run(["unshare", "--user", "--mount", "true"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _gpu_memory(memory: int) -> int | None:
    # What Metal lets one GPU wire of a small Mac's unified memory (recommendedMaxWorkingSetSize).
    mac = sys.platform == "darwin" and platform.machine() == "arm64"
    return memory * 2 // 3 if mac else None


def measure(ports: Iterable[int], stack: str, data: str | None, *, containers: bool = False) -> HostFacts:
    """The facts of this host for a stack that wants ``ports`` and keeps its data in ``data``."""
    root = data_root()
    superuser = os.geteuid() == 0
    memory = psutil.virtual_memory().total
    own = Path(data or f"{root}/{stack}")
    return HostFacts(
        memory=memory,
        cpus=float(psutil.cpu_count() or 1),
        root=root,
        superuser=superuser,
        accounts=superuser and sys.platform.startswith("linux"),
        user_namespaces=_user_namespaces(),
        gpu_memory=_gpu_memory(memory),
        user=getpass.getuser(),
        home=str(Path.home()),
        digest=_digest,
        text=_text,
        swarm_nodes=_swarm_nodes,
        gpus=gpus.found(),
        renewed=renewal.read(own),
        formats=deployments.formats(own),
        busy_ports=busy_ports(ports, stack, own, containers=containers),
    )
