"""Whether an application knows the variables that it is given."""

from __future__ import annotations

import re
from pathlib import Path

from tests.large.conftest import Applications

# Of the interpreters and the system, not of any application; and one that is handed on to flows.
OTHERS = {"HOME", "LANG", "NODE_OPTIONS", "PATH", "PYTHONPATH", "OLLAMA_BASE_URL"}


def given(stack: Applications, service: str) -> set[str]:
    """Names of the variables in a service's program section and in its file of secrets."""
    section = (stack.root / f"supervisor/programs/{service}.conf").read_text()
    (line,) = [line for line in section.splitlines() if line.startswith("environment=")]
    names = set(re.findall(r"(?:=|,)([A-Z][A-Z0-9_]*)=", line))
    secret = stack.root / service / "secrets" / "environment"
    if secret.exists():
        names |= {entry.partition("=")[0] for entry in secret.read_text().splitlines()}
    return names - OTHERS


def unknown(stack: Applications, service: str, *sources: Path, prefix: str = "") -> set[str]:
    """Names that stand nowhere in the sources; with a prefix that is put before settings, in lower case."""
    text = "\n".join(
        path.read_text(errors="replace")
        for source in sources
        for path in source.rglob("*")
        if path.suffix in (".js", ".py") and path.is_file()
    )

    def known(name: str) -> bool:
        bare = name.removesuffix("_FILE")
        setting = bare.removeprefix(prefix) if prefix else bare
        return bare in text or (setting != bare and (setting in text or setting.lower() in text))

    return {name for name in given(stack, service) if not known(name)}


def modules(stack: Applications, program: str) -> Path:
    """The packages that were installed together with a program: npm's, or Python's."""
    path = (stack.root / "bin" / program).resolve()
    for parent in path.parents:
        if parent.name == "node_modules":
            return parent
    (found,) = path.parent.parent.glob("lib/python3*/site-packages")
    return found
