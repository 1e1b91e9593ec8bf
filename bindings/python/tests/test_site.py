"""Broker and Jumpoint as values: a whole site in this process."""

from __future__ import annotations

import asyncio
import pathlib

import pytest

import jump
from conftest import Servers


def item(servers: Servers) -> dict[str, object]:
    return {
        "edit": "add_item",
        "name": "web",
        "group": "lan",
        "jumpoint": "berlin",
        "hostname": "127.0.0.1",
        "details": {
            "type": "shell_jump",
            "protocol": "ssh",
            "port": servers.ssh["port"],
            "username": servers.ssh["user"],
            "host_key": {"pinned": [servers.ssh["host_key"]]},
        },
    }


async def test_a_site_of_values_serves_a_session_and_comes_back_from_its_folder(
    servers: Servers, tmp_path: pathlib.Path
) -> None:
    agent = tmp_path / "agent"
    async with jump.Broker.start(tmp_path / "site") as broker:
        await broker.add_user("carol", administrator=True)
        await broker.edit({"edit": "add_group", "name": "lan", "comments": ""})
        member = {"group": "lan", "user": "carol", "role": "Administrator"}
        await broker.edit({"edit": "add_member", **member})
        invitation = await broker.add_jumpoint("berlin")
        await broker.edit({"edit": "grant_jumpoint", "jumpoint": "berlin", "user": "carol"})
        login = await jump.enrol(await broker.invite("carol"))
        async with (
            jump.Jumpoint.start(agent, invitation=invitation, allow=["127.0.0.0/8"]) as jumpoint,
            jump.connect(login) as rep,
        ):
            assert jumpoint.name == "berlin" and jumpoint.sessions == []
            while not [one for one in await rep.jumpoints() if one.online]:
                await asyncio.sleep(0)
            await rep.edit(item(servers))
            password = jump.Secret(servers.ssh["password"])
            await rep.set_credential("web", servers.ssh["user"], password)
            async with rep.shell("web") as shell:
                assert (await shell.run("echo values")).text == "values\n"
                assert broker.live_sessions == jumpoint.sessions == [shell.granted.session]
                broker.end_session(shell.granted.session)
                (ended,) = [news async for news in shell.news()]
                assert ended == jump.Ended("ended by the embedding program", normal=False)
                with pytest.raises(jump.SessionEnded, match="the embedding program"):
                    await shell.run("true")
            await rep.set_credential("web", "", None)
            assert not (await rep.item("web")).has_credential
            with pytest.raises(jump.NotFound):
                broker.end_session(shell.granted.session)
        address, key = broker.address, broker.key
    with pytest.raises(jump.Unavailable):
        await jump.connect(login)
    # The same site, at the same address, with what was in it.
    async with jump.Broker.start(tmp_path / "site", listen=address) as broker:
        assert broker.key == key
        async with jump.connect(login) as rep, jump.Jumpoint.start(agent) as jumpoint:
            assert [one.name for one in await rep.items()] == ["web"]
            assert jumpoint.name == "berlin"


async def test_two_brokers_in_one_process_share_nothing() -> None:
    async with jump.Broker.start() as one, jump.Broker.start() as other:
        await one.add_user("carol")
        login = await jump.enrol(await one.invite("carol"))
        assert one.key != other.key
        with pytest.raises(jump.NotFound):
            await other.invite("carol")
        async with jump.connect(login) as rep:
            assert rep.user == "carol"


async def test_a_jumpoint_that_is_not_enrolled_says_so(tmp_path: pathlib.Path) -> None:
    with pytest.raises(jump.NotFound):
        await jump.Jumpoint.start(tmp_path)
    with pytest.raises(jump.InvalidArgument, match="no network"):
        await jump.Jumpoint.start(tmp_path, allow=["everything"])


async def test_a_jumpoint_that_was_removed_stops_and_says_why(tmp_path: pathlib.Path) -> None:
    async with jump.Broker.start() as broker:
        invitation = await broker.add_jumpoint("berlin")
        async with jump.Jumpoint.start(tmp_path, invitation=invitation) as jumpoint:
            stopped = asyncio.ensure_future(jumpoint.stopped())
            await asyncio.sleep(0)
            await broker.edit({"edit": "remove_jumpoint", "name": "berlin"})
            with pytest.raises(jump.JumpError):
                await stopped


def test_the_blocking_half_does_the_same(tmp_path: pathlib.Path) -> None:
    with jump.sync.Broker.start() as broker:
        broker.add_user("carol")
        login = jump.sync.enrol(broker.invite("carol"))
        with jump.sync.Jumpoint.start(tmp_path, invitation=broker.add_jumpoint("berlin")) as point:
            assert point.name == "berlin"
        with jump.sync.connect(login) as rep:
            assert rep.user == "carol" and rep.items() == []
