"""From JSON to typed rows."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

T = TypeVar("T")


def row(kind: type[T], value: Mapping[str, Any]) -> T:
    """A value of a dataclass. What it has no field for is from a newer broker, and left out."""
    readers = _readers(cast(Any, kind))
    return kind(**{name: read(value[name]) for name, read in readers.items() if name in value})


def rows(kind: type[T], values: list[Mapping[str, Any]]) -> list[T]:
    """A list of them."""
    return [row(kind, value) for value in values]


@functools.cache
def _readers(kind: type[Any]) -> dict[str, Callable[[Any], Any]]:
    hints = typing.get_type_hints(kind)
    return {field.name: _reader(hints[field.name]) for field in dataclasses.fields(kind)}


def _reader(hint: Any) -> Callable[[Any], Any]:
    arguments = typing.get_args(hint)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = _reader(next(one for one in arguments if one is not type(None)))
        return lambda value: None if value is None else inner(value)
    if typing.get_origin(hint) is tuple:
        inner = _reader(arguments[0])
        return lambda value: tuple(inner(one) for one in value)
    if hint is datetime:
        return datetime.fromisoformat
    if dataclasses.is_dataclass(hint):
        return functools.partial(row, cast(Any, hint))
    return lambda value: value
