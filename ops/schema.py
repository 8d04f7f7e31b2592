"""The JSON schema of ``Pulumi.<stack>.yaml``, from the pydantic classes that read it.

Draft 7, which the YAML language servers of editors know:
https://json-schema.org/draft-07/json-schema-release-notes
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from components.catalog import Entry, entries
from components.config import StackConfig

PATH = Path("docs/stack.schema.json")
Schema = dict[str, Any]


def text() -> str:
    """The schema as it is stored."""
    return json.dumps(stack_schema(), indent=2) + "\n"


def stack_schema() -> Schema:
    """The whole file: ``config:`` with its ``hearth:*`` keys; other projects' keys are free."""
    definitions: Schema = {}
    config = _object(StackConfig, "stack", definitions)
    keys = {f"hearth:{name}": value for name, value in config["properties"].items()}
    keys["hearth:services"] = _services(keys["hearth:services"], definitions)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A stack of Hearth",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {
                "description": "Settings of the stack.",
                "type": "object",
                "required": [f"hearth:{name}" for name in config["required"]],
                "properties": keys,
                "propertyNames": {"anyOf": [{"enum": sorted(keys)}, {"pattern": "^(?!hearth:)[^:]+:"}]},
            }
        },
        "definitions": definitions,
    }


def _object(model: type[BaseModel], prefix: str, definitions: Schema) -> Schema:
    """The schema of one class; the classes that it refers to go to ``definitions``."""
    made = model.model_json_schema(ref_template=f"#/definitions/{prefix}-{{model}}")
    for name, nested in made.pop("$defs", {}).items():
        # Services are described by their own classes, not by the one they all extend.
        if name != "ServiceSettings":
            definitions[f"{prefix}-{name}"] = _plain(nested)
    for field, info in model.model_fields.items():
        if info.exclude:
            # Derived when the file is loaded, never written by a person.
            del made["properties"][info.alias or field]
    return _plain(made)


def _plain(value: Any) -> Any:
    """Without pydantic's titles, which only repeat names, and defaults that say "absent"."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _plain(item)
        for key, item in value.items()
        if not ((key == "title" and isinstance(item, str)) or (key == "default" and item in (None, {})))
    }


def _services(mapping: Schema, definitions: Schema) -> Schema:
    """``mapping`` with each service known by its ``type``, and without one by its name."""
    for entry in entries().values():
        definitions[entry.name] = _service(entry, definitions)
    kinds = sorted(entries())
    definitions["by-type"] = {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"description": "Kind of service.", "enum": kinds}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": kind}}},
                "then": {"$ref": f"#/definitions/{kind}"},
            }
            for kind in kinds
        ],
    }
    named = {
        kind: {
            "if": {"type": "object", "required": ["type"]},
            "then": {"$ref": "#/definitions/by-type"},
            "else": {"$ref": f"#/definitions/{kind}"},
        }
        for kind in kinds
    }
    (pattern,) = mapping["patternProperties"]
    return {
        "description": mapping["description"],
        "type": "object",
        "propertyNames": {"pattern": pattern},
        "properties": named,
        "additionalProperties": {"$ref": "#/definitions/by-type"},
    }


def _service(entry: Entry, definitions: Schema) -> Schema:
    made = _object(entry.settings, entry.name, definitions)
    made["description"] = entry.description
    # A service without settings of its own may be written as its bare name.
    made["type"] = ["object", "null"]
    kind = {"description": "Kind of service, where its name is another.", "const": entry.name}
    made["properties"]["type"] = kind
    return made
