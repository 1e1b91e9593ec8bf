"""A live site for all tests: `jump up` with a Jumpoint, a real sshd, a real VNC and a real RDP server."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

import jump

ROOT = pathlib.Path(__file__).resolve().parents[3]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
JUMP = pathlib.Path(os.environ.get("JUMP_TEST_COMMAND", TARGET / "jump"))
SERVERS = pathlib.Path(os.environ.get("JUMP_TEST_SERVERS", TARGET / "examples" / "servers"))
# A safety net, not a measure.
LONG = 60.0

Made = TypeVar("Made")
Kept = TypeVar("Kept")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a test that is a coroutine on a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}

    limit = None if pyfuncitem.get_closest_marker("patient") else LONG

    async def bounded() -> None:
        async with asyncio.timeout(limit):
            await pyfuncitem.obj(**arguments)

    asyncio.run(bounded())
    return True


@dataclass
class Servers:
    """Where the real servers are."""

    ssh: dict[str, Any]
    vnc: dict[str, Any]
    rdp: dict[str, Any]
    capitals: int
    """The port of a server that sends back in capitals what it gets."""


def _capitals(listener: socket.socket) -> None:
    def serve(stream: socket.socket) -> None:
        with stream:
            while data := stream.recv(65536):
                stream.sendall(data.upper())

    while True:
        try:
            stream, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(stream,), daemon=True).start()


@contextlib.contextmanager
def running_servers() -> Iterator[Servers]:
    """The real servers, for as long as the `with` lasts."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_capitals, args=(listener,), daemon=True).start()
    with subprocess.Popen([SERVERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield Servers(said["ssh"], said["vnc"], said["rdp"], listener.getsockname()[1])
        # Closing it tells the servers to stop; closing `with` waits for that.
        process.stdin.close()
    listener.close()


@dataclass
class Site:
    """A running site with the items `web-1`, `desk` and `db`, its administrator `ada` and its user `bob`."""

    home: pathlib.Path
    servers: Servers
    process: subprocess.Popen[str]

    def command(self, *arguments: str, input: str = "", home: pathlib.Path | None = None) -> str:
        """Runs the `jump` command to its end."""
        done = subprocess.run(
            [JUMP, *arguments],
            input=input,
            text=True,
            capture_output=True,
            env=self.environment(home),
            timeout=LONG,
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def environment(self, home: pathlib.Path | None = None) -> dict[str, str]:
        folder = str(home or self.home)
        return os.environ | {"JUMP_HOME": folder, "HOME": folder, "USER": "ada"}

    @property
    def ada(self) -> pathlib.Path:
        """The administrator's login."""
        return jump.login_path(home=self.home)

    @property
    def bob(self) -> pathlib.Path:
        """The login of a user who may start sessions, and nothing else."""
        return jump.login_path("bob", home=self.home)


@contextlib.contextmanager
def running_site(servers: Servers, home: pathlib.Path) -> Iterator[Site]:
    """A site in a folder, for as long as the `with` lasts."""
    environment = os.environ | {"JUMP_HOME": str(home), "HOME": str(home), "USER": "ada"}
    environment.pop("JUMP_PROFILE", None)
    process = subprocess.Popen(
        [JUMP, "up", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.strip() == "jump ssh my-server":
            break
    else:
        pytest.fail("".join(said))
    # Somebody has to read what it goes on to say.
    threading.Thread(target=process.stdout.read, daemon=True).start()
    site = Site(home, servers, process)
    try:
        site.command("login", input=(home / "site/invitation").read_text())
        ssh, vnc = servers.ssh, servers.vnc
        target = ["--host", "127.0.0.1", "--port"]
        shell = ["--user", ssh["user"], "--host-key", ssh["host_key"], "--password-stdin"]
        site.command(
            *["items", "add", "shell", "web-1", *target, str(ssh["port"]), *shell],
            input=ssh["password"],
        )
        site.command(
            *["items", "add", "remote-vnc", "desk", *target, str(vnc["port"]), "--password-stdin"],
            input=vnc["password"],
        )
        forward = f"0:{servers.capitals}"
        site.command("items", "add", "tunnel", "db", *target[:2], "--forward", forward)
        site.command("users", "add", "bob", "--method", "all")
        site.command("groups", "add-member", "default", "bob", "--role", "Start Sessions Only")
        site.command("jumpoints", "grant", "local", "bob")
        invitation = site.command("users", "invite", "bob")
        site.command("--profile", "bob", "login", input=invitation)
        yield site
    finally:
        process.terminate()
        process.wait(LONG)
        process.stdout.close()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with running_servers() as servers:
        yield servers


@pytest.fixture(scope="session")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(servers, tmp_path_factory.mktemp("home")) as site:
        yield site


@pytest.fixture
def ada(site: Site) -> Iterator[jump.sync.Rep]:
    """The administrator, in the blocking half."""
    with jump.sync.connect(site.ada) as rep:
        yield rep


def beating(blocking: Callable[[], Kept]) -> Kept:
    """Runs `blocking` while another thread counts, which it can only while nobody holds the interpreter's lock: switching by
    time is off. What is too short for another thread to wake up is run again, as often as it takes it."""
    return beating_each(lambda: None, lambda _: blocking())


def beating_each(made: Callable[[], Made], blocking: Callable[[Made], Kept]) -> Kept:
    """The same for what can be done once only: every time to another one, and making it does not count."""
    ticks, stop = 0, threading.Event()

    def count() -> None:
        nonlocal ticks
        while not stop.is_set():
            ticks += 1
            # Gives the lock to whoever wants it.
            time.sleep(0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    thread = threading.Thread(target=count)
    thread.start()
    try:
        for _ in range(100_000):
            given = made()
            before = ticks
            value = blocking(given)
            if ticks > before:
                return value
    finally:
        stop.set()
        sys.setswitchinterval(interval)
        thread.join()
    raise AssertionError("no other thread ran")
