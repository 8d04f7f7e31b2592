"""Programs built from a Go tools module: once, and with what this machine has the headers of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from host.errors import HostError
from host.packages import gobuild, install, recipes
from host.packages.request import parse

MAIN = 'package main\n\nvar can = "nothing"\n\nfunc main() { print("hello 1.2.3 can " + can) }\n'
MORE = '//go:build cgo && more\n\npackage main\n\n// #include <more.h>\nimport "C"\n\nfunc init() { can = "read" }\n'
FILES = {
    "library/go.mod": "module example.com/hello\n\ngo 1.24\n",
    "library/cmd/hello/main.go": MAIN,
    "library/cmd/hello/more.go": MORE,
    "hello/go.mod": "module hearth/toolchain/hello\n\ngo 1.24\n\ntool example.com/hello/cmd/hello\n\n"
    "require example.com/hello v1.2.3\n\nreplace example.com/hello => ../library\n",
    "hello/recipe.json": json.dumps({"optional": {"header": "more.h", "tags": "more"}}),
}


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tools module called hello, and an empty cache."""
    for name, text in FILES.items():
        path = tmp_path / "toolchain" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(gobuild, "MODULES", tmp_path / "toolchain")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "toolchain"


def ask(root: Path, *probe: str) -> str:
    """What comes of asking for the program."""
    document = {"root": str(root), "name": "hello", "programs": ["hello"], "go": "hello", "probe": [*probe]}
    return install.package(parse(document))


def test_it_is_built_once_and_copied(modules: Path, root: Path, tmp_path: Path) -> None:
    assert ask(root) == "hello 1.2.3 from go"
    assert (root / "bin/hello").resolve() == root / "packages/hello-1.2.3/hello"
    (tmp_path / "cache/hearth/hello/.1.2.3.new").mkdir()  # as a kill in the middle of a build leaves it
    (root / "bin/hello").unlink()
    assert ask(root) == "hello 1.2.3 from go"
    (modules / "library/cmd/hello/main.go").write_text("package main\n\nfunc main() { broken }\n")
    (modules / "hello/go.mod").write_text(FILES["hello/go.mod"].replace("v1.2.3", "v1.2.4"))
    with pytest.raises(HostError, match=r"the build failed: .*broken"):
        ask(root, "false")


def test_it_is_built_anew_once_a_header_is_there_for_what_the_service_needs(
    modules: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "INCLUDED", (tmp_path / "include",))
    monkeypatch.setenv("CGO_CPPFLAGS", f"-I{tmp_path / 'include'}")
    needs = ("sh", "-c", "hello 2>&1 | grep -q 'can read' || { echo 'install more.h'; exit 1; }")
    assert ask(root) == "hello 1.2.3 from go"
    with pytest.raises(HostError, match=r"install more\.h"):
        ask(root, *needs)
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "more.h").touch()
    assert ask(root, *needs) == "hello 1.2.3 from go"
    assert (root / "bin/hello").resolve() == root / "packages/hello-1.2.3+more/hello"
