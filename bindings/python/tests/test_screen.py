"""Screens: the picture in place, keyboard, mouse and clipboard, on real VNC and RDP servers."""

from __future__ import annotations

import asyncio
import gc
import os
import queue
import subprocess
import threading
from collections.abc import Iterator

import numpy
import pytest
from PIL import Image

import jump
from conftest import LONG, Site


@pytest.fixture
def display(site: Site) -> dict[str, str]:
    return os.environ | {"DISPLAY": site.servers.vnc["display"]}


def paint(display: dict[str, str], colour: str) -> None:
    subprocess.run(["xsetroot", "-solid", colour], env=display, check=True)


class Window:
    """A window on the whole screen that says which events it gets."""

    def __init__(self, display: dict[str, str]) -> None:
        command = ["stdbuf", "-oL", "xev", "-geometry", "640x480+0+0"]
        self.process = subprocess.Popen(command, env=display, stdout=subprocess.PIPE, text=True)
        self.lines: queue.Queue[str] = queue.Queue()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)

    def wait_for(self, text: str) -> None:
        """Waits until it has said the text."""
        seen = []
        while not seen or text not in seen[-1]:
            try:
                seen.append(self.lines.get(timeout=LONG / 4))
            except queue.Empty:
                raise AssertionError(f"it never said {text!r} but {seen}") from None

    async def said(self, text: str) -> None:
        """The same without stopping the loop."""
        await asyncio.to_thread(self.wait_for, text)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(LONG)
        self.reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def window(display: dict[str, str]) -> Iterator[Window]:
    window = Window(display)
    try:
        window.wait_for("Expose event")
        yield window
    finally:
        window.close()


async def until(screen: jump.Screen, colour: tuple[int, int, int], off: int = 0) -> None:
    """Waits until the screen has a colour at its upper left, off by so much in each channel at most."""
    while True:
        async with screen.frame() as frame:
            seen = tuple(frame.pixels[0, 0, one] for one in range(3))
        if all(abs(one - other) <= off for one, other in zip(seen, colour, strict=True)):
            return
        async for event in screen.events():
            if isinstance(event, jump.Damage):
                break


async def test_a_screen_over_rdp_shows_the_picture_and_takes_input(site: Site) -> None:
    rdp = site.servers.rdp
    display = os.environ | {"DISPLAY": rdp["display"]}
    add = ["items", "add", "remote-rdp", "win", "--host", "127.0.0.1", "--port", str(rdp["port"])]
    site.command(*add, "--ignore-untrusted", "--require-nla")
    try:
        async with jump.connect(site.ada) as rep:
            await rep.set_credential("win", rdp["user"], jump.Secret(rdp["password"]))
            paint(display, "#ff8000")
            async with rep.screen("win") as screen:
                await screen.painted()
                async with screen.frame() as frame:
                    assert (frame.width, frame.height) == tuple(rdp["size"])
                # RemoteFX, which the server chooses, loses a little.
                await until(screen, (255, 128, 0), off=12)
                window = Window(display)
                try:
                    await asyncio.to_thread(window.wait_for, "Expose event")
                    await screen.mouse.click(20, 30)
                    await window.said("button 1")
                    await screen.keyboard.type("j")
                    await window.said("keysym 0x6a, j")
                finally:
                    window.close()
    finally:
        site.command("items", "remove", "win")


async def test_the_picture_is_what_is_on_the_screen_and_is_not_copied(
    site: Site, display: dict[str, str]
) -> None:
    paint(display, "#ff8000")
    async with jump.connect(site.ada) as rep, rep.screen("desk") as screen:
        await screen.painted()
        await until(screen, (255, 128, 0))
        async with screen.frame() as frame:
            assert (frame.width, frame.height) == tuple(site.servers.vnc["size"])
            array = numpy.asarray(frame)
            assert array.shape == (480, 640, 4) and array.dtype == numpy.uint8
            assert not array.flags.writeable
            assert (array[5, 5] == (255, 128, 0, 255)).all()
            # Everybody looks at the same memory.
            whole = numpy.asarray(frame.pixels)
            assert numpy.shares_memory(array, whole)
            assert array.__array_interface__["data"][0] == whole.__array_interface__["data"][0]
            assert frame.pixels.nbytes == 480 * 640 * 4 and frame.pixels.readonly
            image = frame.image()
            assert isinstance(image, Image.Image) and image.size == (640, 480)
            assert image.getpixel((5, 5)) == (255, 128, 0, 255)
            kept = frame.copy()
            copied = Image.fromarray(frame)
            del array, whole, image
        assert copied.getpixel((639, 479)) == (255, 128, 0, 255)
        assert kept.image().tobytes() == copied.tobytes() == kept.rgba
        with pytest.raises(jump.Closed):
            frame.pixels
        paint(display, "#0040ff")
        await until(screen, (0, 64, 255))
        picture = await screen.screenshot()
        assert (picture.width, picture.height) == (640, 480)
        assert picture.rgba[:4] == bytes((0, 64, 255, 255))


async def test_an_array_that_outlives_its_frame_is_said_and_stays_whole(
    site: Site, display: dict[str, str]
) -> None:
    paint(display, "#102030")
    async with jump.connect(site.ada) as rep, rep.screen("desk") as screen:
        await screen.painted()
        await until(screen, (16, 32, 48))
        with pytest.raises(BufferError, match="copy what you keep"):
            async with screen.frame() as frame:
                array = numpy.asarray(frame.pixels)
        paint(display, "#405060")
        # It holds the picture still, and others are shown the same.
        with pytest.raises(BufferError):
            async with screen.frame() as second:
                assert second.pixels[0, 0, 0] == array[0, 0, 0] == 16
        del array, frame, second
        gc.collect()
        await until(screen, (64, 80, 96))


async def test_an_image_that_outlives_its_frame_is_said(site: Site) -> None:
    async with jump.connect(site.ada) as rep, rep.screen("desk") as screen:
        await screen.painted()
        with pytest.raises(BufferError):
            async with screen.frame() as frame:
                image = frame.image()
        del image


async def test_looks_that_overlap_see_the_same(site: Site) -> None:
    async with jump.connect(site.ada) as rep, rep.screen("desk") as screen:
        await screen.painted()
        async with screen.frame() as one, screen.frame() as other:
            first = numpy.asarray(one)
            assert numpy.shares_memory(first, numpy.asarray(other))
            del first


async def test_what_is_typed_and_clicked_arrives(
    site: Site, window: Window
) -> None:
    async with jump.connect(site.ada) as rep, rep.screen("desk") as screen:
        await screen.painted()
        await screen.mouse.move(100, 50)
        await window.said("MotionNotify")
        await screen.mouse.click(120, 60, "right")
        await window.said("button 3")
        await screen.mouse.scroll(down=1)
        await window.said("button 5")
        await screen.mouse.drag((10, 10), (20, 20))
        await window.said("button 1")
        await screen.keyboard.type("a€")
        await window.said("keysym 0x61, a")
        await window.said("U20AC")
        await screen.keyboard.press("ctrl", "c")
        await window.said("Control_L")
        await window.said("keysym 0x63, c")
        async with screen.keyboard.hold("shift"):
            await screen.keyboard.press("F5")
        await window.said("keysym 0xffc2, F5")
        for wrong in ("NoSuchKey", "\x01"):
            with pytest.raises(jump.InvalidArgument):
                await screen.keyboard.press(wrong)
        with pytest.raises(jump.InvalidArgument, match="beyond the screen"):
            await screen.mouse.move(5000, 5)
        with pytest.raises(jump.InvalidArgument, match="no button"):
            await screen.mouse.click(1, 1, "upper")


async def test_the_size_changes_and_is_told(site: Site) -> None:
    async with jump.connect(site.ada) as rep, rep.screen("desk") as screen:
        await screen.painted()
        for size in [(800, 600), (640, 480)]:
            await screen.resize(*size)
            async for event in screen.events():
                if event == jump.Resized(*size):
                    break
        with pytest.raises(jump.InvalidArgument):
            await screen.resize(0, 5)
        assert screen.name


async def test_the_clipboard_takes_a_text(site: Site) -> None:
    async with jump.connect(site.ada) as rep, rep.screen("desk") as screen:
        await screen.painted()
        await screen.clipboard.write("Grüße €")
        with pytest.raises(jump.ResourceLimit):
            await screen.clipboard.write("x" * (1 << 21))


def test_the_blocking_half_does_the_same(site: Site, display: dict[str, str]) -> None:
    paint(display, "#a0b0c0")
    with jump.sync.connect(site.ada) as rep, rep.screen("desk") as screen:
        screen.painted()
        while True:
            with screen.frame() as frame:
                array = numpy.asarray(frame)
                seen = tuple(int(one) for one in array[0, 0, :3])
                del array
            if seen == (160, 176, 192):
                break
            while not isinstance(screen.next_event(), jump.Damage):
                pass
        assert screen.screenshot().rgba[:3] == bytes((160, 176, 192))
        screen.keyboard.press("ctrl", "alt", "delete")
        screen.mouse.click(3, 3)
        screen.clipboard.write("text")
        with pytest.raises(BufferError):
            with screen.frame() as frame:
                kept = frame.pixels
                sub = memoryview(kept)
        del kept, sub


@pytest.fixture
def here(site: Site) -> Iterator[jump.Credential]:
    """What logs in to the target of the item `here`, which has no Jumpoint."""
    vnc = site.servers.vnc
    where = ["--host", "127.0.0.1", "--port", str(vnc["port"]), "--recording", "off"]
    site.command("items", "add", "local-vnc", "here", *where)
    yield jump.Credential("", password=jump.Secret(vnc["password"]))
    site.command("items", "remove", "here")


async def test_an_item_without_a_jumpoint_is_opened_by_the_program_itself(
    site: Site, here: jump.Credential
) -> None:
    async with jump.connect(site.ada) as rep:
        with pytest.raises(jump.UnsupportedError):
            await rep.screen("here", target=here)
    async with jump.connect(site.ada, local_jumps=True) as rep:
        # Nothing of this machine is reached unless it is named; the gate says so as a VNC server would.
        with pytest.raises(jump.TargetAuthenticationFailed, match="network policy"):
            await rep.screen("here", target=here)
        with pytest.raises(jump.UnsupportedError, match="password"):
            await rep.screen("here", target=jump.Credential("", private_key=jump.Secret("x")))
    async with jump.connect(site.ada, local_jumps=jump.LocalJumps(allow=("127.0.0.0/8",))) as rep:
        wrong = jump.Credential("", password=jump.Secret("another"))
        with pytest.raises(jump.TargetAuthenticationFailed):
            await rep.screen("here", target=wrong)
        async with rep.screen("here", target=here) as screen:
            await screen.painted()
            async with screen.frame() as frame:
                assert frame.width > 0 and frame.pixels[0, 0, 3] == 255
            await screen.keyboard.type("jump\n")
            session = screen.granted.session
        # It is settled when the rep is closed.
    async with jump.connect(site.ada) as rep:
        ended = next(one for one in await rep.sessions() if one.id == session)
        assert not ended.active
    with jump.sync.connect(site.ada, local_jumps=jump.LocalJumps(("127.0.0.0/8",))) as blocking:
        with blocking.screen("here", target=here) as there:
            there.painted()
