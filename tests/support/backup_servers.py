"""Servers that keep repositories, started by hand on loopback ports: OpenSSH, restic's rest-server, and an S3."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import psutil
from support.built import built
from support.tools import tool

from host.execution import die_with_parent


class Server(ABC):
    """One that may go away and come back. ``path`` is the repository where it keeps it."""

    location: str

    def __init__(self, directory: Path, port: int) -> None:
        self.directory, self.port = directory, port
        self.path = directory / "kept"
        directory.mkdir()
        self._process: subprocess.Popen[bytes] | None = None

    environment: Mapping[str, str] = {}

    @property
    @abstractmethod
    def argv(self) -> list[str]:
        """What runs it."""

    @abstractmethod
    def lock_out(self) -> None:
        """Let nobody in any more."""

    @abstractmethod
    def let_in(self) -> None:
        """Let its user in."""

    def start(self) -> None:
        """Have it answer."""
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.argv,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(),
            )
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.1)
        raise AssertionError((self.directory / "log").read_text())

    @property
    def running(self) -> bool:
        """Whether it was started."""
        return self._process is not None

    @property
    def processes(self) -> list[psutil.Process]:
        """Itself, and one for each connection where it has such."""
        assert self._process is not None
        main = psutil.Process(self._process.pid)
        return [main, *main.children(recursive=True)]

    def stop(self) -> None:
        """As by a dead machine: connections end, too."""
        if self._process is None:
            return
        for process in self.processes:
            # Those of connections may have just ended.
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        self._process = None


class Rest(Server):
    """https://github.com/restic/rest-server, with a password of such letters as a URL cannot hold."""

    user, password = "me", "pa:ss/w@rd%1 é"

    def __init__(self, directory: Path, port: int, *more: str) -> None:
        super().__init__(directory, port)
        self.location = f"rest:http://127.0.0.1:{port}/kept"
        self._more = more
        self.let_in()

    def _know(self, password: str) -> None:
        digest = base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()
        (self.directory / "htpasswd").write_text(f"{self.user}:{{SHA}}{digest}\n")

    @property
    def argv(self) -> list[str]:
        directory = self.directory
        listen = ["--listen", f"127.0.0.1:{self.port}", "--path", str(directory)]
        known = ["--htpasswd-file", str(directory / "htpasswd")]
        return [str(built("rest-server")), *listen, *known, *self._more]

    @property
    def credentials(self) -> str:
        """What the owner writes down."""
        return f"# the NAS\nRESTIC_REST_USERNAME={self.user}\nRESTIC_REST_PASSWORD={self.password}\n"

    def lock_out(self) -> None:
        self._know("another one")

    def let_in(self) -> None:
        self._know(self.password)


class S3(Server):
    """https://github.com/versity/versitygw, which keeps buckets in directories."""

    secret = "only+for/tests=0123456789"

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__(directory, port)
        self.location = f"s3:http://127.0.0.1:{port}/kept"
        self.path = directory / "buckets" / "kept"
        for name in ("buckets", "beside"):
            (directory / name).mkdir()
        self.let_in()

    @property
    def argv(self) -> list[str]:
        beside, buckets = self.directory / "beside", self.directory / "buckets"
        listen = ["--port", f"127.0.0.1:{self.port}"]
        return [str(built("versitygw")), *listen, "posix", "--sidecar", str(beside), str(buckets)]

    @property
    def credentials(self) -> str:
        """What the owner writes down."""
        return f"AWS_ACCESS_KEY_ID=me\nAWS_SECRET_ACCESS_KEY={self.secret}\n"

    def lock_out(self) -> None:
        self.environment = {"ROOT_ACCESS_KEY": "me", "ROOT_SECRET_KEY": "another one"}

    def let_in(self) -> None:
        self.environment = {"ROOT_ACCESS_KEY": "me", "ROOT_SECRET_KEY": self.secret}


class Ssh(Server):
    """OpenSSH. ``bin`` has an ``ssh`` that reads its settings from here: the real one asks the account's home."""

    credentials = ""

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__(directory, port)
        self.location = f"sftp://root@127.0.0.1:{port}/{self.path}"
        for name in ("host", "me"):
            subprocess.run(
                [tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True
            )
        self.let_in()
        kind, key, *_ = (directory / "host.pub").read_text().split()
        (directory / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
        (directory / "sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {directory}/host\nAuthorizedKeysFile {directory}/authorized_keys\n"
            f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
        )
        (directory / "ssh_config").write_text(
            f"Host *\n  IdentityFile {directory}/me\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {directory}/known_hosts\n"
        )
        self.bin = directory / "bin"
        self.bin.mkdir()
        (self.bin / "ssh").write_text(f'#!/bin/sh\nexec {tool("ssh")} -F {directory}/ssh_config "$@"\n')
        (self.bin / "ssh").chmod(0o755)

    @property
    def argv(self) -> list[str]:
        return [tool("sshd"), "-D", "-e", "-f", str(self.directory / "sshd_config")]

    def start(self) -> None:
        # Where it shuts its unprivileged part in; Debian's unit makes it.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        super().start()

    def lock_out(self) -> None:
        (self.directory / "authorized_keys").write_text("")

    def let_in(self) -> None:
        (self.directory / "authorized_keys").write_text((self.directory / "me.pub").read_text())
