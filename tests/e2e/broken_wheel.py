"""A newer version of a program that does not work, as a wheel: what nobody would publish on purpose."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.workbench import Workbench

WORKS = 'exec /usr/bin/redis-server "$@"'
"""Shell lines by which it does work."""


def redis(directory: Path, *, before: str = "") -> str:
    """A Redis that ends at once, after the shell lines ``before``; they know its data directory as ``$dir``.

    Returns the requirement by which pip finds it in ``directory``.
    """
    name, version = "hearth_broken_redis", "9.9.2" if before else "9.9.1"
    server = (
        "#!/bin/sh\n"
        f"case \"$1\" in --version|-v) echo 'Redis server v={version}'; exit 0 ;; esac\n"
        "dir=$(sed -n 's/^dir //p' \"$1\" | tr -d '\"')\n"
        f"{before}\necho 'this version does not start' >&2\nexit 1\n"
    )
    client = '#!/bin/sh\nexec /usr/bin/redis-cli "$@"\n'
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for program, text in (("redis-server", server), ("redis-cli", client)):
            entry = zipfile.ZipInfo(f"{name}/bin/{program}")
            entry.external_attr = 0o100755 << 16
            wheel.writestr(entry, text)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: hearth\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{info}/RECORD", "")
    return f"{name}=={version}"


@contextlib.contextmanager
def asked_for(stack: Workbench, wheel: str) -> Iterator[None]:
    """The catalogue of the stack's checkout asks for another Redis while the block lasts."""
    path = stack.directory / "components" / "catalog" / "redis.py"
    good = path.read_text()
    probe = '("sh", "-c", "redis-server --version | grep -q v=9")'
    programs = 'programs=("redis-server", "redis-cli"),'
    name = wheel.partition("==")[0]
    changed = good.replace(programs, f'{programs} pypi="{wheel}", pypi_bin="{name}/bin", probe={probe},')
    assert changed != good
    path.write_text(changed)
    try:
        yield
    finally:
        path.write_text(good)
