"""A tunnel session: local ports and byte streams."""

from __future__ import annotations

from types import TracebackType

from .. import _jump
from .._rows import Granted
from .._tunnel import PIECE, Target, forwards
from .._values import Forward
from ._session import Session
from ._wait import Reader


class Tunnel(Session):
    """A tunnel session: TCP to the addresses that were granted (`granted.addresses`)."""

    def __init__(self, raw: _jump.Tunnel, granted: Granted, news: _jump.News) -> None:
        super().__init__(raw, granted, news)
        self._raw = raw

    def listen(
        self, *targets: Target, host: str = "127.0.0.1", ports: tuple[int, ...] = ()
    ) -> Listener:
        """Listens on a loopback address and leads every program that connects there to a target.

        Without targets, there is a port for each granted address. A port that is not given is any free one.

        >>> import jump.sync, socket
        >>> with jump.sync.connect() as rep, rep.tunnel("db") as tunnel:
        ...     with tunnel.listen() as listener:
        ...         with socket.create_connection((listener.host, listener.port)) as program:
        ...             program.sendall(b"hello")
        ...             print(program.recv(5))
        b'HELLO'
        """
        return Listener(self._raw.listen(host, forwards(self.granted, targets, ports)).wait())

    def open(self, host: str, port: int) -> Stream:
        """Opens a stream to one of the granted addresses.

        >>> import jump.sync
        >>> with jump.sync.connect() as rep, rep.tunnel("db") as tunnel:
        ...     with tunnel.open(*tunnel.granted.addresses[0]) as stream:
        ...         stream.write(b"hello")
        ...         print(stream.read())
        b'HELLO'
        """
        return Stream(self._raw.open(host, port).wait())

    def wait_closed(self) -> None:
        """Waits until the session has ended; raises why, unless this side closed it."""
        self._raw.closed().wait()


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

    def close(self) -> None:
        """Stops listening and cuts every connection."""
        self._raw.close()

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Stream:
    """A byte stream to a target."""

    def __init__(self, raw: _jump.Stream) -> None:
        self._raw = raw
        self._reader = Reader(lambda: raw.read(PIECE))

    def read(self, timeout: float | None = None) -> bytes:
        """The next bytes; none at the end. After so many seconds without any it raises `JumpTimeout`, and nothing is lost."""
        return self._reader.next(timeout)

    def write(self, data: bytes) -> None:
        """Writes all of it; waits while the target does not take it."""
        self._raw.write(data).wait()

    def finish(self) -> None:
        """Says that no more follows in our direction."""
        self._raw.finish().wait()

    def close(self) -> None:
        """Closes it; what the target has not taken yet may be lost."""
        self._reader.stop()
        self._raw.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
