"""A bug of the library: whoever called gets an `InternalError`, nothing hangs, and everything else goes on."""

from __future__ import annotations

from typing import Any

import pytest

import jump
from jump import _jump
from jump._wait import Reader, wait
from jump.sync._wait import Reader as BlockingReader

PLACES = ["begin", "task", "waiter", "show"]
hooks: Any = _jump


def test_what_is_done_at_once_raises() -> None:
    with pytest.raises(jump.InternalError, match="panicked"):
        hooks._panic_at_once()


@pytest.mark.parametrize("place", PLACES)
async def test_asyncio_hears_of_it(place: str) -> None:
    with pytest.raises(jump.InternalError, match="panicked"):
        await wait(hooks._panicking(place))
    reader: Reader[Any] = Reader(lambda: hooks._panicking(place))
    for _ in range(2):
        with pytest.raises(jump.InternalError, match="panicked"):
            await reader.next()


@pytest.mark.parametrize("place", PLACES)
def test_who_waits_for_it_hears_of_it(place: str) -> None:
    with pytest.raises(jump.InternalError, match="panicked"):
        hooks._panicking(place).wait()
    reader: BlockingReader[Any] = BlockingReader(lambda: hooks._panicking(place))
    for _ in range(2):
        with pytest.raises(jump.InternalError, match="panicked"):
            reader.next()
