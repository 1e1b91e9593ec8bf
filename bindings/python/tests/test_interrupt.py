"""Ctrl-C ends what waits, in a process of its own at a real signal."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from conftest import LONG, Site

BLOCKING = {
    "run": "shell.run('sleep 60')",
    "read": "shell.start('cat').next()",
    "copy": "shell.download('/dev/zero', place + '/zero')",
    "news": "next(shell.news())",
}

PROGRAM = """
import sys, tempfile, jump
with tempfile.TemporaryDirectory() as place:
    with jump.sync.connect(sys.argv[1]) as rep, rep.shell("web-1") as shell:
        try:
            print("waiting", flush=True)
            {blocking}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        print(shell.run("echo goes on").text, end="", flush=True)
"""

ASYNC = """
import asyncio, sys, jump
async def main():
    async with jump.connect(sys.argv[1]) as rep, rep.shell("web-1") as shell:
        try:
            print("waiting", flush=True)
            await shell.run("sleep 60")
        finally:
            print("cleaned up", flush=True)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def interrupted(site: Site, program: str) -> list[str]:
    command = [sys.executable, "-c", program, str(site.ada)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        said = process.stdout.read().splitlines()
        assert process.wait(LONG) == 0
        return said


@pytest.mark.parametrize("what", BLOCKING)
def test_ctrl_c_ends_a_blocking_call_and_the_session_goes_on(site: Site, what: str) -> None:
    program = PROGRAM.format(blocking=BLOCKING[what])
    assert interrupted(site, program) == ["interrupted", "goes on"]


def test_ctrl_c_ends_an_asyncio_program_in_order(site: Site) -> None:
    assert interrupted(site, ASYNC) == ["cleaned up", "interrupted"]


def test_a_program_that_leaves_everything_open_ends(site: Site) -> None:
    program = """
import sys, jump
rep = jump.sync.connect(sys.argv[1])
shell, screen, tunnel = rep.shell("web-1"), rep.screen("desk"), rep.tunnel("db")
process, listener = shell.start("cat"), tunnel.listen()
print("left")
"""
    command = [sys.executable, "-c", program, str(site.ada)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")
