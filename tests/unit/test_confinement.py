"""Seccomp and AppArmor: Docker's own unless the stack names others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.mocks import Recorder
from support.stacks import deploy, facts, plan, run, values

from components.config import load_stack_config
from components.errors import ConfigurationError
from components.facts import HostFacts

PATH = "/etc/hearth/seccomp.json"
PROFILE = {"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}], "defaultAction": "SCMP_ACT_ALLOW"}


def host(text: str | None) -> HostFacts:
    return facts(text={PATH: text}.get)


def deployed(text: str | None = None, **docker: str) -> Recorder:
    config = load_stack_config(values("docker", {"redis": {}, "nginx": {}}, docker=docker))
    return run(lambda: deploy(config, host(text)))


def options(found: Recorder, service: str = "redis") -> list[str]:
    return found.named(f"{service}-container", "docker:index/container:Container").inputs["securityOpts"]


def test_dockers_own_profiles_apply_when_none_is_named() -> None:
    assert options(deployed()) == ["no-new-privileges:true"]
    assert options(deployed(seccomp="default", apparmor="default")) == ["no-new-privileges:true"]


def test_a_profile_of_ones_own_travels_as_json_and_holds_for_the_check_too() -> None:
    found = deployed(json.dumps(PROFILE, indent=4), seccomp=PATH, apparmor="hearth")
    first, apparmor, seccomp = options(found)
    assert (first, apparmor) == ("no-new-privileges:true", "apparmor=hearth")
    assert json.loads(seccomp.removeprefix("seccomp=")) == PROFILE
    check = found.named("nginx-files", "command:local:Command").document["check"]
    assert check["security"] == options(found, "nginx") == [first, apparmor, seccomp]


def test_another_layout_of_the_file_is_no_change() -> None:
    assert options(deployed(json.dumps(PROFILE), seccomp=PATH)) == options(
        deployed(json.dumps(PROFILE, indent=1, sort_keys=True), seccomp=PATH)
    )


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"syscalls": []}', '{"defaultAction": "SCMP_ACT_ALLOW"}']
)
def test_a_profile_that_is_none_is_refused(text: str | None) -> None:
    stack = values("docker", {"redis": {}}, docker={"seccomp": PATH})
    with pytest.raises(
        ConfigurationError, match=rf"hearth:docker\.seccomp: {PATH} (cannot be read|is no seccomp)"
    ):
        plan(stack, host(text))


@pytest.mark.parametrize(
    "wrong", [{"seccomp": "unconfined"}, {"apparmor": "unconfined"}, {"seccomp": "p.json"}]
)
def test_no_confinement_is_no_choice(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"hearth:docker\."):
        load_stack_config(values("docker", {"redis": {}}, docker=wrong))
