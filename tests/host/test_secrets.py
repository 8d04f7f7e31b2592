"""``secret`` and ``secret-files``."""

from __future__ import annotations

import stat
from pathlib import Path

from tests.host.machine import Machine


def deliver(machine: Machine, directory: Path, files: dict[str, str]) -> str:
    document = {
        "directory": str(directory),
        "account": "hearth-redis",
        "files": [{"path": name, "content": text, "mode": "0400"} for name, text in files.items()],
    }
    done = machine.verb("secret-files", document=document)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_secret_is_made_once_whoever_asks(machine: Machine, root: Path) -> None:
    runs = [machine.popen("secret", str(root), "redis") for _ in range(5)]
    answers = {run.communicate()[0] for run in runs}
    assert len(answers) == 1
    assert len(answers.pop().strip()) >= 43
    assert stat.S_IMODE((root / "secrets").stat().st_mode) == 0o700
    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in (root / "secrets").iterdir()] == [
        ("redis", 0o600)
    ]


def test_a_bad_name_or_an_empty_secret_is_refused(machine: Machine, root: Path) -> None:
    assert machine.verb("secret", str(root), "../x").returncode == 1
    (root / "secrets").mkdir()
    (root / "secrets/empty").touch()
    assert "restore it from a backup" in machine.verb("secret", str(root), "empty").stderr


def test_a_key_is_not_made_anew_under_data_that_needs_the_lost_one(machine: Machine, root: Path) -> None:
    data = root / "flows/data"
    words = ("secret", str(root), "flows-key", "--data", str(data))
    first = machine.verb(*words).stdout
    data.mkdir(parents=True)
    (root / "secrets/flows-key").unlink()
    # An empty directory is left by a start that failed; nothing is encrypted there.
    assert machine.verb(*words).stdout != first
    (data / "database").touch()
    assert machine.verb(*words).returncode == 0
    (root / "secrets/flows-key").unlink()
    refused = machine.verb(*words)
    assert refused.returncode == 1
    for part in (str(root / "secrets/flows-key"), str(data), "Restore", "no other was made"):
        assert part in refused.stderr
    assert not (root / "secrets/flows-key").exists()


def test_generation_changes_exactly_with_the_content(machine: Machine, root: Path) -> None:
    directory = root / "redis/secrets"
    first = deliver(machine, directory, {"a": "1", "b": "2"})
    assert deliver(machine, directory, {"a": "1", "b": "2"}) == first
    (directory / "a").chmod(0o444)
    assert deliver(machine, directory, {"a": "1", "b": "2"}) == first
    assert stat.S_IMODE((directory / "a").stat().st_mode) == 0o400
    assert (directory / "a").owner() == "hearth-redis"
    second = deliver(machine, directory, {"a": "1"})
    assert second != first
    assert not (directory / "b").exists()
    (directory / "a").unlink()
    assert deliver(machine, directory, {"a": "1"}) not in (first, second)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_kill_between_content_and_answer_still_announces_the_change(machine: Machine, root: Path) -> None:
    directory = root / "redis/secrets"
    first = deliver(machine, directory, {"a": "1"})
    for _ in range(5):
        process = machine.popen(
            "secret-files",
            document={
                "directory": str(directory),
                "account": None,
                "files": [{"path": "a", "content": "2", "mode": "0400"}],
            },
        )
        if (directory / "a").read_text() != "2":
            process.kill()
        process.communicate()
    assert deliver(machine, directory, {"a": "2"}) != first


def test_no_secret_in_an_error(machine: Machine) -> None:
    process = machine.popen(
        "secret-files",
        document={
            "directory": "/proc/no",
            "account": None,
            "files": [{"path": "../a", "content": "hunter2"}],
        },
    )
    output, errors = process.communicate()
    assert process.returncode == 1
    assert "hunter2" not in output + errors
    assert "Traceback" not in errors
