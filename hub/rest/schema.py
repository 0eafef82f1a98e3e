"""The JSON Schema by which editors check and complete a `spoke.yaml`, made from the language.

`python -m hub.rest > spokes/spoke.schema.json` writes it; a test holds the file equal.
"""

from __future__ import annotations

from typing import Any

from hub.rest.language import Declaration


def schema() -> dict[str, Any]:
    """The schema, without what editors do not show: titles, and defaults that are no JSON."""
    made: dict[str, Any] = _plain(Declaration.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def _plain(part: Any, *, names: bool = False) -> Any:
    """`names`: the keys of this mapping are the language's, not the schema's."""
    if isinstance(part, list):
        return [_plain(each) for each in part]
    if not isinstance(part, dict):
        return part
    kept = {
        key: _plain(value, names=key in {"properties", "$defs"})
        for key, value in part.items()
        if names or not _is_noise(key, value)
    }
    choices = [each for each in kept.get("anyOf", ()) if each != {"type": "null"}]
    if not names and len(choices) == 1:
        kept = {**choices[0], **{key: value for key, value in kept.items() if key != "anyOf"}}
    return kept


def _is_noise(key: str, value: Any) -> bool:
    odd = key == "default" and (value is None or value in ({}, []) or isinstance(value, dict))
    return key == "title" or odd or (key == "default" and str(value).startswith("PT"))
