"""The column types that a JSON Schema gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from headrace.errors import DecodeError
from headrace.kafka.registry import Schema
from headrace.spec import TIME_TYPE, ColumnType

_DEEPEST = 20

Json = Any


def json_schema_columns(schema: Schema) -> dict[str, tuple[ColumnType, bool]]:
    """Return each property's column type, and whether it may be null or missing.

    Raises:
        DecodeError: it is not a JSON Schema of objects.
    """
    try:
        document = orjson.loads(schema.text)
    except orjson.JSONDecodeError as error:
        raise DecodeError(f"The schema is not JSON: {error}.", hint="Correct it in the registry.") from error
    whole = document
    if isinstance(whole, Mapping) and whole.get("type") == "array":
        whole = whole.get("items")
    if not isinstance(whole, Mapping):
        raise DecodeError("The schema is not one of objects.", hint="Name the columns by --type.")
    whole = _resolved(whole, document)
    required = set(whole.get("required", ()))
    return {
        name: _column(declared, document, required=name in required)
        for name, declared in whole.get("properties", {}).items()
    }


def types_of(declared: Json, document: Json, depth: int = 0) -> set[str] | None:
    """Return the names of the types that a property allows, ``None`` where it does not say."""
    if not isinstance(declared, Mapping) or depth > _DEEPEST:
        return None
    declared = _resolved(declared, document)
    named = declared.get("type")
    if isinstance(named, str):
        return {named}
    if isinstance(named, list):
        return set(named)
    for choice in ("oneOf", "anyOf"):
        if choice in declared:
            found: set[str] = set()
            for branch in declared[choice]:
                types = types_of(branch, document, depth + 1)
                if types is None:
                    return None
                found |= types
            return found
    return None


def _column(declared: Json, document: Json, *, required: bool) -> tuple[ColumnType, bool]:
    found = types_of(declared, document)
    if found is None:
        return "object", True
    nullable = not required or "null" in found
    kinds = found - {"null"}
    if kinds == {"integer"}:
        return ("Int64" if nullable else "int64"), nullable
    if kinds and kinds <= {"integer", "number"}:
        return "float64", nullable
    if kinds == {"boolean"}:
        return ("boolean" if nullable else "bool"), nullable
    if kinds == {"string"}:
        return (TIME_TYPE if _is_time(declared, document) else "str"), nullable
    return "object", nullable


def _is_time(declared: Json, document: Json) -> bool:
    declared = _resolved(declared, document)
    branches = [declared, *declared.get("oneOf", ()), *declared.get("anyOf", ())]
    return any(_resolved(branch, document).get("format") == "date-time" for branch in branches)


def _resolved(declared: Mapping[str, Json], document: Json) -> Mapping[str, Json]:
    """Follow references within the document; others allow anything."""
    for _ in range(_DEEPEST):
        reference = declared.get("$ref")
        if reference is None:
            return declared
        found = document
        for part in str(reference).removeprefix("#/").split("/") if str(reference).startswith("#/") else [""]:
            name = part.replace("~1", "/").replace("~0", "~")
            found = found.get(name, {}) if isinstance(found, Mapping) else {}
        declared = found if isinstance(found, Mapping) else {}
    return {}
