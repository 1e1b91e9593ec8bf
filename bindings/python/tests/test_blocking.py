"""Nothing that waits holds the interpreter's lock: another thread ticks during every blocking call."""

from __future__ import annotations

import contextlib
import itertools
import pathlib
import threading
from collections.abc import Callable

import pytest

import jump
from conftest import Site, beating, beating_each


def quietly(call: Callable[[], object]) -> None:
    """A call that may find nothing in time."""
    with contextlib.suppress(jump.JumpTimeout):
        call()


def test_every_call_of_a_rep_lets_other_threads_run(site: Site, tmp_path: pathlib.Path) -> None:
    connecting = beating(lambda: jump.sync.connect(site.ada))
    with connecting as rep:
        calls: list[Callable[[], object]] = [
            rep.items,
            lambda: rep.item("web-1"),
            rep.sessions,
            lambda: rep.why("web-1"),
            lambda: rep.who("web-1"),
            rep.what,
            rep.world,
            rep.users,
            rep.groups,
            lambda: rep.members("default"),
            rep.jumpoints,
            lambda: rep.invite("bob"),
            rep.export_site,
            lambda: rep.import_site(rep.export_site(), dry_run=True),
            lambda: rep.export_items("shell_jump"),
            lambda: list(rep.report("sessions")),
            lambda: jump.sync.enrol(rep.invite("bob"), label="beat"),
            lambda: rep.request({"ask": "items"}),
        ]
        for call in calls:
            beating(call)


def test_every_call_of_a_session_lets_other_threads_run(
    site: Site, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "file").write_bytes(bytes(100_000))
    with jump.sync.connect(site.ada) as rep:
        shell = beating(lambda: rep.shell("web-1"))
        beating(lambda: shell.run("sleep 0.01"))
        place = shell.run("mktemp").text.strip()
        beating(lambda: shell.upload(tmp_path / "file", place))
        beating(lambda: shell.download(place, tmp_path / "back"))
        process = beating(lambda: shell.start("cat"))
        beating(lambda: process.write(bytes(1000)))
        beating(lambda: (process.write(b"x"), process.next()))
        beating(lambda: process.resize(80, 24))
        beating(lambda: process.signal("USR1"))
        beating_each(lambda: shell.start("cat"), lambda other: other.finish())
        process.finish()
        # What there is to wait for comes once, so it must not be there before somebody waits.
        slow = shell.start("sleep 1")
        beating(lambda: list(slow))
        beating_each(lambda: rep.shell("web-1"), lambda other: other.close())
        screen = beating(lambda: rep.screen("desk"))
        beating(screen.painted)
        beating(screen.screenshot)
        beating(lambda: quietly(lambda: screen.next_event(timeout=0.01)))
        beating(lambda: screen.keyboard.type("text"))
        beating(lambda: screen.mouse.move(1, 1))
        beating(lambda: screen.clipboard.write("text"))
        beating(lambda: screen.resize(800, 600))
        beating(lambda: screen.resize(640, 480))
        beating_each(lambda: rep.screen("desk"), lambda other: other.close())
        tunnel = beating(lambda: rep.tunnel("db"))
        beating(lambda: tunnel.listen().close())
        stream = beating(lambda: tunnel.open(*tunnel.granted.addresses[0]))
        beating(lambda: stream.write(b"abc"))
        beating(lambda: (stream.write(b"abc"), stream.read()))
        beating_each(lambda: tunnel.open(*tunnel.granted.addresses[0]), lambda other: other.finish())
        beating_each(lambda: rep.tunnel("db"), lambda other: other.close())


def test_starting_and_stopping_a_site_lets_other_threads_run(tmp_path: pathlib.Path) -> None:
    broker = beating(lambda: jump.sync.Broker.start(tmp_path / "site"))
    invitation = broker.add_jumpoint("berlin")
    point = beating(lambda: jump.sync.Jumpoint.start(tmp_path / "agent", invitation=invitation))
    numbers = itertools.count()

    def another() -> jump.sync.Jumpoint:
        number = next(numbers)
        home = tmp_path / f"agent{number}"
        return jump.sync.Jumpoint.start(home, invitation=broker.add_jumpoint(f"bonn-{number}"))

    beating_each(another, lambda other: other.close())
    point.close()
    beating(broker.close)


def test_the_heartbeat_notices_a_call_that_keeps_the_lock() -> None:
    def stubborn() -> None:
        # C code that computes without giving the lock away.
        sum(range(10_000))

    with pytest.raises(AssertionError, match="no other thread ran"):
        beating(stubborn)


def test_many_threads_share_a_session(site: Site) -> None:
    with jump.sync.connect(site.ada) as rep, rep.shell("web-1") as shell:
        said: list[str] = []

        def run(number: int) -> None:
            said.append(shell.run(f"echo {number}").text)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(said) == [f"{number}\n" for number in range(8)]
