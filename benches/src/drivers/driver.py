"""Does what it is told on a line of its input, through the Python package, and says what it took: the Python drivers of the
benchmark. Arguments: `sync` or `asyncio`, the file of a login, the site of the decisions as JSON, a folder, the target's port."""

import asyncio
import pathlib
import sys
import time

import jump
import jump.sync

QUIET, RECORDED = "unrecorded", "recorded"


def order(kind: bytes, amount: int) -> bytes:
    return kind + amount.to_bytes(8, "big")


class Clock:
    def __enter__(self):
        self.began = (time.perf_counter(), time.process_time())
        return self

    def __exit__(self, *_):
        wall, cpu = self.began
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f'{{"wall": {wall:.9f}, "cpu": {cpu:.9f}}}', flush=True)


PIECE = bytes(256 * 1024)


def decide(world, count):
    for _ in range(count):
        jump.decide(world, "user7", "item 7")


def blocking(login, world, folder, port):
    with (
        jump.sync.connect(login) as rep,
        rep.tunnel("tunnel") as tunnel,
        rep.screen("screen") as screen,
        rep.shell(QUIET) as quiet,
        rep.shell(RECORDED) as recorded,
    ):
        screen.painted()
        print("ready", flush=True)
        for line in sys.stdin:
            word, place = line.split()
            if word in ("down", "up"):
                amount = int(place)
                with tunnel.open("127.0.0.1", port) as stream:
                    assert stream.read() == b"r"
                    stream.write(order(b"g" if word == "down" else b"t", amount))
                    with Clock():
                        if word == "down":
                            while amount:
                                data = stream.read()
                                assert data
                                amount -= len(data)
                        else:
                            for _ in range(amount // len(PIECE)):
                                stream.write(PIECE)
                            assert stream.read() == b"r"
            elif word == "frames":
                with Clock():
                    for number in range(int(place)):
                        with screen.frame() as frame:
                            frame.pixels[frame.height // 2, number % frame.width, 0]
            elif word == "decide":
                with Clock():
                    decide(world, int(place))
            elif word in ("commands", "recorded"):
                shell = quiet if word == "commands" else recorded
                with Clock():
                    for _ in range(int(place)):
                        assert shell.run("true").ok
            elif word == "cold":
                with Clock():
                    for _ in range(int(place)):
                        with jump.sync.connect(login) as again, again.shell(RECORDED) as shell:
                            assert shell.run("true").ok
            elif word in ("file", "filmed"):
                with Clock():
                    (quiet if word == "file" else recorded).download(place, folder / "python")
            else:
                raise ValueError(word)


async def looping(login, world, folder, port):
    async with (
        jump.connect(login) as rep,
        rep.tunnel("tunnel") as tunnel,
        rep.screen("screen") as screen,
        rep.shell(QUIET) as quiet,
        rep.shell(RECORDED) as recorded,
    ):
        await screen.painted()
        print("ready", flush=True)
        while line := sys.stdin.readline():
            word, place = line.split()
            if word in ("down", "up"):
                amount = int(place)
                async with tunnel.open("127.0.0.1", port) as stream:
                    assert await stream.read() == b"r"
                    await stream.write(order(b"g" if word == "down" else b"t", amount))
                    with Clock():
                        if word == "down":
                            while amount:
                                data = await stream.read()
                                assert data
                                amount -= len(data)
                        else:
                            for _ in range(amount // len(PIECE)):
                                await stream.write(PIECE)
                            assert await stream.read() == b"r"
            elif word == "frames":
                with Clock():
                    for number in range(int(place)):
                        async with screen.frame() as frame:
                            frame.pixels[frame.height // 2, number % frame.width, 0]
            elif word == "decide":
                with Clock():
                    decide(world, int(place))
            elif word in ("commands", "recorded"):
                shell = quiet if word == "commands" else recorded
                with Clock():
                    for _ in range(int(place)):
                        assert (await shell.run("true")).ok
            elif word == "cold":
                with Clock():
                    for _ in range(int(place)):
                        async with jump.connect(login) as again, again.shell(RECORDED) as shell:
                            assert (await shell.run("true")).ok
            elif word in ("file", "filmed"):
                with Clock():
                    await (quiet if word == "file" else recorded).download(place, folder / "python")
            else:
                raise ValueError(word)


def main():
    way, login, changes, folder, port = sys.argv[1:]
    world = jump.World.of_changes(pathlib.Path(changes).read_text())
    given = (login, world, pathlib.Path(folder), int(port))
    if way == "sync":
        blocking(*given)
    else:
        asyncio.run(looping(*given))


main()
