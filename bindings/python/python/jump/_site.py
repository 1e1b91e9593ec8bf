"""Broker and Jumpoint as values: a site, or a part of one, in this process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Literal

from . import _jump, _operations
from ._plugs import (
    Authenticator,
    Check,
    Log,
    Notify,
    Plugs,
    SecondFactor,
    Store,
    TicketQuestion,
    Vault,
    functions,
)
from ._values import Path
from ._wait import Opening, closed, drive, wait



def path(path: Path | None) -> str | None:
    return None if path is None else os.fspath(path)


class Broker:
    """One site's control plane, with its relay. A process may run many; they share nothing."""

    def __init__(self, raw: _jump.Broker) -> None:
        self._raw = raw

    @classmethod
    def start(
        cls,
        folder: Path | None = None,
        *,
        listen: str = "127.0.0.1:0",
        public_address: str | None = None,
        authenticator: Authenticator | None = None,
        vaults: Iterable[Vault] = (),
        second_factor: SecondFactor | None = None,
        tickets: Check[TicketQuestion] | None = None,
        notifiers: Iterable[Notify] = (),
        store: Store | None = None,
        audit: Log | None = None,
    ) -> Opening[Broker]:
        """Starts a broker: `async with jump.Broker.start("site") as broker`.

        The folder is laid out as that of `jump broker`; without one, everything is in memory and gone at the end. `listen` is an
        address and a port, 0 for any free one; `public_address` is where invitations send others, if that is elsewhere.

        `authenticator` says whose a login is that shows a proof (`log_in`), `vaults` have credentials, `second_factor` and `tickets` check
        what Jump Policies ask for, and `notifiers` are told what they want others to know. `store` keeps the site and `audit` its log in place
        of the folder, which has the keys nevertheless: without it a broker that starts again has another key, and no login of before.
        """
        plugged = Plugs(authenticator, vaults, second_factor, tickets, notifiers, store, audit)

        async def opened() -> Broker:
            plugs = functions(asyncio.get_running_loop(), plugged)
            return cls(await wait(_jump.Broker.start(listen, path(folder), public_address, plugs)))

        return Opening(opened)

    @property
    def address(self) -> str:
        """Where others reach it."""
        return self._raw.address

    @property
    def key(self) -> str:
        """The key that others pin."""
        return self._raw.key

    async def edit(self, edit: Mapping[str, Any]) -> Any:
        """Changes the site as the embedding program, which may everything: see `Rep.edit`."""
        return await drive(_operations.edit(self._raw, edit))

    async def request(self, request: Mapping[str, Any]) -> Any:
        """Asks anything but a Jump as the embedding program: see `Rep.request`."""
        return await drive(_operations.request(self._raw, request))

    async def add_user(self, name: str, *, administrator: bool = False) -> None:
        """Adds a user who may use every method; what it reaches follows from its roles and Jumpoints."""
        await self.edit(add_user(name, administrator))

    async def invite(
        self, user: str, *, scope: Literal["sessions", "everything"] = "everything"
    ) -> _jump.Secret:
        """An invitation for a login of a user; it works once, for a day."""
        return await drive(_operations.invite(self._raw, user, scope))

    async def add_jumpoint(self, name: str) -> _jump.Secret:
        """Adds a Jumpoint; gives the invitation with which it starts."""
        invitation: _jump.Secret = await self.edit({"edit": "add_jumpoint", "name": name})
        return invitation

    @property
    def live_sessions(self) -> list[str]:
        """The ids of the sessions that run now."""
        return self._raw.live_sessions()

    def end_session(self, session: str) -> None:
        """Ends a live session by its id: its stream is cut within a second."""
        self._raw.end_session(session)

    async def stopped(self) -> None:
        """Waits until it was stopped, or cannot serve any more, and raises why."""
        await wait(self._raw.stopped())

    async def close(self) -> None:
        """Ends every session, accounts for it, and closes every connection."""
        await wait(self._raw.stop())

    async def __aenter__(self) -> Broker:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await closed(self)

    def __repr__(self) -> str:
        return f"<Broker at {self.address}>"


def add_user(name: str, administrator: bool) -> dict[str, Any]:
    """The edit that adds a user who may use every method."""
    return {
        "edit": "add_user",
        "name": name,
        "administrator": administrator,
        "allowed_methods": _jump.jump_methods(),
        "default_role": None,
    }


class Jumpoint:
    """The agent in a remote network: it dials out to its broker, and runs the gates of its sessions."""

    def __init__(self, raw: _jump.Jumpoint) -> None:
        self._raw = raw

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        invitation: _jump.Secret | None = None,
        allow: Iterable[str] = (),
        only_listed: bool = False,
    ) -> Opening[Jumpoint]:
        """Starts the Jumpoint whose keys and recordings are in a folder, laid out as that of `jump jumpoint`.

        With an invitation it enrols first. `allow` names networks, such as `192.0.2.0/24`, that it may reach even if they are
        loopback or link-local; with `only_listed` it reaches no others.
        """
        networks = list(allow)

        async def opened() -> Jumpoint:
            call = _jump.Jumpoint.start(os.fspath(folder), invitation, networks, only_listed)
            return cls(await wait(call))

        return Opening(opened)

    @property
    def name(self) -> str:
        """Its name."""
        return self._raw.name

    @property
    def sessions(self) -> list[str]:
        """The ids of the sessions that it serves now."""
        return self._raw.sessions()

    async def stopped(self) -> None:
        """Waits until it was stopped, or cannot serve any more because trying again cannot help, and raises why."""
        await wait(self._raw.stopped())

    async def close(self) -> None:
        """Ends its sessions and disconnects."""
        await wait(self._raw.stop())

    async def __aenter__(self) -> Jumpoint:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await closed(self)

    def __repr__(self) -> str:
        return f"<Jumpoint {self.name!r}>"
