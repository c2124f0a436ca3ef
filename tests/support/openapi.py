"""Walk an OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation; a path with a version names 1.0."""
    for path, item in document["paths"].items():
        for method in item.keys() - {"parameters"}:
            yield path.replace("{version}", "1.0"), method, item[method]


def resolved(document: dict[str, Any], node: dict[str, Any]) -> Any:
    """Follow a $ref."""
    if "$ref" not in node:
        return node
    found: Any = document
    for key in node["$ref"].split("/")[1:]:
        found = found[key]
    return found
