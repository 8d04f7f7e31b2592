"""Property values as the engine sends them, to and from Python.

Source: the special objects of Pulumi's wire format (`sdk/go/common/resource/plugin/rpc.go`): an object with
the signature key is a secret, an asset or the like; a reserved string stands for a value that is not known
yet. `null` members are left out in both directions, as the engine does.
"""

from dataclasses import dataclass
from typing import Any

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
# The engine has one sentinel for each type of value that is not known yet.
UNKNOWN_STRINGS = {
    UNKNOWN_STRING,
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
}


class Unknown:
    """A value that only the update itself will know."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in the state and hides in its display."""

    value: Any


class UnsupportedValue(ValueError):
    """A kind of value that no property of these plugins takes."""


def decode_struct(struct: Any) -> dict[str, Any]:
    """A protobuf `Struct` as a dict; members that are null are left out."""
    members = ((key, decode(value)) for key, value in struct.fields.items())
    return {key: value for key, value in members if value is not None}


def decode(value: Any) -> Any:
    """One protobuf `Value` as plain Python, `Secret` or `UNKNOWN`."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _decode_object(value.struct_value)
    if kind == "list_value":
        return [decode(item) for item in value.list_value.values]
    if kind == "string_value":
        return UNKNOWN if value.string_value in UNKNOWN_STRINGS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return value.bool_value if kind == "bool_value" else None


def _decode_object(struct: Any) -> Any:
    if SIGNATURE not in struct.fields:
        return decode_struct(struct)
    signature = struct.fields[SIGNATURE].string_value
    if signature == SECRET:
        return Secret(decode(struct.fields["value"]))
    if signature == OUTPUT:
        inner = decode(struct.fields["value"]) if "value" in struct.fields else UNKNOWN
        return Secret(inner) if struct.fields["secret"].bool_value else inner
    raise UnsupportedValue("assets, archives and resource references are not taken by this plugin")


def encode_struct(members: dict[str, Any], struct: Any) -> Any:
    """Write `members` into the protobuf `Struct` given, and return it."""
    for key, value in members.items():
        if value is not None:
            encode(value, struct.fields[key])
    return struct


def encode(value: Any, target: Any) -> None:
    """Write one value into a protobuf `Value`."""
    if value is UNKNOWN:
        target.string_value = UNKNOWN_STRING
    elif isinstance(value, Secret):
        target.struct_value.fields[SIGNATURE].string_value = SECRET
        encode(value.value, target.struct_value.fields["value"])
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, (int, float)):
        target.number_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, dict):
        target.struct_value.SetInParent()
        encode_struct(value, target.struct_value)
    elif isinstance(value, (list, tuple)):
        target.list_value.SetInParent()
        for item in value:
            encode(item, target.list_value.values.add())
    else:
        target.null_value = 0


def reveal(value: Any) -> Any:
    """The same value without its secret marks."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, dict):
        return {key: reveal(member) for key, member in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Whether any part of a value is not known yet."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, dict):
        return any(has_unknown(member) for member in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN
