"""Whatever stands in a stack file is loaded, or refused in words."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.stacks import facts, plan

from components.catalog import entries
from components.config import StackConfig, load_stack_config
from components.errors import ConfigurationError

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=20),
    st.sampled_from(["256MiB", "auto", "docker", "redis", "500m", "llama3.2:1b", "/srv", "1e999", "9" * 400]),
)  # fmt: skip
KEYS = st.one_of(
    st.sampled_from(sorted({field.alias or key for e in entries().values() for key, field in e.settings.model_fields.items()})),
    st.sampled_from(["type", "name", "password", "weights"]),
    st.text(max_size=10),
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=8,
)
SERVICES = st.one_of(
    ANYTHING,
    st.dictionaries(
        st.one_of(st.sampled_from(sorted(entries())), st.text(max_size=10)),
        st.one_of(ANYTHING, st.dictionaries(KEYS, ANYTHING, max_size=5)),
        max_size=4,
    ),
)
STACKS = st.fixed_dictionaries(
    {"services": SERVICES},
    optional={
        "runtime": st.one_of(st.sampled_from(["docker", "systemd", "supervisord"]), ANYTHING),
        "host": ANYTHING, "images": ANYTHING, "data": ANYTHING, "systemd": ANYTHING, "types": ANYTHING,
    },
)  # fmt: skip


@settings(max_examples=400)
@given(STACKS)
def test_any_mapping_is_a_stack_or_a_configuration_error(stack: dict[str, Any]) -> None:
    try:
        assert isinstance(load_stack_config(stack), StackConfig)
    except ConfigurationError as error:
        assert error.problems
        assert all(problem.path.startswith("hearth:") and problem.message for problem in error.problems)


@settings(max_examples=200)
@given(SERVICES, st.sampled_from(["docker", "systemd", "supervisord"]))
def test_any_services_on_a_known_runtime_are_planned_or_refused(services: Any, runtime: str) -> None:
    try:
        plan({"runtime": runtime, "services": services}, facts())
    except ConfigurationError as error:
        assert error.problems


SECRET = "Zq7-not-to-be-shown"
SENSITIVE = st.sampled_from(
    ["password", "admin-password", "token", "api_token", "secret", "secret-key", "credentials", "PASSWORD"]
)


@st.composite
def hiding(draw: st.DrawFn) -> Any:
    """A value with a secret somewhere below a key that says so."""
    value: Any = {
        draw(SENSITIVE): draw(st.sampled_from([SECRET, [SECRET], {"value": SECRET}, f"x{SECRET}y"]))
    }
    for step in draw(st.lists(st.one_of(KEYS, st.just(0)), max_size=3)):
        value = [value] if step == 0 else {step: value}
    return value


@settings(max_examples=300)
@given(
    st.sampled_from(["services", "host", "images", "systemd", "data", "runtime", "other"]),
    hiding(),
    st.sampled_from(sorted(entries())),
)
def test_no_refusal_shows_what_stands_under_a_key_that_looks_secret(
    place: str, value: Any, kind: str
) -> None:
    for stack in (
        {"runtime": "docker", "services": {}, place: value},
        {"runtime": "docker", "services": {kind: value}},
    ):
        try:
            load_stack_config(stack)
        except ConfigurationError as error:
            assert SECRET not in str(error)
