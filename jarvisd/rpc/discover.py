"""The protocol as an OpenRPC document, made from the Structs that validate it.

Names, types, limits and descriptions have one source, so the document cannot lie.
A copy lies in docs/openrpc.golden.json: a change to the protocol shows as a change
there, and one that takes something away is noticed before a client notices it.

Format: https://spec.open-rpc.org, version 1.3.2.
"""

import inspect
from typing import Any

import msgspec

from jarvisd.base.errors import ERROR_NUMBERS
from jarvisd.rpc import PROTOCOL_VERSION
from jarvisd.rpc.wire import METHODS, NOTIFICATIONS

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"


def document() -> Json:
    """Return the OpenRPC document of this version of the protocol.

    Notifications have no place in OpenRPC: they are under `x-notifications`, and
    the kinds of errors under `x-errors`.
    """
    structs = [*(each for pair in METHODS.values() for each in pair)]
    structs += NOTIFICATIONS.values()
    schemas, components = msgspec.json.schema_components(structs, ref_template=_REF)
    by_struct = dict(zip(structs, schemas, strict=True))
    return {
        "openrpc": "1.3.2",
        "info": {"title": "jarvisd", "version": str(PROTOCOL_VERSION)},
        "methods": [
            _method(name, params, by_struct[result], components)
            for name, (params, result) in METHODS.items()
        ],
        "x-notifications": [
            {"name": name, "summary": _summary(struct), "params": by_struct[struct]}
            for name, struct in NOTIFICATIONS.items()
        ],
        "x-errors": [
            {"kind": kind, "code": number} for kind, number in ERROR_NUMBERS.items()
        ],
        "components": {"schemas": _answers_only(components)},
    }


def _answers_only(components: Json) -> Json:
    """Leave out the Structs of parameters, which the methods list field by field."""
    params = {struct.__name__ for struct, _ in METHODS.values()}
    return {
        name: {**schema, "description": inspect.cleandoc(schema["description"])}
        for name, schema in components.items()
        if name not in params
    }


def _method(
    name: str, params: type[msgspec.Struct], result: Json, components: Json
) -> Json:
    schema = components[params.__name__]
    required = schema.get("required", [])
    return {
        "name": name,
        "summary": _summary(params),
        "description": inspect.getdoc(params),
        "paramStructure": "by-name",
        "params": [
            {"name": field, "required": field in required, "schema": field_schema}
            for field, field_schema in schema["properties"].items()
        ],
        "result": {"name": "result", "schema": result},
    }


def _summary(struct: type[msgspec.Struct]) -> str:
    return (inspect.getdoc(struct) or "").partition("\n\n")[0].replace("\n", " ")
