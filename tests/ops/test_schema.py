"""The schema that editors use agrees with the loader."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from components.catalog import entries
from ops import schema

REPOSITORY = Path(__file__).resolve().parents[2]
VALIDATOR = Draft7Validator(schema.stack_schema())


def stack(services: object, **more: object) -> dict:
    config = {"runtime": "docker", "services": services, **more}
    return {"config": {f"hearth:{key}": value for key, value in config.items()}}


def test_it_is_a_schema():
    Draft7Validator.check_schema(schema.stack_schema())


def test_the_stored_one_is_up_to_date():
    stored = REPOSITORY / schema.PATH
    assert stored.is_file(), "store it with: ./hearth schema --write"
    assert stored.read_text() == schema.text(), "store it again with: ./hearth schema --write"


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("Pulumi.*.yaml")), ids=lambda path: path.name)
def test_every_stack_file_is_valid(path):
    VALIDATOR.validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("kind", sorted(entries()))
def test_every_kind_is_known_by_name_and_by_type(kind):
    assert VALIDATOR.is_valid(stack({kind: {}}))
    assert VALIDATOR.is_valid(stack({kind: None}))
    assert VALIDATOR.is_valid(stack({"mine": {"type": kind}}))
    assert not VALIDATOR.is_valid(stack({kind: {"no-such-key": 1}}))
    assert not VALIDATOR.is_valid(stack({"mine": {"type": kind, "no-such-key": 1}}))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"config": {}},
        stack({"mine": {}}),
        stack({"Redis": {"type": "redis"}}),
        stack({"redis": {"type": "no-such-kind"}}),
        stack({"redis": {"memory": "lots"}}),
        stack({"redis": {"port": 70000}}),
        stack({}, host={"memory": "half"}),
        stack({}, types={}),
        stack({}, no_such_key=1),
    ],
)
def test_what_the_loader_refuses_is_refused(document):
    assert not VALIDATOR.is_valid(document)


def test_other_projects_keys_are_free():
    document = stack({"redis": {}})
    document["config"]["docker:host"] = "unix:///run/docker.sock"
    VALIDATOR.validate(document)


def test_keys_are_described():
    redis = schema.stack_schema()["definitions"]["redis"]
    assert redis["description"].startswith("Redis")
    assert all("description" in value for value in redis["properties"].values())
