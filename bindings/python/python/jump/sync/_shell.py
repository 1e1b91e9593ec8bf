"""A shell session: commands, terminals and files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType

from .. import _jump
from .._rows import Granted
from .._shell import LIMIT
from .._values import (
    Completed,
    Path,
    ProcessEvent,
    Terminal,
    command_bytes,
    process_event,
    terminal_parts,
)
from .._wait import Progress
from ._session import Session
from ._wait import Reader


class Shell(Session):
    """A shell session. Several commands and copies can run in it at once."""

    def __init__(self, raw: _jump.Shell, granted: Granted, news: _jump.News) -> None:
        super().__init__(raw, granted, news)
        self._raw = raw

    def run(
        self,
        command: str | bytes,
        *,
        input: str | bytes = b"",
        terminal: Terminal | None = None,
        limit: int = LIMIT,
        timeout: float | None = None,
    ) -> Completed:
        """Runs a command to its end, or for so many seconds: then its channel is closed, and `JumpTimeout` raised.

        A command that says more than `limit` bytes is ended with `ResourceLimit`: `start` it and read piece by piece.

        >>> import jump.sync
        >>> with jump.sync.connect() as rep, rep.shell("web-1") as shell:
        ...     print(shell.run("wc -c", input="four").text.strip())
        4
        """
        call = self._raw.run(
            command_bytes(command), command_bytes(input), terminal_parts(terminal), limit
        )
        return Completed(*call.wait(timeout))

    def start(
        self, command: str | bytes | None = None, *, terminal: Terminal | None = None
    ) -> Process:
        """Starts a command, or an interactive shell on a terminal, and gives the running process."""
        sent = None if command is None else command_bytes(command)
        on = Terminal() if command is None and terminal is None else terminal
        return Process(self._raw.start(sent, terminal_parts(on)).wait())

    def upload(self, local: Path, remote: str, *, progress: Progress | None = None) -> int:
        """Copies a local file to the target; gives the number of bytes. `progress` is called on this thread; if it raises, the
        copy ends."""
        return self._raw.upload(os.fspath(local), remote).wait(progress=progress)

    def download(self, remote: str, local: Path, *, progress: Progress | None = None) -> int:
        """Copies a file of the target to a local path, which appears when it is complete; gives the number of bytes."""
        return self._raw.download(remote, os.fspath(local)).wait(progress=progress)


class Process:
    """A running command or shell. Unread output holds it back; none is lost.

    >>> import jump.sync
    >>> with jump.sync.connect() as rep, rep.shell("web-1") as shell:
    ...     with shell.start("cat") as process:
    ...         process.write("hello")
    ...         print(process.next())
    ...         process.finish()
    ...         print(list(process))
    Output(data=b'hello')
    [Exited(exit_status=0, signal=None)]
    """

    def __init__(self, raw: _jump.Process) -> None:
        self._raw = raw
        self._reader = Reader(raw.next)

    def next(self, timeout: float | None = None) -> ProcessEvent | None:
        """The next event; `None` after the end. After so many seconds without one it raises `JumpTimeout`, and nothing is
        lost."""
        return process_event(self._reader.next(timeout))

    def __iter__(self) -> Iterator[ProcessEvent]:
        while (event := self.next()) is not None:
            yield event

    def write(self, data: str | bytes) -> None:
        """Writes all of it; waits while the target does not take it."""
        self._raw.write(command_bytes(data)).wait()

    def finish(self) -> None:
        """Says that no more input follows."""
        self._raw.finish().wait()

    def resize(self, columns: int, rows: int) -> None:
        """Changes the size of the terminal."""
        self._raw.resize(columns, rows).wait()

    def signal(self, name: str) -> None:
        """Sends a signal by its name without `SIG`, such as `INT`."""
        self._raw.signal(name).wait()

    def close(self) -> None:
        """Closes its channel: what still runs is hung up."""
        self._reader.stop()
        self._raw.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
