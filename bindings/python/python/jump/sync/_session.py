"""What every kind of session has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import Any, TypeVar

from .. import _jump, _operations
from .._rows import Ended, Ending, Granted
from .._session import GONE, RawSession
from ._wait import drive

S = TypeVar("S", bound="Session")


class Session:
    """A session that was started. It is closed by `close`, by the end of its `with`, and when nobody holds it any more."""

    def __init__(self, raw: Any, granted: Granted, news: _jump.News) -> None:
        self._closing: RawSession = raw
        self.granted = granted
        """What was granted: session id, permissions, the latest end."""
        self._news = news

    def news(self) -> Iterator[Ending | Ended]:
        """What the broker says about the session: warnings before time ends it, and why it ended. It waits for the next: read
        it on a thread of its own."""
        while (said := drive(_operations.next_news(self._news))) is not None:
            yield said

    def close(self) -> None:
        """Says goodbye and closes the session; also if it is over already."""
        with contextlib.suppress(*GONE):
            self._closing.close().wait()

    def __enter__(self: S) -> S:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        granted = self.granted
        return f"<{type(self).__name__} on {granted.item!r} as {granted.user!r}, session {granted.session}>"
