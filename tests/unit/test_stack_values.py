"""The values that Pulumi hands to the program."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from pulumi.runtime.config import CONFIG, set_all_config

from components.errors import ConfigurationError
from components.stack_values import stack_values


@pytest.fixture(autouse=True)
def _restored() -> Any:
    before = CONFIG.get()
    yield
    CONFIG.set(before)


def test_mappings_are_read_and_other_projects_left_out() -> None:
    set_all_config(
        {"hearth:runtime": "docker", "hearth:host": '{"memory": "auto", "cpus": 2}', "aws:region": "x"}
    )
    assert stack_values() == {"runtime": "docker", "host": {"memory": "auto", "cpus": 2}}


def test_an_empty_value_is_an_empty_text() -> None:
    set_all_config({"hearth:data": ""})
    assert stack_values() == {"data": ""}


@pytest.mark.parametrize("text", ["{", "[unfinished", "{services}"])
def test_a_value_that_only_looks_like_a_mapping_is_refused_with_its_key(text: str) -> None:
    set_all_config({"hearth:services": text})
    with pytest.raises(ConfigurationError, match="hearth:services"):
        stack_values()


def test_pulumi_is_asked_for_no_key_by_name() -> None:
    set_all_config({"hearth:unknown": "1"})
    assert pulumi.Config("hearth").get("unknown") == "1"
    assert stack_values() == {"unknown": "1"}
