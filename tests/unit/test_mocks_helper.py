"""The helper that all resource tests stand on must itself be able to fail."""

from __future__ import annotations

import pulumi
import pytest
from support.mocks import run


def test_a_failing_apply_fails_the_run() -> None:
    def program() -> None:
        pulumi.Output.from_input("value").apply(lambda text: pytest.fail(f"saw {text}"))

    with pytest.raises(pytest.fail.Exception, match="saw value"):
        run(program)


def test_a_failing_apply_on_a_resource_output_fails_the_run() -> None:
    class Thing(pulumi.CustomResource):
        def __init__(self) -> None:
            super().__init__("test:index:Thing", "thing", {"size": 3})

    def program() -> None:
        Thing().urn.apply(lambda urn: {}["absent"])

    with pytest.raises(KeyError, match="absent"):
        run(program)


def test_each_run_starts_from_nothing() -> None:
    def program() -> None:
        pulumi.ComponentResource("test:index:Group", "group")

    assert [found.name for found in run(program)] == ["group"]
    assert [found.name for found in run(program)] == ["group"]


def test_secrets_stay_marked_on_the_wire() -> None:
    class Thing(pulumi.CustomResource):
        def __init__(self) -> None:
            super().__init__("test:index:Thing", "thing", {"text": pulumi.Output.secret("hidden")})

    (thing,) = run(Thing)
    assert thing.inputs == {"text": "hidden"}
    assert thing.wire["text"] != "hidden"


def test_exports_are_recorded() -> None:
    def program() -> None:
        pulumi.ComponentResource("test:index:Group", "group").register_outputs({"answer": 42})

    (group,) = run(program)
    assert group.outputs == {"answer": 42}
