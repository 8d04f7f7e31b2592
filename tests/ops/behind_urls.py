"""What keeps backups on servers: the servers of the tests, and where no password of theirs may show."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from small_stack import PASSWORD, SmallStack
from support.backup_servers import S3, Rest, Server, Ssh

from ops.backup.places import Place

PORT, BESIDE, SSH, REST, REST_TOO, S_3 = range(61850, 61856)
KINDS = ["sftp", "rest", "s3"]
FILES = {Place.FIRST: "backup.credentials", Place.SECOND: "backup.copy-to"}
# Notes how each process was started, and sends slowly when it is told to.
RESTIC = """\
#!/bin/sh
ps -eo args >> {root}/calls
[ "$2" = backup ] && [ -e {root}/slow ] || exec /usr/bin/restic "$@"
touch {root}/sending
exec /usr/bin/restic --limit-upload 500 "$@"
"""
SECRETS = {S3.secret, Rest.password, quote(Rest.password), quote(Rest.password, safe="")}


@contextlib.contextmanager
def started(directory: Path) -> Iterator[dict[str, Server]]:
    """One of each kind, and another of the second; those that were started end with the block."""
    ssh = Ssh(directory / "ssh", SSH)
    rest, too = Rest(directory / "rest", REST), Rest(directory / "rest-too", REST_TOO)
    too.user = "you@nas"
    too.let_in()
    made = {"sftp": ssh, "rest": rest, "rest too": too, "s3": S3(directory / "s3", S_3)}
    try:
        yield made
    finally:
        for server in made.values():
            server.stop()


def shown(text: str) -> list[str]:
    return [secret for secret in (*SECRETS, PASSWORD) if secret in text]


def nothing_shows(stack: SmallStack) -> None:
    """No password in what was said, in any command line, or in any file but those of the owner's own."""
    assert "restic" in (stack.root / "calls").read_text()
    assert not shown("\n".join(stack.said))
    own = stack.root / "backup" / "secrets"
    for path in (*stack.root.rglob("*"), *Path.cwd().rglob("*")):
        if path.is_file() and path.parent != own and path.name != "htpasswd":
            assert not shown(path.read_text(errors="replace")), path
    for path in own.iterdir():
        assert path.name == "backup.repository" or path.stat().st_mode & 0o777 == 0o600
