"""A shell session: commands, terminals and files."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

from . import _jump
from ._rows import Granted
from ._session import Session
from ._values import (
    Completed,
    Path,
    ProcessEvent,
    Terminal,
    command_bytes,
    process_event,
    terminal_parts,
)
from ._wait import Opening, Progress, Reader, wait

LIMIT = 64 << 20
"""The most that `run` keeps of what a command says, in bytes."""


class Shell(Session):
    """A shell session. Several commands and copies can run in it at once."""

    def __init__(self, raw: _jump.Shell, granted: Granted, news: _jump.News) -> None:
        super().__init__(raw, granted, news)
        self._raw = raw

    async def run(
        self,
        command: str | bytes,
        *,
        input: str | bytes = b"",
        terminal: Terminal | None = None,
        limit: int = LIMIT,
    ) -> Completed:
        """Runs a command to its end.

        A command that says more than `limit` bytes is ended with `ResourceLimit`: `start` it and read piece by piece. If the
        task is cancelled, the command's channel is closed.

        >>> async def main():
        ...     async with jump.connect() as rep, rep.shell("web-1") as shell:
        ...         result = await shell.run("echo hello; exit 3")
        ...         print(result.text.strip(), result.exit_status, result.ok)
        >>> import asyncio, jump
        >>> asyncio.run(main())
        hello 3 False
        """
        call = self._raw.run(
            command_bytes(command), command_bytes(input), terminal_parts(terminal), limit
        )
        return Completed(*await wait(call))

    def start(
        self, command: str | bytes | None = None, *, terminal: Terminal | None = None
    ) -> Opening[Process]:
        """Starts a command, or an interactive shell on a terminal, and gives the running process."""
        sent = None if command is None else command_bytes(command)
        on = Terminal() if command is None and terminal is None else terminal

        async def opened() -> Process:
            return Process(await wait(self._raw.start(sent, terminal_parts(on))))

        return Opening(opened)

    async def upload(self, local: Path, remote: str, *, progress: Progress | None = None) -> int:
        """Copies a local file to the target; gives the number of bytes. If the task is cancelled, a part of the file is there."""
        return await wait(self._raw.upload(os.fspath(local), remote), progress)

    async def download(self, remote: str, local: Path, *, progress: Progress | None = None) -> int:
        """Copies a file of the target to a local path, which appears when it is complete; gives the number of bytes."""
        return await wait(self._raw.download(remote, os.fspath(local)), progress)


class Process:
    """A running command or shell. Unread output holds it back; none is lost."""

    def __init__(self, raw: _jump.Process) -> None:
        self._raw = raw
        self._reader = Reader(raw.next)

    async def next(self) -> ProcessEvent | None:
        """The next event; `None` after the end. Cancelling it loses nothing."""
        return process_event(await self._reader.next())

    async def __aiter__(self) -> AsyncIterator[ProcessEvent]:
        while (event := await self.next()) is not None:
            yield event

    async def write(self, data: str | bytes) -> None:
        """Writes all of it; waits while the target does not take it."""
        await wait(self._raw.write(command_bytes(data)))

    async def finish(self) -> None:
        """Says that no more input follows."""
        await wait(self._raw.finish())

    async def resize(self, columns: int, rows: int) -> None:
        """Changes the size of the terminal."""
        await wait(self._raw.resize(columns, rows))

    async def signal(self, name: str) -> None:
        """Sends a signal by its name without `SIG`, such as `INT`."""
        await wait(self._raw.signal(name))

    async def close(self) -> None:
        """Closes its channel: what still runs is hung up."""
        self._reader.stop()
        self._raw.close()
