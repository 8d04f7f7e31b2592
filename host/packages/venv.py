"""Programs of Python packages and of our own, in a virtual environment of the service's own, made by uv.

https://docs.astral.sh/uv/pip/environments/
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from host import files
from host.packages import search, unpacked
from host.packages.identity import Identity
from host.packages.request import Request, Unavailable
from host.stdin import progress

OLDEST = (3, 11)
PYTHON = "hearth-python"
"""The environment's Python, also through a link from elsewhere, where ``python`` itself would not know it."""
_PYTHON = b"""#!/bin/sh
exec "$(dirname -- "$(realpath -- "$0")")/python" "$@"
"""


def provide(request: Request) -> dict[str, Path]:
    """Install the pinned requirements and our own scripts under ``packages``.

    Raises ``Unavailable`` without a fit Python, or with the last words of the installer.
    """
    python = interpreter()
    pins = [f"{name}=={version}" for name, version in (request.locked or {}).get("versions", {}).items()]
    ingredients = [
        python,
        *map(_content, request.venv),
        *pins,
        *(text for item in request.scripts.items() for text in item),
    ]
    digest = hashlib.sha256("\n".join(ingredients).encode()).hexdigest()[:12]
    target = unpacked.target(request, digest)
    if not target.is_dir():
        progress(f"{request.name}: installing {' '.join(request.venv)} from the Python package index")
        with unpacked.building(target) as directory:
            # Its scripts find their interpreter from where they lie: it is moved when it is whole.
            _uv("venv", "--relocatable", "--allow-existing", "--python", python, str(directory))
            # Compiled now: the service's account writes nothing here, so each start would do it anew.
            pip = ("pip", "install", "--compile-bytecode", "--python", str(directory / "bin" / "python"))
            _uv(*pip, *request.venv, *pins)
            files.write(directory / "bin" / PYTHON, _PYTHON, mode=0o755)
            for name, source in request.scripts.items():
                _script(directory, name, source)
    programs = {
        program: target / "bin" / request.aliases.get(program, program) for program in request.programs
    }
    absent = [program for program, path in programs.items() if not os.access(path, os.X_OK)]
    if absent:
        raise Unavailable(f"{' '.join(request.venv)} brings no {', '.join(absent)}")
    return programs


def offer(request: Request) -> Identity:
    """The requirements that are pinned; what they need in turn is known once they are installed."""
    names = (requirement.partition("==") for requirement in request.venv)
    return Identity("venv", {_normal(name.partition("[")[0]): version for name, _, version in names})


def identity(request: Request, programs: Mapping[str, Path]) -> Identity:
    """Everything that is installed in the environment."""
    found = {}
    for path in unpacked.place(request, programs).glob("lib/python*/site-packages/*.dist-info"):
        name, _, version = path.name.removesuffix(".dist-info").partition("-")
        found[_normal(name)] = version
    return Identity("venv", dict(sorted(found.items())))


def _normal(name: str) -> str:
    """As the index compares names: https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def _content(requirement: str) -> str:
    """A file of requirements counts by what is in it, wherever it lies."""
    if not requirement.startswith("/"):
        return requirement
    found = files.read(Path(requirement))
    if found is None:
        raise Unavailable(f"there is no file {requirement}")
    return found.decode()


def _script(directory: Path, name: str, source: str) -> None:
    (directory / "scripts").mkdir(exist_ok=True)
    (directory / "scripts" / f"{name}.py").write_text(source)
    program = directory / "bin" / name
    program.write_text(
        "#!/bin/sh\n"
        'bin=$(dirname -- "$(realpath -- "$0")")\n'
        f'exec "$bin/python" -I "$bin/../scripts/{name}.py" "$@"\n'
    )
    program.chmod(0o755)


def interpreter() -> str:
    """A Python that every account may run: our own, else the newest of the usual places; of a home at last.

    Raises ``Unavailable`` when there is none.
    """
    names = [f"python3.{minor}" for minor in range(14, OLDEST[1] - 1, -1)] + ["python3"]
    own = Path(getattr(sys, "_base_executable", sys.executable))
    places = (own, *(place / name for name in names for place in search.directories()))
    for path in sorted(places, key=search.in_a_home):
        if search.fit(path) and _version(path) >= OLDEST:
            return str(path.resolve())
    raise Unavailable(
        f"no Python {'.'.join(map(str, OLDEST))} or later here that every account may run; install python3"
    )


def _version(path: Path) -> tuple[int, ...]:
    code = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([path, "-I", "-c", code], capture_output=True, text=True, check=False)
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 else ()


def _uv(*arguments: str) -> None:
    # Beside our own Python, where requirements.txt put it.
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [str(uv) if uv.exists() else search.executable("uv") or "uv", "--quiet", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        # A link into the cache would be lost with it.
        env=dict(os.environ, UV_LINK_MODE="copy", UV_PYTHON_DOWNLOADS="never"),
    )
    if done.returncode:
        raise Unavailable(" ".join(done.stderr.strip().splitlines()[-3:]))
