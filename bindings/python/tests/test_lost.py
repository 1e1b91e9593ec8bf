"""The process of the broker is killed under a session (S-36): whoever waits is told, and nothing hangs."""

from __future__ import annotations

import asyncio
import pathlib

import pytest

import jump
from conftest import Servers, running_site


async def test_a_killed_broker_ends_what_waits_with_a_typed_error(
    servers: Servers, tmp_path: pathlib.Path
) -> None:
    with running_site(servers, tmp_path) as site:
        async with jump.connect(site.ada) as rep, rep.shell("web-1") as shell:
            process = await shell.start("echo up; sleep 600")
            assert await process.next() == jump.Output(b"up\n")
            waiting = asyncio.ensure_future(process.next())
            news = asyncio.ensure_future(anext(aiter(shell.news()), None))
            await asyncio.sleep(0)
            site.process.kill()
            with pytest.raises(ConnectionError) as lost:
                await waiting
            assert isinstance(lost.value, jump.JumpError)
            with pytest.raises((jump.Closed, jump.NetworkError, jump.JumpTimeout)):
                await news
            with pytest.raises(ConnectionError):
                await shell.run("true")
            with pytest.raises((jump.Closed, jump.NetworkError, jump.Unavailable)):
                await rep.items()
        with pytest.raises(jump.Unavailable):
            await jump.connect(site.ada)
