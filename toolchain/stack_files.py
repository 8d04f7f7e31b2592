"""Stack files stay as their owner wrote them.

Pulumi writes the salt of its passphrase provider into `Pulumi.<stack>.yaml`. The salt is in the stack's
state as well, from where Pulumi takes it when the file has none
(PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER), so a checkout need not change just because a stack came up.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

SALT = "encryptionsalt:"


def _text(path: Path) -> str:
    # Not a word about a file that is no text: whoever reads its stack will say so.
    return path.read_text("utf-8", errors="surrogateescape")


def _lines(text: str) -> list[str]:
    """What the file says, apart from the salt, white space and quotes, which Pulumi rewrites."""
    kept = [line for line in text.splitlines() if not line.startswith(SALT)]
    return ["".join(line.split()).replace("'", "").replace('"', "") for line in kept if line.strip()]


@contextlib.contextmanager
def unsalted(project: Path) -> Iterator[None]:
    """After the block, files that only gained a salt are what they were before.

    A file with a salt of its own keeps it: its owner has secrets in it, or wants it there.
    """
    before = {path: _text(path) for path in project.glob("Pulumi.*.yaml")}
    yield
    for path, text in before.items():
        if not path.exists() or SALT in text or (now := _text(path)) == text:
            continue
        if SALT in now and "secure:" not in now and _lines(now) == _lines(text):
            path.write_text(text, "utf-8", errors="surrogateescape")
