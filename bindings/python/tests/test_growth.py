"""Sessions that were closed leave nothing behind. `JUMP_TEST_SESSIONS` says how many are opened; few by default."""

from __future__ import annotations

import asyncio
import gc
import os
import pathlib
import threading

import pytest

import jump
from conftest import Site

MANY = int(os.environ.get("JUMP_TEST_SESSIONS", "60"))
# What an allocator may keep in spite of everything, in bytes for each session.
SPARE = 16 << 10


def resident() -> int:
    """The memory of this process, in bytes."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def handles() -> int:
    return len(os.listdir("/proc/self/fd"))


async def one(rep: jump.Rep) -> None:
    async with rep.shell("web-1") as shell, shell.start("cat") as process:
        await process.write("x")
        assert await process.next() == jump.Output(b"x")
        assert (await shell.run("true")).ok


@pytest.mark.patient
async def test_sessions_that_come_and_go_leave_nothing_behind(site: Site) -> None:
    async with jump.connect(site.ada) as rep:
        for _ in range(20):
            await one(rep)
        gc.collect()
        memory, files, threads, objects = resident(), handles(), threading.active_count(), len(gc.get_objects())
        for _ in range(MANY):
            await one(rep)
        gc.collect()
        # The goodbye of the last one may still be on its way.
        while handles() > files:
            await asyncio.sleep(0)
        assert threading.active_count() == threads
        assert len(gc.get_objects()) - objects < 200
        grown = resident() - memory
        assert grown < (4 << 20) + MANY * SPARE, f"{grown} bytes after {MANY} sessions"


async def test_connections_that_come_and_go_leave_no_threads(site: Site) -> None:
    def native_threads() -> int:
        return len(os.listdir("/proc/self/task"))

    before = native_threads()
    for _ in range(10):
        async with jump.connect(site.ada) as rep:
            assert await rep.items()
    del rep
    gc.collect()
    while native_threads() > before + 2:
        await asyncio.sleep(0)
