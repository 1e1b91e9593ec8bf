"""What a program plugs into its own broker: logins, credentials, codes, tickets, notifications."""

from __future__ import annotations

import asyncio
import json
import pathlib
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pytest

import jump
from conftest import Servers
from test_site import item

TOKEN = "token-of-dave-81c2"


class Directory:
    """Knows one token, and adds whose it is."""

    def __init__(self) -> None:
        self.broker: jump.Broker | None = None
        self.asked: list[jump.LoginQuestion] = []

    async def authenticate(self, question: jump.LoginQuestion) -> jump.Recognized | None:
        self.asked.append(question)
        if question.proof.reveal() == "down":
            raise jump.Unavailable("the directory is down")
        if question.proof.reveal() != TOKEN:
            return None
        assert self.broker is not None
        await self.broker.add_user("dave")
        return jump.Recognized("dave", timedelta(minutes=10), sources=("127.0.0.0/8",))


async def test_whoever_the_program_knows_logs_in_without_an_invitation() -> None:
    directory = Directory()
    async with jump.Broker.start(authenticator=directory) as broker:
        directory.broker = broker
        where = {"address": broker.address, "key": broker.key}
        for wrong in ("token-of-eve", "down"):
            with pytest.raises(jump.AuthenticationFailed, match="not accepted") as refused:
                await jump.log_in(jump.Secret(wrong), **where)
            assert "directory" not in str(refused.value)
        login = await jump.log_in(jump.Secret(TOKEN), label="tablet", **where)
        assert login.user == "dave"
        question = directory.asked[-1]
        assert (question.label, question.source) == ("tablet", "127.0.0.1")
        assert TOKEN not in repr(question)
        async with jump.connect(login) as rep:
            assert rep.user == "dave"
            with pytest.raises(jump.Denied):
                await rep.users()
        # Invitations go on beside it.
        invited = await jump.enrol(await broker.invite("dave"))
        assert invited.user == "dave"


async def test_without_an_authenticator_no_proof_is_taken() -> None:
    async with jump.Broker.start() as broker:
        with pytest.raises(jump.AuthenticationFailed, match="invitation"):
            await jump.log_in(jump.Secret(TOKEN), address=broker.address, key=broker.key)


class Safe:
    """Has one credential."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.threads: set[int] = set()

    def candidates(self, question: jump.CredentialQuestion) -> Iterable[jump.Candidate]:
        assert (question.user, question.protocol, question.host) == ("carol", "ssh", "127.0.0.1")
        self.threads.add(threading.get_ident())
        return [jump.Candidate("7", "the one at home", "direct")]

    def reveal(self, question: jump.CredentialQuestion, id: str) -> jump.Credential:
        assert id == "7" and question.item == "web"
        ssh = self.servers.ssh
        return jump.Credential(ssh["user"], password=jump.Secret(ssh["password"]))


async def test_credentials_codes_tickets_and_notifications_are_the_programs(
    servers: Servers, tmp_path: pathlib.Path
) -> None:
    told: list[Mapping[str, Any]] = []
    heard = asyncio.Event()
    failing = [jump.Unavailable("not now")]

    async def notify(notification: Mapping[str, Any]) -> None:
        if failing:
            raise failing.pop()
        told.append(notification)
        if len(told) == 2:
            heard.set()

    def code(user: int, given: jump.Secret) -> bool:
        return user > 0 and given.reveal() == "123456"

    async def ticket(question: jump.TicketQuestion) -> bool:
        return (question.ticket, question.user, question.item) == ("T-1", "carol", "web")

    safe = Safe(servers)
    started = jump.Broker.start(
        vaults=[safe], second_factor=code, tickets=ticket, notifiers=[notify]
    )
    async with started as broker:
        await broker.add_user("carol", administrator=True)
        await broker.edit({"edit": "add_group", "name": "lan", "comments": ""})
        member = {"group": "lan", "user": "carol", "role": "Administrator"}
        await broker.edit({"edit": "add_member", **member})
        invitation = await broker.add_jumpoint("berlin")
        await broker.edit({"edit": "grant_jumpoint", "jumpoint": "berlin", "user": "carol"})
        patch = {
            "ticket_id_required": True,
            "two_factor_challenge_required": True,
            "notification": {"session_start": True, "session_end": True},
        }
        policy = {"object": "jump_policy", "verb": "add", "name": "strict", "patch": patch}
        await broker.edit({"edit": "model", **policy})
        await broker.edit(item(servers) | {"jump_policy": "strict", "recording": "off"})
        login = await jump.enrol(await broker.invite("carol"))
        agent = jump.Jumpoint.start(tmp_path, invitation=invitation, allow=["127.0.0.0/8"])
        async with agent, jump.connect(login) as rep:
            while not [one for one in await rep.jumpoints() if one.online]:
                await asyncio.sleep(0)
            with pytest.raises(jump.Denied):
                await rep.shell("web", ticket="T-2", code="123456")
            with pytest.raises(jump.Denied):
                await rep.shell("web", ticket="T-1", code="654321")
            async with rep.shell("web", ticket="T-1", code="123456") as shell:
                assert (await shell.run("id -un")).text == servers.ssh["user"] + "\n"
            await heard.wait()
    # The first was told again, so they may come in either order.
    assert {one["event"] for one in told} == {"session_started", "session_ended"}
    assert told[0]["policy"] == "strict" and told[0]["detail"]["item"] == "web"
    assert safe.threads and threading.get_ident() not in safe.threads


def test_the_blocking_half_asks_functions_and_no_coroutines() -> None:
    class Plain:
        def authenticate(self, question: jump.LoginQuestion) -> jump.Recognized | None:
            known = question.proof.reveal() == TOKEN
            return jump.Recognized("carol") if known else None

    with jump.sync.Broker.start(authenticator=Plain()) as broker:
        broker.add_user("carol")
        where = {"address": broker.address, "key": broker.key}
        assert jump.sync.log_in(jump.Secret(TOKEN), **where).user == "carol"
        with pytest.raises(jump.AuthenticationFailed):
            jump.sync.log_in(jump.Secret("another"), **where)
    with jump.sync.Broker.start(authenticator=Directory()) as broker:
        where = {"address": broker.address, "key": broker.key}
        with pytest.raises(jump.AuthenticationFailed):
            jump.sync.log_in(jump.Secret(TOKEN), **where)


@pytest.mark.parametrize("answer", [7, "dave", jump.Recognized("nobody"), object()])
def test_an_answer_that_is_none_is_a_no(answer: Any) -> None:
    class Odd:
        def authenticate(self, question: jump.LoginQuestion) -> Any:
            return answer

    with jump.sync.Broker.start(authenticator=Odd()) as broker:
        with pytest.raises(jump.AuthenticationFailed):
            jump.sync.log_in(jump.Secret(TOKEN), address=broker.address, key=broker.key)


class Table:
    """A store and a log in SQLite, written from the library's threads."""

    def __init__(self, path: pathlib.Path) -> None:
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.database.execute("CREATE TABLE IF NOT EXISTS record (number INTEGER PRIMARY KEY, text TEXT)")
        self.database.execute("CREATE TABLE IF NOT EXISTS event (number INTEGER PRIMARY KEY, text TEXT)")
        self.fails = False

    def load(self) -> Iterable[str]:
        return [text for (text,) in self.database.execute("SELECT text FROM record ORDER BY number")]

    def append(self, record: str) -> None:
        if self.fails:
            raise jump.StorageError("the disk is full")
        self.database.execute("INSERT INTO record (text) VALUES (?)", (record,))

    async def log(self, told: Mapping[str, Any]) -> None:
        self.database.execute("INSERT INTO event (text) VALUES (?)", (json.dumps(told),))

    def events(self) -> list[Mapping[str, Any]]:
        return [json.loads(text) for (text,) in self.database.execute("SELECT text FROM event ORDER BY number")]


async def test_a_site_in_the_programs_own_store_is_there_again_after_a_restart(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "site"
    table = Table(tmp_path / "site.sqlite")
    async with jump.Broker.start(folder, store=table, audit=table.log) as broker:
        await broker.add_user("carol", administrator=True)
        await broker.edit({"edit": "add_group", "name": "lan", "comments": ""})
        login = await jump.enrol(await broker.invite("carol"))
        key, address = broker.key, broker.address
        # What cannot be kept does not happen.
        table.fails = True
        with pytest.raises(jump.StorageError, match="the store"):
            await broker.add_user("dave")
        table.fails = False
        async with jump.connect(login) as rep:
            assert [user.name for user in await rep.users()] == ["carol"]
    table.database.close()
    assert not (folder / "site.db").exists() and not (folder / "audit.log").exists()

    table = Table(tmp_path / "site.sqlite")
    async with jump.Broker.start(folder, listen=address, store=table, audit=table.log) as broker:
        assert broker.key == key
        async with jump.connect(login) as rep:
            assert [group.name for group in await rep.groups()] == ["lan"]
    said = [event["event"]["event"] for event in table.events()]
    assert said.count("broker_started") == 2, said
    table.database.close()


async def test_a_store_whose_records_are_damaged_is_not_opened() -> None:
    class Damaged:
        def load(self) -> Iterable[str]:
            return ['{"record": "next_id", "kind": "user"}', "{"]

        def append(self, record: str) -> None:
            raise AssertionError("nothing is written to what could not be read")

    with pytest.raises(jump.IntegrityError, match="record 2"):
        await jump.Broker.start(store=Damaged())


def test_the_blocking_half_takes_a_store_too() -> None:
    class Lines:
        def __init__(self) -> None:
            self.lines: list[str] = []

        def load(self) -> Iterable[str]:
            return self.lines

        def append(self, record: str) -> None:
            self.lines.append(record)

    lines = Lines()
    with jump.sync.Broker.start(store=lines) as broker:
        broker.add_user("carol")
    with jump.sync.Broker.start(store=lines) as broker:
        with pytest.raises(jump.Conflict):
            broker.add_user("carol")
