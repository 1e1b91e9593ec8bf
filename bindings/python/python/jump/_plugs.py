"""What a program plugs into its own broker: it says whose a login is, keeps credentials, the site and its log, checks codes and tickets, carries
notifications.

Each is asked on a thread of the library that may wait, several at once but for `Store` and `Log`. In asyncio's half a method may also be `async`: it runs on the loop on
which the broker was started. What raises counts as a no.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, Protocol, TypeVar

from ._jump import Secret

T = TypeVar("T")

# Longer than the library waits for anything that it asks.
PATIENCE = 30


@dataclass(frozen=True, slots=True)
class LoginQuestion:
    """Somebody who is not known yet wants to log in."""

    proof: Secret
    """What was sent as a proof: whatever the program's own system understands, such as a signed token."""
    key: str
    """The key that the login will prove. A proof that names it is worth nothing to a thief."""
    source: str | None
    """The address that it comes from, if that is known."""
    label: str
    """What the login says it is, such as the name of a device."""


@dataclass(frozen=True, slots=True)
class Recognized:
    """Whose proof it was, and what the login may."""

    user: str
    """The user's name; the user has to be there, and the authenticator may add it first."""
    lifetime: timedelta = timedelta(hours=12)
    """How long the login works: a proof can be shown again, so no login by one lasts for ever."""
    scope: Literal["sessions", "everything"] = "sessions"
    sources: tuple[str, ...] = ()
    """Networks from which the login may be used; any, if there are none."""


class Authenticator(Protocol):
    """Says whose proof something is. An exception, or no answer within 8 seconds, is a no; it is asked about 32 strangers at once at
    most, and counts wrong proofs itself."""

    def authenticate(
        self, question: LoginQuestion, /
    ) -> Recognized | None | Awaitable[Recognized | None]:
        """Whose proof it is; `None` if it is nobody's."""


@dataclass(frozen=True, slots=True)
class CredentialQuestion:
    """Somebody starts a session that needs a credential."""

    user: str
    item: str
    tag: str
    protocol: str
    """The protocol that is spoken to the target: `ssh`."""
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A credential that may be used, without its secret."""

    id: str
    name: str
    specificity: Literal["any", "criteria", "direct"] = "any"
    """How closely it is meant for the item."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What the Jumpoint logs in with: a password, or a private key."""

    username: str
    password: Secret | None = None
    private_key: Secret | None = None
    passphrase: Secret | None = None
    certificate: str | None = field(default=None, repr=False)


class Vault(Protocol):
    """Keeps credentials. What it reveals is sealed to the Jumpoint and to nobody else."""

    def candidates(
        self, question: CredentialQuestion, /
    ) -> Iterable[Candidate] | Awaitable[Iterable[Candidate]]:
        """Which credentials may be used; none is an answer, too."""

    def reveal(self, question: CredentialQuestion, id: str, /) -> Credential | Awaitable[Credential]:
        """The credential with this id."""


@dataclass(frozen=True, slots=True)
class TicketQuestion:
    """Somebody gives a ticket as a reason for a session."""

    ticket: str
    user: str
    item: str


Check = Callable[[T], "bool | Awaitable[bool]"]
"""Says yes or no."""

SecondFactor = Callable[[int, Secret], "bool | Awaitable[bool]"]
"""Says whether a code is the one of the user with this id, now, and was not used before."""

Notify = Callable[[Mapping[str, Any]], object]
"""Carries a notification: `id`, `time`, `site`, `policy`, `event`, `detail`. What raises `Unavailable`, `JumpTimeout` or `NetworkError` is
called again with the same, later and later."""


class Store(Protocol):
    """Keeps a site, as records that are only appended. One broker uses it at a time. They hold no secret.

    >>> class Lines:
    ...     def __init__(self):
    ...         self.lines = []
    ...
    ...     def load(self):
    ...         return self.lines
    ...
    ...     def append(self, record):
    ...         self.lines.append(record)
    >>> import jump.sync
    >>> with jump.sync.Broker.start(store=Lines()) as broker:
    ...     broker.add_user("carol")
    """

    def load(self) -> Iterable[str] | Awaitable[Iterable[str]]:
        """Every record so far, in the order in which they were appended. Asked once, when the broker starts."""

    def append(self, record: str, /) -> object:
        """Keeps a record, which is a line of text. It has to be safe on return; what raises keeps the site as it was. Never called twice
        at once."""


Log = Callable[[Mapping[str, Any]], object]
"""Keeps an event of the audit log: `sequence`, from 1 with each start of the broker, and `event`. It has to be safe on return: nothing happens
before, and nothing happens if it raises."""


@dataclass(frozen=True, slots=True)
class Plugs:
    """What is plugged into one broker."""

    authenticator: Authenticator | None
    vaults: Iterable[Vault]
    second_factor: SecondFactor | None
    tickets: Check[TicketQuestion] | None
    notifiers: Iterable[Notify]
    store: Store | None
    audit: Log | None


def functions(loop: asyncio.AbstractEventLoop | None, plugs: Plugs) -> dict[str, list[Callable[..., Any]]]:
    """What the native half asks, by name."""

    def settled(answer: Any) -> Any:
        if not inspect.isawaitable(answer):
            return answer
        if loop is None:
            if inspect.iscoroutine(answer):
                answer.close()
            raise TypeError("a blocking broker asks functions that are not async")

        async def awaited() -> Any:
            return await answer

        return asyncio.run_coroutine_threadsafe(awaited(), loop).result(PATIENCE)

    given: dict[str, list[Callable[..., Any]]] = {}
    if plugs.authenticator is not None:
        given["authenticate"] = [_authenticate(settled, plugs.authenticator)]
    for vault in plugs.vaults:
        candidates, reveal = _vault(settled, vault)
        given.setdefault("candidates", []).append(candidates)
        given.setdefault("reveal", []).append(reveal)
    if (second_factor := plugs.second_factor) is not None:

        def verify(code: Secret, question: str) -> bool:
            return settled(second_factor(json.loads(question)["user_id"], code)) is True

        given["verify"] = [verify]
    if (tickets := plugs.tickets) is not None:

        def check(question: str) -> bool:
            return settled(tickets(TicketQuestion(**json.loads(question)))) is True

        given["check"] = [check]
    for notifier in plugs.notifiers:
        given.setdefault("notify", []).append(_telling(settled, notifier))
    if (store := plugs.store) is not None:

        def load(_: str) -> str:
            return "\n".join(settled(store.load()))

        def append(record: str) -> None:
            settled(store.append(record))

        given["load"], given["append"] = [load], [append]
    if plugs.audit is not None:
        given["log"] = [_telling(settled, plugs.audit)]
    return given


def _telling(settled: Callable[[Any], Any], told: Callable[[Any], object]) -> Callable[[str], None]:
    def tell(what: str) -> None:
        settled(told(json.loads(what)))

    return tell


def _authenticate(settled: Callable[[Any], Any], plug: Authenticator) -> Callable[[Secret, str], str]:
    def authenticate(proof: Secret, question: str) -> str:
        found: Recognized | None = settled(plug.authenticate(LoginQuestion(proof, **json.loads(question))))
        if found is None:
            return "null"
        answer = {
            "user": found.user,
            "lifetime_seconds": int(found.lifetime.total_seconds()),
            "scope": found.scope,
            "sources": list(found.sources),
        }
        return json.dumps(answer)

    return authenticate


def _vault(
    settled: Callable[[Any], Any], plug: Vault
) -> tuple[Callable[[str], str], Callable[[str], tuple[Any, ...]]]:
    def candidates(question: str) -> str:
        found: Iterable[Candidate] = settled(plug.candidates(CredentialQuestion(**json.loads(question))))
        rows = [{"id": one.id, "name": one.name, "specificity": one.specificity} for one in found]
        return json.dumps(rows)

    def reveal(question: str) -> tuple[Any, ...]:
        asked = json.loads(question)
        id = asked.pop("id")
        found: Credential = settled(plug.reveal(CredentialQuestion(**asked), id))
        parts = (found.username, found.password, found.private_key, found.passphrase, found.certificate)
        return parts

    return candidates, reveal
