"""Shells: commands, terminals and files, on a real sshd."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import pathlib
from collections.abc import AsyncIterator

import pytest

import jump
from conftest import Site


@contextlib.asynccontextmanager
async def opened(site: Site) -> AsyncIterator[jump.Shell]:
    async with jump.connect(site.ada) as rep, rep.shell("web-1") as shell:
        yield shell


async def test_a_command_says_what_it_says_and_how_it_ended(site: Site) -> None:
    async with opened(site) as shell:
        result = await shell.run("echo out; echo err >&2; exit 7")
        assert (result.stdout, result.stderr) == (b"out\n", b"err\n")
        assert (result.exit_status, result.signal, result.ok) == (7, None, False)
        assert (await shell.run("kill -TERM $$")).signal == "TERM"
        assert (await shell.run("cat", input="a" * 200_000)).text == "a" * 200_000
        # One that ends without reading its input.
        assert (await shell.run("true", input="a" * 4_000_000)).ok


async def test_commands_run_side_by_side_in_one_session(site: Site) -> None:
    async with opened(site) as shell:
        results = await asyncio.gather(*(shell.run(f"echo {one}") for one in range(8)))
        assert [result.text for result in results] == [f"{one}\n" for one in range(8)]


async def test_a_command_that_says_too_much_is_ended(site: Site) -> None:
    async with opened(site) as shell:
        with pytest.raises(jump.ResourceLimit):
            await shell.run("yes", limit=100_000)
        assert (await shell.run("echo on")).text == "on\n"


async def test_a_process_is_read_and_written_piece_by_piece(site: Site) -> None:
    async with opened(site) as shell:
        async with shell.start("cat; echo gone >&2; exit 3") as process:
            await process.write("hello\n")
            assert await process.next() == jump.Output(b"hello\n")
            await process.finish()
            assert [event async for event in process] == [
                jump.ErrorOutput(b"gone\n"),
                jump.Exited(3),
            ]
            assert await process.next() is None


async def test_a_terminal_has_a_size_that_can_be_changed(site: Site) -> None:
    async with opened(site) as shell:
        async with shell.start(terminal=jump.Terminal(columns=91, rows=37)) as process:
            # A shell that waits for a line may write an old size back, so what waits here is a program.
            await process.write("exec sh -c 'stty size; echo ready-$((1+1)); read line; stty size'\n")
            await seen(process, b"37 91", b"ready-2")
            await process.resize(100, 40)
            await process.write("\n")
            await seen(process, b"40 100")


async def seen(process: jump.Process, *texts: bytes) -> None:
    """Reads until these texts have come."""
    screen = b""
    async for event in process:
        if isinstance(event, jump.Output):
            screen += event.data
            if all(text in screen for text in texts):
                return
    raise AssertionError(screen)


async def test_a_process_that_is_closed_is_hung_up(site: Site, tmp_path: pathlib.Path) -> None:
    async with opened(site) as shell:
        process = await shell.start("trap 'exit 0' HUP; cat")
        reading = asyncio.ensure_future(process.next())
        await process.write("x")
        assert await reading == jump.Output(b"x")
        await process.close()
        with pytest.raises(jump.Closed):
            await process.write("y")
        with pytest.raises(jump.Closed):
            await process.next()


async def test_files_go_there_and_come_back(site: Site, tmp_path: pathlib.Path) -> None:
    sent = tmp_path / "sent"
    sent.write_bytes(hashlib.shake_128(b"jump").digest(5_000_000))
    async with opened(site) as shell:
        moved: list[tuple[int, int | None]] = []
        place = (await shell.run("mktemp -d")).text.strip()
        count = await shell.upload(sent, f"{place}/file", progress=lambda *at: moved.append(at))
        assert count == 5_000_000
        assert moved == sorted(moved) and moved[-1] == (5_000_000, 5_000_000)
        back = tmp_path / "back"
        moved.clear()
        await shell.download(f"{place}/file", back, progress=lambda *at: moved.append(at))
        assert back.read_bytes() == sent.read_bytes()
        assert moved and moved[-1][0] == 5_000_000
        with pytest.raises(jump.NotFound):
            await shell.download(f"{place}/none", back)
        await shell.run(f"rm -r {place}")


async def test_a_progress_that_raises_ends_the_copy(site: Site, tmp_path: pathlib.Path) -> None:
    def enough(done: int, total: int | None) -> None:
        raise RuntimeError("enough")

    async with opened(site) as shell:
        with pytest.raises(RuntimeError, match="enough"):
            await shell.download("/dev/zero", tmp_path / "zero", progress=enough)
        while list(tmp_path.iterdir()):
            await asyncio.sleep(0)
        assert (await shell.run("echo on")).ok


def test_the_blocking_half_does_the_same(site: Site, tmp_path: pathlib.Path) -> None:
    with jump.sync.connect(site.ada) as rep, rep.shell("web-1") as shell:
        assert shell.run("echo $((6*7))").text == "42\n"
        with pytest.raises(jump.JumpTimeout):
            shell.run("sleep 60", timeout=0.05)
        with shell.start("cat") as process:
            with pytest.raises(jump.JumpTimeout):
                process.next(timeout=0.01)
            process.write("late")
            assert process.next() == jump.Output(b"late")
            process.finish()
            assert list(process) == [jump.Exited(0)]
        (tmp_path / "a").write_text("text")
        place = shell.run("mktemp").text.strip()
        moved: list[int] = []
        assert shell.upload(tmp_path / "a", place, progress=lambda at, _: moved.append(at)) == 4
        assert shell.download(place, tmp_path / "b") == 4
        assert (tmp_path / "b").read_text() == "text" and moved == [4]

        def enough(done: int, total: int | None) -> None:
            raise RuntimeError("enough")

        with pytest.raises(RuntimeError, match="enough"):
            shell.download("/dev/zero", tmp_path / "zero", progress=enough)


async def test_another_kind_than_the_items_is_refused_and_leaves_nothing_open(site: Site) -> None:
    async with jump.connect(site.ada) as rep:
        with pytest.raises(jump.UnsupportedError, match="web-1 is a shell, not a screen"):
            async with rep.screen("web-1"):
                pass
        async with rep.jump("web-1") as session:
            assert isinstance(session, jump.Shell)
            assert session.granted.item == "web-1" and session.granted.permissions["exec"]
