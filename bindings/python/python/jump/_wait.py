"""How asyncio waits for the native half, and how an operation is carried out by either half of the package."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from functools import partial
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from . import _jump

T = TypeVar("T")
C = TypeVar("C", bound="Closing")

Operation = Generator[_jump.Call[Any], Any, T]
"""What an operation asks of the native half, one call after the other, and makes of the answers. It does not know who waits."""

Progress = Callable[[int, "int | None"], object]
"""Called with the bytes done and the bytes in all, if known."""


def _settle(future: asyncio.Future[T], value: T, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


def _at_once(future: asyncio.Future[T], done: tuple[T, BaseException | None] | None) -> None:
    if done is not None:
        _settle(future, *done)


_mailboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, _jump.Mailbox] = WeakKeyDictionary()
"""Where the native half says what a loop is to look at. A loop has one, and lets go of it when it is gone."""


def _mailbox(loop: asyncio.AbstractEventLoop) -> _jump.Mailbox:
    mailbox = _mailboxes.get(loop)
    if mailbox is None:
        mailbox = _jump.Mailbox()
        # One wake-up is for all that has come until the loop gets there.
        loop.add_reader(mailbox.fileno(), mailbox.deliver)
        _mailboxes[loop] = mailbox
    return mailbox


def start(call: _jump.Call[T], progress: Progress | None = None) -> asyncio.Future[T]:
    """Begins a call; the future is done on this loop when the call is. Keep the call until then."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    done = partial(_settle, future)
    if progress is None:
        _at_once(future, call.start(_mailbox(loop), done))
        return future

    def tell(moved: int, total: int | None) -> None:
        if future.done():
            return
        try:
            progress(moved, total)
        except BaseException as error:
            # Whoever watches wants it to end.
            call.cancel()
            future.set_exception(error)

    _at_once(future, call.start(_mailbox(loop), done, tell))
    return future


async def wait(call: _jump.Call[T], progress: Progress | None = None) -> T:
    """Waits for a call; if the task is cancelled, so is the call."""
    future = start(call, progress)
    try:
        return await future
    except asyncio.CancelledError:
        call.cancel()
        raise


async def drive(operation: Operation[T]) -> T:
    """Carries out an operation on this loop."""
    try:
        call = next(operation)
        while True:
            call = operation.send(await wait(call))
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        operation.close()


class Reader(Generic[T]):
    """Reads one after the other. A read whose task was cancelled goes on: the next one gets what it got, so nothing is lost."""

    def __init__(self, begin: Callable[[], _jump.Call[T]]) -> None:
        self._begin = begin
        self._call: _jump.Call[T] | None = None
        self._got: tuple[T, BaseException | None] | None = None
        self._woken: asyncio.Future[tuple[T, BaseException | None]] | None = None
        self._busy = False

    async def next(self) -> T:
        if self._busy:
            raise RuntimeError("another task reads already")
        self._busy = True
        try:
            loop = asyncio.get_running_loop()
            mailbox = _mailbox(loop)
            if self._call is None:
                self._call = self._begin()
                self._got = self._call.start(mailbox, self._done)
            got = self._got
            if got is None:
                # The wait can be cancelled without the read.
                self._woken = loop.create_future()
                got = await self._woken
            self._got = self._call = None
        finally:
            self._busy = False
            self._woken = None
        value, error = got
        if error is not None:
            raise error
        return value

    def _done(self, value: T, error: BaseException | None) -> None:
        self._got = (value, error)
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(self._got)

    def stop(self) -> None:
        """Ends a read that is under way."""
        if self._call is not None:
            self._call.cancel()


class Closing(Protocol):
    """Something that is closed."""

    async def close(self) -> None: ...


class Opening(Generic[C]):
    """Something that is being opened: `await` it and close it yourself, or use it with `async with`, which closes it."""

    def __init__(self, opened: Callable[[], Any]) -> None:
        self._open = opened
        self._opened: C | None = None

    async def _await(self) -> C:
        opened: C = await self._open()
        return opened

    def __await__(self) -> Generator[Any, None, C]:
        return self._await().__await__()

    async def __aenter__(self) -> C:
        self._opened = await self._await()
        return self._opened

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await closed(opened)


async def closed(opened: Closing) -> None:
    """Closes it, to the end even if the task is cancelled meanwhile: closing takes seconds at most."""
    closing = asyncio.ensure_future(opened.close())
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await asyncio.wait([closing])
        raise
