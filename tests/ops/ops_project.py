"""A project directory with a ``pulumi`` that answers from files, and what a command left behind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
# Says what was asked, and answers with the file of that name; without one the stack is unknown.
PULUMI = """\
#!/bin/sh
echo "$@" >> {directory}/calls
case "$*" in
  *"stack output"*) answer={directory}/output.json ;;
  *"stack export"*) answer={directory}/export.json ;;
  *) exit 0 ;;
esac
[ -f $answer ] && exec cat $answer
echo "error: no stack named 'test' found" >&2
exit 255
"""


@dataclass
class Project:
    """The directory that commands run in, its stack ``test`` and its data root."""

    path: Path
    root: Path

    def stack(self, services: dict[str, Any], runtime: str = "supervisord") -> None:
        """Write the stack's file."""
        config = {"runtime": runtime, "data": str(self.root), "services": services}
        document = {"config": {f"hearth:{key}": value for key, value in config.items()}}
        (self.path / "Pulumi.test.yaml").write_text(yaml.safe_dump(document))

    def outputs(self, urls: dict[str, str], services: list[str]) -> None:
        """Have the stack deployed with these outputs."""
        plan = {"services": [{"service": name} for name in services]}
        answer = {"plan": plan, "data": str(self.root), "urls": urls}
        (self.path / "output.json").write_text(json.dumps(answer))

    def state(self, *resources: dict[str, Any]) -> None:
        """Have these resources in the stack's state."""
        answer = {"deployment": {"resources": list(resources)}}
        (self.path / "export.json").write_text(json.dumps(answer))

    @property
    def calls(self) -> list[str]:
        """How pulumi was called."""
        return (self.path / "calls").read_text().splitlines()


def resource(kind: str, name: str, **inputs: Any) -> dict[str, Any]:
    """One resource of an export."""
    urn = f"urn:pulumi:test::hearth::hearth:platform:Platform${kind}::{name}"
    return {"urn": urn, "type": kind, "id": inputs.pop("id", "id"), "inputs": inputs}


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    status: int
    out: str
    err: str
