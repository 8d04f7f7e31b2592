"""A project with a stack of its own, driven through the command line as a user does."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Stack:
    """One project directory with a stack in a backend of its own."""

    directory: Path
    environment: dict[str, str]

    def write(self, program: str) -> None:
        """Set the program."""
        (self.directory / "__main__.py").write_text(program)

    def pulumi(self, *arguments: str, ok: bool = True, **environment: str) -> str:
        """Run one Pulumi command; its whole output. `ok` says whether it should succeed."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.directory,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        output = done.stdout + done.stderr
        assert (done.returncode == 0) == ok, f"pulumi {' '.join(arguments)}: {done.returncode}\n{output}"
        return output

    def up(self, program: str | None = None, ok: bool = True) -> str:
        """Apply the program."""
        if program is not None:
            self.write(program)
        return self.pulumi("up", "--yes", "--skip-preview", ok=ok)

    def refresh(self) -> str:
        """Read everything again."""
        return self.pulumi("refresh", "--yes", "--skip-preview")

    def changes(self) -> dict[str, int]:
        """What a preview counts, without what stays as it is."""
        summary = json.loads(self.pulumi("preview", "--json"))["changeSummary"]
        return {kind: count for kind, count in summary.items() if kind != "same"}

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets in plain text."""
        return json.loads(self.pulumi("stack", "output", "--json", "--show-secrets"))

    def exported(self) -> str:
        """The state as it is stored."""
        return self.pulumi("stack", "export")

    def resource(self, name: str) -> dict[str, Any]:
        """One resource of the state."""
        resources = json.loads(self.exported())["deployment"]["resources"]
        return next(resource for resource in resources if resource["urn"].endswith(f"::{name}"))
