"""Whether SQLite files are whole: ``PRAGMA integrity_check``, without writing to them.

Python's own library alone, and all of it in this one file: in a container its text runs as ``python3 -c``.
"""

import json
import sqlite3
import sys
import time
import urllib.parse
from pathlib import Path

SUFFIXES = (".db", ".db3", ".sqlite", ".sqlite3")
MAGIC = b"SQLite format 3\x00"
# A check reads the whole file, and whoever writes to it meanwhile waits.
SECONDS = 20
BUSY = ("locked", "busy", "interrupted", "unable to open")


def look(directory, known=()):
    """What is below ``directory``: ``{"found": [path], "damaged": {path: why}}``.

    ``known`` are paths that were SQLite files earlier: one that is not any more is damaged.
    """
    found, damaged = [], {}
    for path in sorted(Path(directory).rglob("*")):
        if path.suffix not in SUFFIXES or path.is_symlink() or not path.is_file() or not path.stat().st_size:
            continue
        with path.open("rb") as file:
            ours = file.read(len(MAGIC)) == MAGIC
        if ours or str(path) in known:
            found.append(str(path))
            why = complaint(path) if ours else "is no SQLite file any more"
            if why:
                damaged[str(path)] = why
    return {"found": found, "damaged": damaged}


def complaint(path):
    """Why a file is damaged; none where it is whole, or somebody keeps it busy."""
    until = time.monotonic() + SECONDS
    try:
        uri = f"file:{urllib.parse.quote(str(path))}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=5)
        try:
            connection.set_progress_handler(lambda: time.monotonic() > until, 100000)
            said = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        return None if any(word in str(error) for word in BUSY) else str(error)
    return None if said == ["ok"] else "; ".join(" ".join(line.split()) for line in said)


if __name__ == "__main__":
    print(json.dumps(look(sys.argv[1], sys.argv[2:])))
