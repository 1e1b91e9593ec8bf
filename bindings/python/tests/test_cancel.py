"""Cancelling: the work ends, nothing is lost, and what was opened is closed."""

from __future__ import annotations

import asyncio
import pathlib

import pytest

import jump
from conftest import Site


async def test_a_cancelled_command_ends_on_the_target(site: Site) -> None:
    async with jump.connect(site.ada) as rep, rep.shell("web-1") as shell:
        place = (await shell.run("mktemp")).text.strip()
        # It says when it has begun, and when it is hung up.
        command = f"trap 'echo over >> {place}; exit' HUP PIPE; echo begun > {place}; while :; do echo x; done"
        running = asyncio.ensure_future(shell.run(command, limit=1 << 40))
        while "begun" not in (await shell.run(f"cat {place}")).text:
            pass
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        while "over" not in (await shell.run(f"cat {place}")).text:
            pass
        await shell.run(f"rm {place}")


async def test_a_cancelled_read_loses_nothing(site: Site) -> None:
    async with jump.connect(site.ada) as rep, rep.shell("web-1") as shell:
        async with shell.start("cat") as process:
            for number in range(20):
                reading = asyncio.ensure_future(process.next())
                await asyncio.sleep(0)
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
                await process.write(f"{number}")
                assert await process.next() == jump.Output(str(number).encode())


async def test_two_tasks_do_not_read_at_once(site: Site) -> None:
    async with jump.connect(site.ada) as rep, rep.shell("web-1") as shell:
        async with shell.start("cat") as process:
            reading = asyncio.ensure_future(process.next())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="another task"):
                await process.next()
            reading.cancel()


async def test_a_cancelled_download_leaves_no_file(site: Site, tmp_path: pathlib.Path) -> None:
    async with jump.connect(site.ada) as rep, rep.shell("web-1") as shell:
        begun = asyncio.Event()
        copying = asyncio.ensure_future(
            shell.download("/dev/zero", tmp_path / "zero", progress=lambda *_: begun.set())
        )
        await begun.wait()
        copying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await copying
        while list(tmp_path.iterdir()):
            await asyncio.sleep(0)
        assert (await shell.run("echo on")).ok


async def test_a_task_group_that_fails_closes_its_sessions(site: Site) -> None:
    async with jump.connect(site.bob) as rep:
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                ready = asyncio.Event()

                async def works() -> None:
                    async with rep.shell("web-1") as shell:
                        ready.set()
                        await shell.run("cat; sleep 60", limit=1)

                async def fails() -> None:
                    await ready.wait()
                    raise ValueError("enough")

                group.create_task(works())
                group.create_task(fails())
        while [one for one in await rep.sessions(active=True)]:
            pass


async def test_a_call_that_was_not_awaited_does_nothing(site: Site) -> None:
    async with jump.connect(site.ada) as rep:
        opening = rep.shell("web-1")
        before = await rep.sessions()
        del opening
        assert await rep.sessions() == before


def test_a_loop_that_is_gone_is_no_trouble(site: Site) -> None:
    async def leave() -> None:
        rep = await jump.connect(site.ada)
        shell = await rep.shell("web-1")
        asyncio.ensure_future(shell.run("sleep 60"))
        await asyncio.sleep(0)

    for _ in range(3):
        asyncio.run(leave())
    with jump.sync.connect(site.ada) as rep:
        assert rep.items()
