"""How the blocking half carries out an operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from .. import _jump
from .._errors import JumpTimeout
from .._wait import Operation

T = TypeVar("T")


def drive(operation: Operation[T]) -> T:
    """Carries out an operation. The interpreter's lock is free meanwhile, and Ctrl-C ends it."""
    try:
        call = next(operation)
        while True:
            call = operation.send(call.wait())
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        operation.close()


class Reader(Generic[T]):
    """Reads one after the other. A read that was given up goes on: the next one gets what it got, so nothing is lost."""

    def __init__(self, begin: Callable[[], _jump.Call[T]]) -> None:
        self._begin = begin
        self._call: _jump.Call[T] | None = None

    def next(self, timeout: float | None = None) -> T:
        call = self._call or self._begin()
        self._call = call
        try:
            value = call.wait(timeout, keep=True)
        except BaseException as error:
            if not _given_up(error):
                self._call = None
            raise
        self._call = None
        return value

    def stop(self) -> None:
        """Ends a read that is under way."""
        if self._call is not None:
            self._call.cancel()


def _given_up(error: BaseException) -> bool:
    """Whether the wait ended, and not the read."""
    if isinstance(error, JumpTimeout):
        return error.operation == "wait for a call"
    return not isinstance(error, Exception)

