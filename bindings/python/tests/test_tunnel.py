"""Tunnels: local ports and streams, to a real server."""

from __future__ import annotations

import asyncio
import socket

import pytest

import jump
from conftest import Site


async def test_a_local_port_leads_to_the_target(site: Site) -> None:
    async with (
        jump.connect(site.ada) as rep,
        rep.tunnel("db") as tunnel,
        tunnel.listen() as listener,
    ):
        assert listener.host == "127.0.0.1"
        assert listener.forwards[0].target == f"127.0.0.1:{site.servers.capitals}"

        async def one(number: int) -> bytes:
            reader, writer = await asyncio.open_connection(listener.host, listener.port)
            writer.write(f"connection {number}".encode())
            writer.write_eof()
            said = await reader.read()
            writer.close()
            await writer.wait_closed()
            return said

        said = await asyncio.gather(*(one(number) for number in range(20)))
        assert said == [f"CONNECTION {number}".encode() for number in range(20)]
    with pytest.raises(OSError):
        await asyncio.open_connection(listener.host, listener.port)


async def test_a_stream_leads_to_the_target(site: Site) -> None:
    async with jump.connect(site.ada) as rep, rep.tunnel("db") as tunnel:
        (target,) = tunnel.granted.addresses
        async with tunnel.open(*target) as stream:
            # A read that is given up loses nothing.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(stream.read(), 0.01)
            await stream.write(b"hello")
            assert await stream.read() == b"HELLO"
            await stream.finish()
            assert await stream.read() == b""
        with pytest.raises(jump.Closed):
            await stream.write(b"more")
        with pytest.raises(jump.Denied):
            await tunnel.open("127.0.0.1", 1)
        with pytest.raises(jump.InvalidArgument, match="loopback"):
            await tunnel.listen(host="192.0.2.1")


def test_the_blocking_half_does_the_same(site: Site) -> None:
    with jump.sync.connect(site.ada) as rep, rep.tunnel("db") as tunnel:
        with tunnel.listen() as listener:
            with socket.create_connection((listener.host, listener.port)) as stream:
                stream.sendall(b"abc")
                assert stream.recv(10) == b"ABC"
        with tunnel.open(*tunnel.granted.addresses[0]) as through:
            with pytest.raises(jump.JumpTimeout):
                through.read(timeout=0.01)
            through.write(b"late")
            assert through.read() == b"LATE"
            through.finish()
            assert through.read() == b""
