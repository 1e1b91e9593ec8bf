"""A tunnel session: local ports and byte streams."""

from __future__ import annotations

from . import _jump
from ._rows import Granted
from ._session import Session
from ._values import Forward
from ._wait import Opening, Reader, wait

PIECE = 256 << 10
"""The most bytes that one read gives unless more are asked for."""

Target = tuple[str, int]
"""A host and a port in the target's network."""


class Tunnel(Session):
    """A tunnel session: TCP to the addresses that were granted (`granted.addresses`)."""

    def __init__(self, raw: _jump.Tunnel, granted: Granted, news: _jump.News) -> None:
        super().__init__(raw, granted, news)
        self._raw = raw

    def listen(
        self, *targets: Target, host: str = "127.0.0.1", ports: tuple[int, ...] = ()
    ) -> Opening[Listener]:
        """Listens on a loopback address and leads every program that connects there to a target.

        Without targets, there is a port for each granted address. A port that is not given is any free one.
        """
        wanted = forwards(self.granted, targets, ports)

        async def opened() -> Listener:
            return Listener(await wait(self._raw.listen(host, wanted)))

        return Opening(opened)

    def open(self, host: str, port: int) -> Opening[Stream]:
        """Opens a stream to one of the granted addresses."""

        async def opened() -> Stream:
            return Stream(await wait(self._raw.open(host, port)))

        return Opening(opened)

    async def wait_closed(self) -> None:
        """Waits until the session has ended; raises why, unless this side closed it."""
        await wait(self._raw.closed())


def forwards(
    granted: Granted, targets: tuple[Target, ...], ports: tuple[int, ...]
) -> list[tuple[int, str, int]]:
    """A local port, 0 for any, for each target."""
    wanted = targets or granted.addresses
    chosen = [*ports, *[0] * (len(wanted) - len(ports))]
    return [(local, host, port) for local, (host, port) in zip(chosen, wanted, strict=True)]


class Listener:
    """Local ports that lead into a tunnel. Closing it cuts every connection."""

    def __init__(self, raw: _jump.Listener) -> None:
        self._raw = raw
        self.forwards = tuple(Forward(*one) for one in raw.forwards())
        """Each local port and where it leads, in the order given."""

    @property
    def host(self) -> str:
        """The local address of the first."""
        return self.forwards[0].host

    @property
    def port(self) -> int:
        """The local port of the first."""
        return self.forwards[0].port

    async def close(self) -> None:
        """Stops listening and cuts every connection."""
        self._raw.close()


class Stream:
    """A byte stream to a target."""

    def __init__(self, raw: _jump.Stream) -> None:
        self._raw = raw
        self._reader = Reader(lambda: raw.read(PIECE))

    async def read(self) -> bytes:
        """The next bytes; none at the end. Cancelling it loses nothing."""
        return await self._reader.next()

    async def write(self, data: bytes) -> None:
        """Writes all of it; waits while the target does not take it."""
        await wait(self._raw.write(data))

    async def finish(self) -> None:
        """Says that no more follows in our direction."""
        await wait(self._raw.finish())

    async def close(self) -> None:
        """Closes it; what the target has not taken yet may be lost."""
        self._reader.stop()
        self._raw.close()
