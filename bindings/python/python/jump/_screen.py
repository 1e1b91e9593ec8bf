"""A session with a screen: picture, keyboard, mouse, clipboard."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from . import _jump, _keys
from ._frame import Frame, let_go
from ._rows import Granted
from ._session import Session
from ._values import Picture, ScreenEvent, screen_event
from ._wait import Reader, wait


class Screen(Session):
    """A session with a screen."""

    def __init__(self, raw: _jump.Screen, granted: Granted, news: _jump.News) -> None:
        super().__init__(raw, granted, news)
        self._raw = raw
        self._events = Reader(raw.next_event)
        self._looking = 0
        self.keyboard = Keyboard(raw)
        """What types."""
        self.mouse = Mouse(raw)
        """What points."""
        self.clipboard = Clipboard(raw)
        """What is copied to the target."""

    @property
    def name(self) -> str:
        """The desktop's name, as the target says it."""
        return self._raw.name()

    async def painted(self) -> None:
        """Waits until the whole screen has been painted once."""
        await wait(self._raw.painted())

    @contextlib.asynccontextmanager
    async def frame(self) -> AsyncIterator[Frame]:
        """The picture as it is now, in place, for as long as the `async with` lasts: meanwhile nothing is painted.

        Looks that overlap see the same picture. An array that outlives the last of them raises `BufferError`, because the
        session waits for it.

        >>> async def main():
        ...     async with jump.connect() as rep, rep.screen("desk") as screen:
        ...         await screen.painted()
        ...         async with screen.frame() as frame:
        ...             print(frame.pixels.shape == (frame.height, frame.width, 4))
        >>> import asyncio, jump
        >>> asyncio.run(main())
        True
        """
        frame = Frame(await wait(self._raw.frame()))
        self._looking += 1
        failing = True
        try:
            yield frame
            failing = False
        finally:
            self._looking -= 1
            let_go(frame, failing, self._looking)

    async def screenshot(self) -> Picture:
        """A copy of the picture, exact, once the screen has been painted."""
        return Picture(*await wait(self._raw.screenshot()))

    async def events(self) -> AsyncIterator[ScreenEvent]:
        """What happens on the screen. Of what is state only the newest waits. Cancelling it loses nothing."""
        while (parts := await self._events.next()) is not None:
            event = screen_event(parts)
            if event is not None:
                yield event

    async def resize(self, width: int, height: int) -> None:
        """Asks for another size of the screen; a `Resized` event says when it has one."""
        await wait(self._raw.resize(width, height))


class Keyboard:
    """Types on a screen. Keys are characters, names such as `Return`, `ctrl` or `F5`, or X11 keysyms."""

    def __init__(self, raw: _jump.Screen) -> None:
        self._raw = raw

    async def type(self, text: str) -> None:
        """Types a text as it is; a line end is Return, a tab is Tab."""
        await wait(self._raw.keys(_keys.text(text)))

    async def press(self, *keys: str | int) -> None:
        """Presses keys together and releases them: `press("ctrl", "alt", "delete")`."""
        await wait(self._raw.keys(_keys.chord(keys)))

    @contextlib.asynccontextmanager
    async def hold(self, *keys: str | int) -> AsyncIterator[None]:
        """Holds keys while the `async with` lasts."""
        strokes = _keys.chord(keys)
        await wait(self._raw.keys(strokes[: len(keys)]))
        try:
            yield
        finally:
            await wait(self._raw.keys(strokes[len(keys) :]))


class Mouse:
    """Points on a screen. Buttons are `left`, `middle`, `right`, `back` and `forward`."""

    def __init__(self, raw: _jump.Screen) -> None:
        self._raw = raw

    async def move(self, x: int, y: int) -> None:
        """Moves the pointer to a pixel."""
        await wait(self._raw.pointer([(x, y, 0)]))

    async def click(self, x: int, y: int, button: str = "left", *, count: int = 1) -> None:
        """Clicks at a pixel, so many times."""
        held = _keys.button(button)
        await wait(self._raw.pointer([(x, y, 0), *[(x, y, held), (x, y, 0)] * count]))

    async def drag(self, start: tuple[int, int], end: tuple[int, int], button: str = "left") -> None:
        """Drags from a pixel to another."""
        held = _keys.button(button)
        places = [(*start, 0), (*start, held), (*end, held), (*end, 0)]
        await wait(self._raw.pointer(places))

    async def scroll(self, *, right: int = 0, down: int = 0) -> None:
        """Turns the wheel at the pointer's place: steps to the right and down, negative to the left and up, 100 at most."""
        await wait(self._raw.scroll(right, down))


class Clipboard:
    """The target's clipboard. What is copied there comes as `ClipboardChanged` among the events."""

    def __init__(self, raw: _jump.Screen) -> None:
        self._raw = raw

    async def write(self, text: str) -> None:
        """Gives the target's clipboard a text of at most 1 MiB."""
        await wait(self._raw.set_clipboard(text))
