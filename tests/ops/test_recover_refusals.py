"""A recovery changes nothing where it would replace anything, and says in a sentence what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ops_project import Project, Result, resource
from small_stack import PASSWORD, STACK, SmallStack

from host import declared
from ops import engine

PORT = 61325


@pytest.fixture
def words(small: Callable[..., SmallStack], project: Project, tmp_path: Path) -> list[str]:
    """The command, for a repository with a backup; the stack's directory is that of its file."""
    project.path.joinpath("passphrase").write_text("old")
    stack = small(PORT)
    stack.make_quick()
    stack.back_up()
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    location = stack.root.parent / "backups" / STACK
    return ["recover", "--from", str(location), "--password-file", str(password)]


def test_it_says_what_is_wrong_and_changes_nothing(
    words: list[str], hearth: Callable[..., Result], project: Project, tmp_path: Path
) -> None:
    file = project.path / f"Pulumi.{STACK}.yaml"
    file.write_text(file.read_text() + "# mine\n")
    before = file.read_text()

    def refused(*more: str, replaced: dict[str, str] | None = None) -> str:
        said = hearth(*((replaced or {}).get(word, word) for word in words), *more)
        assert said.status == 1 and file.read_text() == before, said
        assert not (project.root / "secrets").exists()
        return said.err

    assert "has no backup of stack other" in refused("--stack", "other")
    assert "there are backups of test" in refused("--stack", "other")
    assert "is no repository" in refused(replaced={words[2]: str(tmp_path)})
    assert "is not there" in refused(replaced={words[4]: str(tmp_path / "none")})
    wrong = tmp_path / "wrong"
    wrong.write_text("not it")
    assert "wrong password" in refused(replaced={words[4]: str(wrong)})
    assert "names no backup" in refused("--snapshot", "ffff")
    project.state(resource("command:local:Command", "redis"))
    assert "is deployed here" in refused()
    project.state()
    (project.root / "redis").mkdir(parents=True)
    assert "is there already" in refused()


def test_what_it_has_put_back_stays_for_the_next_try(
    words: list[str], hearth: Callable[..., Result], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Pulumi it ends once everything is where a deployment looks for it."""
    monkeypatch.setattr(engine, "deploy", lambda stack: None)
    file, lock = project.path / f"Pulumi.{STACK}.yaml", declared.lock_file(STACK)
    kept = file.read_text()
    file.write_text("config: [")
    lock.write_text("of another stack")
    said = hearth(*words)
    assert said.status == 1 and "no hearth:backup" in said.err
    assert file.read_text() == kept and not lock.exists()
    assert (project.path / f"{file.name}.before-recovery").read_text() == "config: ["
    assert (project.path / f"{lock.name}.before-recovery").read_text() == "of another stack"
    password = project.root / "backup" / "secrets" / "backup.repository"
    assert password.read_text() == PASSWORD and password.stat().st_mode & 0o777 == 0o600
    file.write_text(f"{kept}# mine\n")
    assert "stays as it is" in hearth(*words).err
    assert file.read_text().endswith("# mine\n")


def test_a_dry_run_only_reads(words: list[str], hearth: Callable[..., Result], project: Project) -> None:
    location = Path(words[2])
    before = {path: path.read_bytes() for path in location.rglob("*") if path.is_file()}
    said = hearth(*words, "--dry-run")
    assert said.status == 0 and "would bring test up and restore redis" in said.err
    assert {path: path.read_bytes() for path in location.rglob("*") if path.is_file()} == before
    assert not project.root.exists()
