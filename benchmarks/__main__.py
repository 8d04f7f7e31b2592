"""`python -m benchmarks [--only PART,PART] [--runs N]`: measure, write docs/benchmarks.md.

Sections that were not asked for stay as they are in the file. The exit status says whether measuring
worked, not whether goals were met; the tables say that.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
import tempfile
from pathlib import Path

from benchmarks import (
    backup,
    compose,
    front_door,
    lifecycle,
    machine,
    report,
    scale,
    stacks,
    systems,
    watching,
)
from benchmarks.measure import Failed, say
from tests.e2e.daemon import docker_daemon

TARGET = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
PARTS = ("up", "scale", "systems", "nginx", "monitoring", "backup")
NAMES = {**{part: part for part in PARTS}, "preview": "scale"}
HEAD = """\
# Benchmarks

Written by `make bench` (`python -m benchmarks`); do not edit. Everything in a section is from one run, the
peers taking turns, so that what disturbs one disturbs the others. The machine is small, virtual and shared
with other work, so it is noisy: look at the spread, at differences and ratios, not at a single number.

All images are one local image made of Debian's packages, which stands in for the official ones. Pulumi's
plugins and language host are this project's stand-ins unless the official ones are installed.
"""


def main() -> int:
    """Measure what is asked for; 1 where it could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure Hearth beside its peers."
    )
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, with commas: {', '.join(NAMES)}")
    parser.add_argument("--runs", type=int, default=3, help="times that each command is measured")
    arguments = parser.parse_args()
    asked = arguments.only.split(",")
    if unknown := [name for name in asked if name not in NAMES]:
        parser.error(f"--only: unknown: {', '.join(unknown)}")
    parts = {NAMES[name] for name in asked}
    sections = _standing()
    try:
        with (
            tempfile.TemporaryDirectory() as logs,
            docker_daemon(Path(logs) / "dockerd.log"),
            stacks.scratch() as directory,
        ):
            for part in PARTS:
                if part in parts:
                    before = machine.load()
                    lines = _measured(part, directory, max(1, arguments.runs))
                    sections[part] = "\n".join([*lines, _circumstances(part, before, arguments.runs)])
                    _write(sections)
    except Failed as failure:
        print(f"benchmarks: {failure}", file=sys.stderr)
        return 1
    print(TARGET.read_text())
    return 0


def _measured(part: str, directory: Path, runs: int) -> list[str]:
    say(f"{part}: begins")
    if part == "up":
        return report.of_lifecycle(*lifecycle.run(directory, runs))
    if part == "scale":
        return report.of_scale(*scale.run(directory, runs))
    if part == "systems":
        return report.of_systems(*systems.run(directory, runs))
    if part == "backup":
        return report.of_backup(*backup.run(directory, runs))
    if part == "monitoring":
        return report.of_watching(watching.run(directory))
    return report.of_front_door(front_door.run(directory), front_door.supervisor(directory))


def _circumstances(part: str, before: float, runs: int) -> str:
    today = datetime.datetime.now(datetime.UTC).date()
    once = {"nginx": f"one start, {front_door.TURNS} turns", "monitoring": "one start"}
    repeated = once.get(part, f"runs: {runs}")
    return (
        f"{today}; {repeated}; {machine.described()}, compose {compose.version()}; "
        f"{before:.1f} runnable processes a core in the minute before it began.\n"
    )


def _standing() -> dict[str, str]:
    """The sections of the file as it is."""
    if not TARGET.exists():
        return {}
    return dict(re.findall(r"(?ms)^<!-- (\w+) -->\n(.*?)(?=^<!-- |\Z)", TARGET.read_text()))


def _write(sections: dict[str, str]) -> None:
    TARGET.parent.mkdir(exist_ok=True)
    body = [f"<!-- {part} -->\n{sections[part].strip()}\n" for part in PARTS if part in sections]
    TARGET.write_text("\n".join([HEAD, *body]))


if __name__ == "__main__":
    sys.exit(main())
