"""What every kind of session has."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Protocol, TypeVar

from . import _jump, _operations
from ._errors import Closed, NetworkError, SessionEnded, Unavailable
from ._rows import Ended, Ending, Granted
from ._wait import closed, drive, wait

S = TypeVar("S", bound="Session")

GONE = (Closed, SessionEnded, Unavailable, NetworkError)
"""What closing a session that is over already may say; it is closed either way."""


class RawSession(Protocol):
    """The native half of a session."""

    def close(self) -> _jump.Call[None]: ...


class Session:
    """A session that was started. It is closed by `close`, by the end of its `async with`, and when nobody holds it any more."""

    def __init__(self, raw: Any, granted: Granted, news: _jump.News) -> None:
        self._closing: RawSession = raw
        self.granted = granted
        """What was granted: session id, permissions, the latest end."""
        self._news = news

    async def news(self) -> AsyncIterator[Ending | Ended]:
        """What the broker says about the session: warnings before time ends it, and why it ended. Of warnings that nobody
        has taken the newest counts; the end is never lost."""
        while (said := await drive(_operations.next_news(self._news))) is not None:
            yield said

    async def close(self) -> None:
        """Says goodbye and closes the session; also if it is over already."""
        with contextlib.suppress(*GONE):
            await wait(self._closing.close())

    async def __aenter__(self: S) -> S:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await closed(self)

    def __repr__(self) -> str:
        granted = self.granted
        return f"<{type(self).__name__} on {granted.item!r} as {granted.user!r}, session {granted.session}>"
