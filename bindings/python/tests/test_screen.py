"""Screens: the picture in place, keyboard, mouse and clipboard, on a real VNC server."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
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


@pytest.fixture
def events(display: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A window on the whole screen that says which events it gets."""
    width, height = 640, 480
    command = ["stdbuf", "-oL", "xev", "-geometry", f"{width}x{height}+0+0"]
    process = subprocess.Popen(command, env=display, stdout=subprocess.PIPE, text=True)
    said(process, "Expose event")
    yield process
    process.kill()
    process.wait(LONG)
    assert process.stdout is not None
    process.stdout.close()


def said(process: subprocess.Popen[str], text: str) -> str:
    """Waits until the process has said it."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"it never said {text!r}")


async def until(screen: jump.Screen, colour: tuple[int, int, int]) -> None:
    """Waits until the screen has a colour at its upper left."""
    while True:
        async with screen.frame() as frame:
            seen = tuple(frame.pixels[0, 0, one] for one in range(3))
        if seen == colour:
            return
        async for event in screen.events():
            if isinstance(event, jump.Damage):
                break


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
            image = Image.fromarray(frame)
            assert image.size == (640, 480) and image.getpixel((5, 5)) == (255, 128, 0, 255)
            kept = frame.copy()
            del array, whole, image
        assert Image.fromarray(kept).getpixel((639, 479)) == (255, 128, 0, 255)
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
        async with screen.frame() as second:
            assert second.pixels[0, 0, 0] == array[0, 0, 0] == 16
        del array, frame, second
        gc.collect()
        await until(screen, (64, 80, 96))


async def test_looks_that_overlap_see_the_same(site: Site) -> None:
    async with jump.connect(site.ada) as rep, rep.screen("desk") as screen:
        await screen.painted()
        async with screen.frame() as one, screen.frame() as other:
            first = numpy.asarray(one)
            assert numpy.shares_memory(first, numpy.asarray(other))
            del first


async def test_what_is_typed_and_clicked_arrives(
    site: Site, events: subprocess.Popen[str]
) -> None:
    async with jump.connect(site.ada) as rep, rep.screen("desk") as screen:
        await screen.painted()
        await screen.mouse.move(100, 50)
        await asyncio.to_thread(said, events, "MotionNotify")
        await screen.mouse.click(120, 60, "right")
        await asyncio.to_thread(said, events, "ButtonPress event")
        assert "button 3" in await asyncio.to_thread(said, events, "button ")
        await screen.mouse.scroll(down=1)
        await asyncio.to_thread(said, events, "button 5")
        await screen.mouse.drag((10, 10), (20, 20))
        await asyncio.to_thread(said, events, "button 1")
        await screen.keyboard.type("a€")
        await asyncio.to_thread(said, events, "keysym 0x61, a")
        await asyncio.to_thread(said, events, "EuroSign")
        await screen.keyboard.press("ctrl", "c")
        await asyncio.to_thread(said, events, "Control_L")
        await asyncio.to_thread(said, events, "keysym 0x63, c")
        async with screen.keyboard.hold("shift"):
            await screen.keyboard.press("F5")
        await asyncio.to_thread(said, events, "keysym 0xffc2, F5")
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
