"""What a killed drill has left: the next try removes it, also after it was killed itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from ops_project import Project
from support.stacks import plan, values

from components.config import load_stack_config
from ops import engine
from ops.backup import scratch
from ops.backup.target import Target


def test_a_state_is_gone_before_what_it_is_destroyed_with(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = values("supervisord", {"redis": {}}, data=str(project.root), backup={})
    settings = load_stack_config(config).backup
    assert settings is not None
    home = project.root / "backup" / "drill"
    state = home / "state" / "stacks" / "test-drill.json"
    destroyed: list[bool] = []

    def elsewhere(words: list[str], name: str, environment: dict[str, str]) -> None:
        if words[0] == "destroy":
            destroyed.append(Path(environment["PULUMI_CONFIG_PASSPHRASE_FILE"]).exists())

    def killed(path: Path) -> None:
        # Half-way: one file is gone, and that might be any.
        next(one for one in path.rglob("*") if one.is_file() and one.name != "test-drill.json").unlink()
        raise KeyboardInterrupt

    state.parent.mkdir(parents=True)
    for path in (state, state.with_suffix(".bak"), home / "passphrase"):
        path.write_text("{}")
    monkeypatch.setattr(engine, "elsewhere", elsewhere)
    target = Target("test", project.root, plan(config), settings, containers=False)
    with monkeypatch.context() as patched:
        patched.setattr("ops.purge.delete_directory", killed)
        with pytest.raises(KeyboardInterrupt):
            scratch.clear(target)
    scratch.clear(target)
    assert destroyed == [True, True] and not home.exists()
