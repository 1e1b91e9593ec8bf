"""Every kind of value that the package gives, with the type that a reader expects; checked by mypy, not run."""

from collections.abc import AsyncIterator
from datetime import datetime

import jump
from typing import assert_type


async def reads(login: jump.Login) -> None:
    async with jump.connect(login) as rep:
        assert_type(rep, jump.Rep)
        assert_type(await rep.items(), list[jump.Item])
        assert_type((await rep.item("web-1")).online, bool)
        assert_type(await rep.sessions(active=True), list[jump.SessionInfo])
        assert_type((await rep.why("web-1")).at, datetime)
        assert_type(await rep.invite("bob"), jump.Secret)
        assert_type(rep.report("sessions"), AsyncIterator[jump.SessionRow])
        assert_type(rep.report("items"), AsyncIterator[jump.ItemRow])
        assert_type(rep.report("changes"), AsyncIterator[jump.ChangeRow])
        async with rep.jump("web-1") as session:
            assert_type(session, jump.Shell | jump.Screen | jump.Tunnel)
            assert_type(session.granted.until, datetime)
        shell = await rep.shell("web-1")
        assert_type(shell, jump.Shell)
        assert_type(await shell.run("uptime"), jump.Completed)
        async with shell.start("cat") as process:
            assert_type(await process.next(), jump.Output | jump.ErrorOutput | jump.Exited | None)
        async with rep.screen("desk") as screen, screen.frame() as frame:
            assert_type(frame.pixels, memoryview[int])
            async for event in screen.events():
                if isinstance(event, jump.Damage):
                    assert_type(event.areas, tuple[jump.Area, ...])
        async with rep.tunnel("db") as tunnel, tunnel.listen() as listener:
            assert_type(listener.port, int)


def blocks() -> None:
    with jump.sync.connect() as rep:
        assert_type(rep, jump.sync.Rep)
        with rep.shell("web-1") as shell:
            assert_type(shell, jump.sync.Shell)
            assert_type(shell.run("uptime").stdout, bytes)
        for row in rep.report("changes"):
            assert_type(row, jump.ChangeRow)
        with rep.jump("desk") as session:
            assert_type(session, jump.sync.Shell | jump.sync.Screen | jump.sync.Tunnel)
        world = rep.world()
        assert_type(jump.decide(world, "bob", "web-1"), jump.Access)
        assert_type(jump.who(world, "web-1")[0].reasons, tuple[jump.Reason, ...])
