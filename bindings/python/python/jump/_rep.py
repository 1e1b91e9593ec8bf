"""A rep: whoever asks for Jumps."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, TypeVar, overload

from . import _jump, _operations
from ._local import LocalJumps, as_json
from ._login import find_login, machine_name
from ._operations import ReportKind
from ._plugs import Credential
from ._rows import (
    Access,
    ChangeRow,
    Explanation,
    Group,
    Imported,
    Item,
    ItemRow,
    JumpointInfo,
    Member,
    SessionInfo,
    SessionRow,
    User,
)
from ._screen import Screen
from ._session import Session
from ._shell import Shell
from ._tunnel import Tunnel
from ._wait import Opening, drive, wait

S = TypeVar("S", bound=Session)
Row = TypeVar("Row")

KINDS: dict[str, type[Shell] | type[Screen] | type[Tunnel]] = {
    "shell": Shell,
    "screen": Screen,
    "tunnel": Tunnel,
}


def connect(
    login: _jump.Login | str | os.PathLike[str] | None = None,
    *,
    profile: str = "default",
    local_jumps: LocalJumps | bool = False,
) -> Opening[Rep]:
    """Connects to a broker as a user: `async with jump.connect() as rep`.

    Without a login, it is the one that `jump login` keeps for the profile. A path names a file with one. With `local_jumps` this process
    opens the items itself that have no Jumpoint, in its own network; otherwise they are refused.

    >>> async def main():
    ...     async with jump.connect() as rep:
    ...         print(rep.user, [item.name for item in await rep.items(search="web-1")])
    >>> import asyncio, jump
    >>> asyncio.run(main())
    ada ['web-1']
    """

    async def opened() -> Rep:
        call = _jump.Rep.connect(find_login(login, profile), as_json(local_jumps))
        return Rep(await wait(call), local_jumps is not False)

    return Opening(opened)


async def enrol(invitation: _jump.Secret, *, label: str | None = None) -> _jump.Login:
    """Turns an invitation, which works once, into a login whose key is made here. `write` it to a file to keep it.

    `label` says what the login is, for people; it is this machine's name unless it is given.
    """
    return await wait(_jump.enrol(invitation, machine_name() if label is None else label))


async def log_in(
    proof: _jump.Secret, *, address: str, key: str, label: str | None = None
) -> _jump.Login:
    """Shows a broker a proof that its program understands, such as a signed token, and gives the login that it makes of it.

    `address` and `key` are the broker's (`Broker.address`, `Broker.key`); `label` as in `enrol`.
    """
    return await wait(_jump.log_in(address, key, proof, machine_name() if label is None else label))


class Rep:
    """A connection to a broker as a user. Everything that the user may do can be asked for at once, from many tasks."""

    def __init__(self, raw: _jump.Rep, serves: bool) -> None:
        self._raw = raw
        self._serves = serves

    @property
    def user(self) -> str:
        """The user's name."""
        return self._raw.user

    async def items(
        self,
        *,
        name: str | None = None,
        hostname: str | None = None,
        group: str | None = None,
        personal: bool | None = None,
        jumpoint: str | None = None,
        tag: str | None = None,
        search: str | None = None,
        method: str | None = None,
        online: bool | None = None,
    ) -> list[Item]:
        """The Jump Items one may see, all of them or those that fit; case does not matter.

        `search` is words, each of which is a part of the name, host, tag or comments. `method` is a type such as `shell_jump`.
        """
        return await drive(
            _operations.items(
                self._raw,
                name=name,
                hostname=hostname,
                group=group,
                personal=personal,
                jumpoint=jumpoint,
                tag=tag,
                search=search,
                method=method,
                online=online,
            )
        )

    async def item(self, item: str) -> Item:
        """One item, by id, name or `group/name`."""
        return await drive(_operations.item(self._raw, item))

    def jump(
        self,
        item: str,
        *,
        credential: str | None = None,
        reason: str | None = None,
        ticket: str | None = None,
        code: str | None = None,
        override_schedule: bool = False,
        target: Credential | None = None,
    ) -> Opening[Shell | Screen | Tunnel]:
        """Starts a session on an item; what it is follows from the item's type. `shell`, `screen` and `tunnel` say it before.

        `credential` names the one to inject, if several match. What the item's Jump Policy asks for is `reason`, `ticket`, and
        `code` of the second factor; `override_schedule` jumps although an advisory schedule is closed. `target` logs in to the target of
        an item that this process opens itself (see `connect`): nothing is injected there.
        """
        options = (credential, reason, ticket, code, override_schedule)
        opening: Opening[Shell | Screen | Tunnel] = self._opening(None, item, options, target)
        return opening

    def shell(
        self,
        item: str,
        *,
        credential: str | None = None,
        reason: str | None = None,
        ticket: str | None = None,
        code: str | None = None,
        override_schedule: bool = False,
    ) -> Opening[Shell]:
        """Starts a session on an item with a shell; `UnsupportedError` if it has none."""
        options = (credential, reason, ticket, code, override_schedule)
        opening: Opening[Shell] = self._opening("shell", item, options)
        return opening

    def screen(
        self,
        item: str,
        *,
        credential: str | None = None,
        reason: str | None = None,
        ticket: str | None = None,
        code: str | None = None,
        override_schedule: bool = False,
        target: Credential | None = None,
    ) -> Opening[Screen]:
        """Starts a session on an item with a screen; `UnsupportedError` if it has none."""
        options = (credential, reason, ticket, code, override_schedule)
        opening: Opening[Screen] = self._opening("screen", item, options, target)
        return opening

    def tunnel(
        self,
        item: str,
        *,
        credential: str | None = None,
        reason: str | None = None,
        ticket: str | None = None,
        code: str | None = None,
        override_schedule: bool = False,
    ) -> Opening[Tunnel]:
        """Starts a session on a tunnel; `UnsupportedError` if the item is none."""
        options = (credential, reason, ticket, code, override_schedule)
        opening: Opening[Tunnel] = self._opening("tunnel", item, options)
        return opening

    def _opening(
        self, kind: str | None, item: str, options: tuple[Any, ...], target: Credential | None = None
    ) -> Opening[Any]:
        async def opened() -> Session:
            names = ("credential", "reason", "ticket", "code", "override_schedule")
            wanted = dict(zip(names, options, strict=True))
            operation = _operations.open_session(self._raw, item, kind=kind, target=target, **wanted)
            found, raw, granted, news = await drive(operation)
            return KINDS[found](raw, granted, news)

        return Opening(opened)

    async def sessions(self, *, active: bool = False, limit: int = 1000) -> list[SessionInfo]:
        """The latest sessions, at most 1000: all for an administrator, one's own for others."""
        return await drive(_operations.sessions(self._raw, active=active, limit=limit))

    async def end_session(self, session: str) -> None:
        """Ends a running session by its id: an administrator any, others their own."""
        await drive(_operations.end_session(self._raw, session))

    async def why(
        self, item: str, *, user: str | None = None, at: datetime | None = None
    ) -> Explanation:
        """Why oneself, or another user for an administrator, may or may not start a session on an item."""
        return await drive(_operations.why(self._raw, item, user, at))

    async def who(
        self, item: str, *, at: datetime | None = None, denied: bool = False
    ) -> list[Access]:
        """Who may start a session on an item; with `denied` also who may not (administrators)."""
        return await drive(_operations.who(self._raw, item, at, denied))

    async def what(
        self, user: str | None = None, *, at: datetime | None = None, denied: bool = False
    ) -> list[Access]:
        """On which items oneself, or another user for an administrator, may start a session."""
        return await drive(_operations.what(self._raw, user, at, denied))

    async def world(self) -> _jump.World:
        """The whole site for decisions without the broker: see `jump.decide` (administrators)."""
        return await wait(self._raw.world())

    async def users(self, search: str | None = None) -> list[User]:
        """The users, all or those whose name holds these words (administrators)."""
        return await drive(_operations.users(self._raw, search))

    async def groups(self, search: str | None = None) -> list[Group]:
        """The Jump Groups, all or those whose name or comments hold these words (administrators)."""
        return await drive(_operations.groups(self._raw, search))

    async def members(self, group: str) -> list[Member]:
        """The direct members of a group (administrators)."""
        return await drive(_operations.members(self._raw, group))

    async def jumpoints(self) -> list[JumpointInfo]:
        """The Jumpoints (administrators)."""
        return await drive(_operations.jumpoints(self._raw))

    async def invite(
        self, user: str, *, scope: Literal["sessions", "everything"] = "everything"
    ) -> _jump.Secret:
        """An invitation for a new login of a user; it works once, for a day."""
        return await drive(_operations.invite(self._raw, user, scope))

    async def set_credential(self, item: str, username: str, password: _jump.Secret | None) -> None:
        """Seals a password to the item's Jumpoint, for the item's target only, and stores it; `None` removes what is stored."""
        await wait(self._raw.set_credential(item, username, password))

    async def edit(self, edit: Mapping[str, Any]) -> Any:
        """Changes the site by a message of the control protocol: `{"edit": "add_group", "name": "web", "comments": ""}`.

        An answer that is an invitation is a `Secret`.
        """
        return await drive(_operations.edit(self._raw, edit))

    async def request(self, request: Mapping[str, Any]) -> Any:
        """Asks the broker anything that its control protocol knows: `{"ask": "sessions", "active_only": true, "limit": 5}`."""
        return await drive(_operations.request(self._raw, request))

    async def export_site(self, format: Literal["toml", "json"] = "toml") -> str:
        """The site as a document by names, without logins, keys and credentials (administrators)."""
        return await wait(self._raw.export_site(format))

    async def import_site(
        self, document: str, *, prune: bool = False, dry_run: bool = False
    ) -> Imported:
        """Makes the site equal to a document, all or nothing; with `prune`, what is missing from its sections is removed."""
        call = self._raw.import_site(document.encode(), prune, dry_run)
        return await drive(_operations.imported(call))

    async def export_items(self, type: str, *, group: str | None = None) -> str:
        """The items of a type, such as `shell_jump`, as CSV (administrators)."""
        return await wait(self._raw.export_items(type, group))

    async def import_items(
        self,
        type: str,
        csv: str,
        *,
        on_conflict: Literal["fail", "update", "skip"] = "fail",
        dry_run: bool = False,
    ) -> Imported:
        """Adds the items of a type from CSV, all or nothing; `on_conflict` says what happens with one that exists."""
        call = self._raw.import_items(type, csv.encode(), on_conflict, dry_run)
        return await drive(_operations.imported(call))

    @overload
    def report(
        self,
        kind: Literal["sessions"],
        *,
        start: datetime | None = ...,
        end: datetime | None = ...,
        user: str | None = ...,
        item: str | None = ...,
        group: str | None = ...,
        session: str | None = ...,
    ) -> AsyncIterator[SessionRow]: ...
    @overload
    def report(
        self,
        kind: Literal["items"],
        *,
        start: datetime | None = ...,
        end: datetime | None = ...,
        user: str | None = ...,
        item: str | None = ...,
        group: str | None = ...,
        session: str | None = ...,
    ) -> AsyncIterator[ItemRow]: ...
    @overload
    def report(
        self,
        kind: Literal["changes"],
        *,
        start: datetime | None = ...,
        end: datetime | None = ...,
        user: str | None = ...,
        item: str | None = ...,
        group: str | None = ...,
        session: str | None = ...,
    ) -> AsyncIterator[ChangeRow]: ...
    def report(
        self,
        kind: ReportKind,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        user: str | None = None,
        item: str | None = None,
        group: str | None = None,
        session: str | None = None,
    ) -> AsyncIterator[Any]:
        """The rows of a report, from `start` to before `end`, about a user, an item, a group or a session.

        `sessions` has a row for each session, `items` what happened to Jump Items, `changes` who changed what. A list of them
        makes a `pandas.DataFrame`.
        """
        chosen = _operations.report_filter(start, end, user, item, group, session)
        raw = self._raw.report(kind, chosen)
        return self._rows(raw, _operations.REPORT_ROWS[kind])

    async def _rows(self, raw: _jump.Report, kind: type[Row]) -> AsyncIterator[Row]:
        while (rows := await drive(_operations.report_rows(raw, kind))) is not None:
            for row in rows:
                yield row

    async def disconnected(self) -> None:
        """Waits until the connection to the broker is lost, and raises why."""
        await wait(self._raw.disconnected())

    async def close(self) -> None:
        """Lets go of the connection. Sessions that are open keep it up until they are closed."""
        if self._serves:
            await drive(_operations.settled(self._raw))
        self._raw.close()

    async def __aenter__(self) -> Rep:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<Rep of {self.user!r}>"
