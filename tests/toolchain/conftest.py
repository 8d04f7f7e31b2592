"""A real engine with the stand-in plugins, in a project of its own for each test.

Pulumi is found (or fetched, or built) by `toolchain` itself. The stand-ins are used even where the official
plugins are installed: they are what is tested here.
"""

import io
import os
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.toolchain.stacks import REPOSITORY, Stack
from toolchain import build, cli, locking, places, plugins

# Of each worker its own: one that is imported again is another image, which a refresh of others would see.
IMAGE = f"tc-test:{os.environ.get('PYTEST_XDIST_WORKER', 'latest')}"
SETTINGS = "name: tc-test\nruntime: {name: python}\n"
# Set by whoever runs the tests; none of it may reach the stacks under test.
FOREIGN = ("PULUMI_", "HEARTH_BACKEND", "HEARTH_TOOLCHAIN")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Pulumi that uses the stand-ins."""
    given = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    real = places.of(given, REPOSITORY)
    pulumi = cli.obtain(real, given)
    own = places.of({**given, "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}, REPOSITORY)
    plugins.ensure(own, cli.Pulumi(pulumi.executable, official=False, on_path=pulumi.on_path), given)
    directories = [str(pulumi.executable.parent), str(real.venv / "bin")]
    if pulumi.official:
        host = own.cache / "bin" / build.LANGUAGE_HOST
        locking.write_whole(host, build.starter(build.LANGUAGE_HOST), 0o755)
        directories.insert(0, str(host.parent))
    return {
        **given,
        "PATH": os.pathsep.join([*directories, given.get("PATH", os.defpath)]),
        "HEARTH_TOOLCHAIN": str(REPOSITORY / "toolchain"),
        "PULUMI_HOME": str(own.stand_in_home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_CONFIG_PASSPHRASE": "only for this test",
    }


@pytest.fixture
def stack(engine: dict[str, str], tmp_path: Path) -> Stack:
    """A stack in a directory whose name has a space. What it makes is removed by the fixture `name`."""
    directory, state = tmp_path / "a project", tmp_path / "state"
    directory.mkdir()
    state.mkdir()
    (directory / "Pulumi.yaml").write_text(SETTINGS)
    made = Stack(directory, {**engine, "PULUMI_BACKEND_URL": f"file://{state}"})
    made.pulumi("stack", "init", "test")
    return made


@pytest.fixture(scope="session")
def image() -> str:
    """A small image made of this machine's own shell: no registry is needed."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as archive:
        files = set()
        for name in ("sh", "sleep", "cat"):
            program = str(shutil.which(name))
            archive.add(program, arcname=f"bin/{name}")
            listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
            files.update(word for word in listed.split() if word.startswith("/"))
        for file in files:
            archive.add(file, arcname=file.lstrip("/"))
        for directory in ("tmp", "proc", "dev", "etc"):
            archive.addfile(_directory(directory))
    subprocess.run(
        ["docker", "import", "-", IMAGE], input=packed.getvalue(), check=True, stdout=subprocess.DEVNULL
    )
    return IMAGE


@pytest.fixture
def name() -> Iterator[str]:
    """A name for Docker objects; what is left of that name is removed after the test."""
    chosen = f"tc-{uuid.uuid4().hex[:8]}"
    yield chosen
    subprocess.run(["docker", "rm", "--force", chosen], capture_output=True, check=False)
    subprocess.run(["docker", "network", "rm", chosen], capture_output=True, check=False)
    subprocess.run(["docker", "volume", "rm", "--force", chosen], capture_output=True, check=False)


def _directory(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
    return entry
