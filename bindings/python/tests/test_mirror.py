"""The blocking half has the same names and arguments as asyncio's."""

from __future__ import annotations

import inspect

import pytest

import jump

# What a blocking call has besides: how long it waits.
BESIDES = {"timeout"}
# What asyncio has other words for.
ONLY_BLOCKING = {("Screen", "next_event")}


def public(thing: type) -> dict[str, object]:
    members = inspect.getmembers(thing)
    return {name: value for name, value in members if not name.startswith("_")}


@pytest.mark.parametrize("name", jump.sync.__all__)
def test_the_halves_have_the_same_names_and_arguments(name: str) -> None:
    here, there = getattr(jump, name), getattr(jump.sync, name)
    if not inspect.isclass(here):
        assert arguments(here) == arguments(there)
        return
    blocking = set(public(there)) - {one for of, one in ONLY_BLOCKING if of == name}
    assert set(public(here)) == blocking
    for member, value in public(here).items():
        if callable(value):
            assert arguments(value) == arguments(public(there)[member]), member


def arguments(function: object) -> list[tuple[str, object]]:
    assert callable(function)
    signature = inspect.signature(function)
    return [
        (one.name, one.default) for one in signature.parameters.values() if one.name not in BESIDES
    ]


def test_everything_public_is_documented() -> None:
    for half in (jump, jump.sync):
        for name in half.__all__:
            thing = getattr(half, name)
            if name.startswith("__") or not callable(thing) or not hasattr(thing, "__module__"):
                continue
            if getattr(thing, "__module__", "").startswith("jump"):
                assert thing.__doc__, name
                for member, value in public(thing).items() if inspect.isclass(thing) else ():
                    if inspect.isfunction(value):
                        assert value.__doc__, f"{name}.{member}"
