"""The exceptions: a class for each kind of error, under one base, with Python's own mixed in where one means the same."""

from __future__ import annotations

from typing import Any


class JumpError(Exception):
    """What went wrong, where, and whether trying again can help.

    It never holds a secret. Text that came from another machine is escaped.

    >>> import jump
    >>> try:
    ...     jump.World.of_document("not a document")
    ... except jump.InvalidArgument as error:
    ...     print(error.kind, error.number, error.retryable)
    invalid_argument 1 False
    """

    kind: str = "internal"
    """The stable word for its kind, as in the error table."""
    number: int = 22
    """The frozen number of its kind, the same in Rust, C and Python."""

    def __init__(
        self, message: str, *, operation: str = "", context: str = "", retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.operation = operation
        """What was being done."""
        self.context = context
        """The details, as they came; show `str(error)` to people, which is escaped."""
        self.retryable = retryable
        """Whether the same call may work later without a change."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else self.kind

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self),), dict(vars(self))


class InvalidArgument(JumpError, ValueError):
    """The caller passed something that can never work; fix the call."""

    kind, number = "invalid_argument", 1


class ImportRefused(InvalidArgument):
    """What was to be imported is wrong, here and here; nothing was changed."""

    problems: list[dict[str, Any]]
    """What is wrong: each with its `reason`, and its place as far as it has one."""
    count: int
    """How many problems there are; of more than 1000 the first are listed."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message, **details)
        self.problems, self.count = [], 0

class NotFound(JumpError, LookupError):
    """There is no such object, or the caller may not know of it (the two are not told apart)."""

    kind, number = "not_found", 2


class Denied(JumpError, PermissionError):
    """The access decision was no; the reasons are in the message."""

    kind, number = "denied", 3


class AuthenticationFailed(JumpError, PermissionError):
    """The peer's identity was not accepted: unknown key, wrong or used token."""

    kind, number = "unauthenticated", 4


class Conflict(JumpError):
    """The object exists already, or was changed by somebody else in the meantime."""

    kind, number = "conflict", 5


class ResourceLimit(JumpError):
    """A limit on size, number or rate was reached."""

    kind, number = "resource_limit", 6


class JumpTimeout(JumpError, TimeoutError):
    """Something did not answer in time."""

    kind, number = "timeout", 7


class Unavailable(JumpError, ConnectionError):
    """The other part is not there now: Jumpoint offline, broker or relay not reachable."""

    kind, number = "unavailable", 8


class Closed(JumpError, ConnectionError):
    """The stream, session or connection is closed."""

    kind, number = "closed", 9


class SessionEnded(JumpError, ConnectionError):
    """The session was ended by a decision: revoked, ended by an administrator, expired."""

    kind, number = "session_ended", 10


class ProtocolError(JumpError):
    """The peer broke the protocol; the message says how."""

    kind, number = "protocol", 11


class TrustError(JumpError):
    """Somebody did not prove to be who they should be."""


class UntrustedPeer(TrustError):
    """The peer's key is not the one that was pinned."""

    kind, number = "untrusted_peer", 12


class TargetUnreachable(JumpError, ConnectionError):
    """The target could not be reached, or the Jumpoint's network policy forbids it."""

    kind, number = "target_unreachable", 13


class TargetAuthenticationFailed(JumpError, PermissionError):
    """The target refused the injected credential, or none is stored."""

    kind, number = "target_authentication", 14


class HostKeyError(TrustError):
    """The target's host key or certificate is unknown or has changed."""

    kind, number = "host_key", 15


class IntegrityError(JumpError):
    """Stored data does not verify: a recording or audit log was damaged or tampered with."""

    kind, number = "integrity", 16


class StorageError(JumpError, OSError):
    """Our own disk or database failed."""

    kind, number = "storage", 17


class NetworkError(JumpError, ConnectionError):
    """The network failed under us."""

    kind, number = "network", 18


class UnsupportedError(JumpError, NotImplementedError):
    """The feature, version or algorithm is not supported here."""

    kind, number = "unsupported", 19


class GrantError(JumpError):
    """A grant or relay ticket is expired, replayed, for somebody else, or badly signed."""

    kind, number = "grant", 20


class ClockSkew(JumpError):
    """The clocks of two parts differ by more than the protocol allows."""

    kind, number = "clock_skew", 21


class InternalError(JumpError, RuntimeError):
    """A bug in this library; please report it."""

    kind, number = "internal", 22


def _classes(base: type[JumpError]) -> list[type[JumpError]]:
    return [base, *(one for child in base.__subclasses__() for one in _classes(child))]


# The first class of a kind is the kind's own: what derives from it says more about the same kind.
BY_NUMBER: dict[int, type[JumpError]] = {}
for _one in _classes(JumpError)[1:]:
    if "number" in vars(_one):
        BY_NUMBER.setdefault(_one.number, _one)


def of_native(
    number: int, kind: str, operation: str, context: str, message: str, retryable: bool
) -> JumpError:
    """The exception for an error of the native half; one of a newer kind is a `JumpError` with that kind."""
    error = BY_NUMBER.get(number, JumpError)(
        message, operation=operation, context=context, retryable=retryable
    )
    error.kind, error.number = kind, number
    return error
