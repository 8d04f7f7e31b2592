"""Programs built by CMake from a source distribution, and programs of our own in a Python environment."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import json
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest

from host.errors import HostError
from host.packages import cmake, gobuild, install
from host.packages.request import parse

BACKEND = """\
import pathlib
def prepare_metadata_for_build_wheel(directory, settings=None):
    info = pathlib.Path(directory, "hearth_sources-1.2.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: hearth-sources\\nVersion: 1.2\\n")
    return info.name
"""
SOURCES = {
    "PKG-INFO": "Metadata-Version: 2.1\nName: hearth-sources\nVersion: 1.2\n",
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "backend.py": BACKEND,
    "vendor/hello/CMakeLists.txt": "cmake_minimum_required(VERSION 3.14)\nproject(hello C)\n"
    "add_executable(hello main.c)\ntarget_compile_definitions(hello PRIVATE WORD=\"${WORD}\")\n",
    "vendor/hello/main.c": '#include <stdio.h>\nint main(void) { puts(WORD " 1.2.0"); return 0; }\n',
}  # fmt: skip
RECIPE = {
    "options": ["-DWORD=hello"], "target": "hello", "program": "hello", "minutes": 1,
    "sources": {"requirement": "hearth-sources==1.2", "below": "/vendor/hello/"},
}  # fmt: skip


def distribution(directory: Path, files: dict[str, str]) -> str:
    """Write the source distribution; its checksum."""
    directory.mkdir(exist_ok=True)
    path = directory / "hearth_sources-1.2.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"hearth_sources-1.2/{name}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recipe of a program called hello, whose sources are at hand."""
    monkeypatch.setattr(gobuild, "MODULES", tmp_path / "toolchain")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    path = tmp_path / "toolchain" / "hello" / "recipe.json"
    path.parent.mkdir(parents=True)
    write(path, distribution(tmp_path / "index", SOURCES))
    return path


def write(path: Path, sha256: str) -> None:
    path.write_text(json.dumps({**RECIPE, "sources": {**RECIPE["sources"], "sha256": sha256}}))


def ask(root: Path, **more: object) -> str:
    document = {"root": str(root), "name": "hello", "programs": ["hello"], "cmake": "hello", **more}
    return install.package(parse(document))


def test_it_is_built_once_for_this_processor_and_copied(
    recipe: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(root) == "hello 1.2.0 from cmake"
    version = f"1.2-{cmake.processor()}"
    assert (root / "bin/hello").resolve() == root / f"packages/hello-{version}/hello"
    cache = recipe.parents[2] / "cache/hearth/hello"
    assert {path.name for path in cache.iterdir()} == {".lock", "build.log", version}
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    for lost in (root / "packages" / f"hello-{version}", cache / version):
        shutil.rmtree(lost)  # either is enough
        (root / "bin/hello").unlink()
        assert ask(root) == "hello 1.2.0 from cmake"
    monkeypatch.setattr(cmake, "processor", lambda: "another")
    (root / "bin/hello").unlink()
    with pytest.raises(HostError, match=r"cannot fetch hearth-sources==1\.2"):
        ask(root)


def test_a_build_that_was_interrupted_goes_on(recipe: Path, root: Path) -> None:
    broken = {**SOURCES, "vendor/hello/main.c": "int main(void) { return broken; }\n"}
    write(recipe, distribution(recipe.parents[2] / "index", broken))
    with pytest.raises(HostError, match=r"the build failed: .*"):
        ask(root)
    (sources,) = (recipe.parents[2] / "cache/hearth/hello").glob("sources-*")
    (sources / "main.c").write_text(SOURCES["vendor/hello/main.c"])
    assert ask(root) == "hello 1.2.0 from cmake"


def test_other_sources_than_those_pinned_are_refused(recipe: Path, root: Path) -> None:
    write(recipe, "0" * 64)
    with pytest.raises(HostError, match=r"cannot fetch hearth-sources==1\.2"):
        ask(root)
    with pytest.raises(HostError, match="toolchain/absent has no recipe"):
        ask(root, cmake="absent")


def test_a_program_of_our_own_runs_with_its_requirements(root: Path) -> None:
    def greeting(word: str) -> str:
        source = f"import sys, cowsay\nprint(cowsay.__version__, {word!r}, *sys.argv[1:])\n"
        install.package(
            parse(
                {
                    "root": str(root), "name": "herd", "programs": ["herd"], "venv": ["cowsay==6.1"],
                    "scripts": {"herd": source},
                }
            )
        )  # fmt: skip
        return subprocess.run([root / "bin/herd", "x y"], capture_output=True, text=True, check=True).stdout

    assert greeting("moo") == "6.1 moo x y\n"
    assert greeting("mew") == "6.1 mew x y\n"


def test_a_release_may_be_the_program_itself(root: Path, tmp_path: Path) -> None:
    text = "#!/bin/sh\necho tool 3.4.5\n"
    (tmp_path / "tool-linux").write_text(text)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pins = f"{'0' * 64},{hashlib.sha256(text.encode()).hexdigest()}"
        address = f"http://127.0.0.1:{server.server_port}/tool-linux#sha256={pins}"
        request = parse({"root": str(root), "name": "tool", "programs": ["tool"], "installer": address})
        assert install.package(request) == "tool 3.4.5 from installer"
        server.shutdown()
