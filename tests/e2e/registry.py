"""A registry on this machine that asks for a login, without TLS, and images small enough to push often."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

_PATIENCE = 30
_CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {directory}/images}}}}
http: {{addr: "{address}"}}
auth: {{htpasswd: {{realm: test, path: {directory}/users}}}}
"""
USER, PASSWORD = "reader", "sesame"
# That password, as registries keep it (bcrypt).
_USERS = f"{USER}:$2b$05$abcdefghijklmnopqrstuuKcS.CYWVYVaLiiCKrrc0A5s3mGesJ9O\n"
# A registry tells of the newer form only to who takes it.
_MANIFEST = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}


class Registry:
    """Debian's ``docker-registry`` with its images in ``directory``, once it is started."""

    def __init__(self, directory: Path, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Wait until it answers."""
        config, log = self._directory / "config.yml", self._directory / "log"
        self._directory.mkdir(exist_ok=True)
        (self._directory / "users").write_text(_USERS)
        config.write_text(_CONFIG.format(directory=self._directory, address=self.address))
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(config)], stdout=output, stderr=output
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"docker-registry did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """It can be started again, and has its images then."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_PATIENCE)
            self._process = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}/v2/", auth=(USER, PASSWORD)).is_success
        except httpx.TransportError:
            return False

    def digest(self, name: str, tag: str) -> str:
        """What it gives for a tag now."""
        url = f"http://{self.address}/v2/{name}/manifests/{tag}"
        answer = httpx.head(url, headers=_MANIFEST, auth=(USER, PASSWORD))
        return answer.raise_for_status().headers["Docker-Content-Digest"]

    @property
    def environment(self) -> dict[str, str]:
        """For commands of somebody who may log in."""
        return {**os.environ, "DOCKER_CONFIG": str(self._directory / "login")}

    def log_in(self) -> None:
        """Have them be let in, from now on."""
        command = ["docker", "login", "--username", USER, "--password-stdin", self.address]
        subprocess.run(
            command, input=PASSWORD.encode(), env=self.environment, check=True, capture_output=True
        )

    def take(self, reference: str) -> None:
        """Keep an image that Docker has, and have Docker forget it."""
        for words in (["push", "-q", reference], ["image", "rm", reference]):
            subprocess.run(["docker", *words], env=self.environment, check=True, stdout=subprocess.DEVNULL)


def small_image(reference: str, programs: Sequence[str], label: str, archive: Path) -> str:
    """An image of these programs of this machine and their libraries; ``label`` sets it apart. Returns its ID."""
    if not archive.exists():
        paths = [path for path in map(shutil.which, programs) if path]
        linked = subprocess.run(["ldd", *paths], check=True, capture_output=True, text=True).stdout
        paths += re.findall(r"^\t(?:\S+ => )?(/\S+)", linked, re.MULTILINE)
        files = sorted({path.lstrip("/") for path in paths})
        subprocess.run(["tar", "-C", "/", "-chf", str(archive), *files], check=True)
    command = ["docker", "import", "--change", f"LABEL edition={label}", str(archive), reference]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
