"""A session with a screen: picture, keyboard, mouse, clipboard."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .. import _jump, _keys
from .._frame import Frame, let_go
from .._rows import Granted
from .._values import Picture, ScreenEvent, screen_event
from ._session import Session
from ._wait import Reader


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

    def painted(self) -> None:
        """Waits until the whole screen has been painted once."""
        self._raw.painted().wait()

    @contextlib.contextmanager
    def frame(self) -> Iterator[Frame]:
        """The picture as it is now, in place, for as long as the `with` lasts: meanwhile nothing is painted.

        Looks that overlap see the same picture. An array that outlives the last of them raises `BufferError`, because the
        session waits for it.
        """
        frame = Frame(self._raw.frame().wait())
        self._looking += 1
        failing = True
        try:
            yield frame
            failing = False
        finally:
            self._looking -= 1
            let_go(frame, failing, self._looking)

    def screenshot(self) -> Picture:
        """A copy of the picture, exact, once the screen has been painted.

        >>> import jump.sync
        >>> with jump.sync.connect() as rep, rep.screen("desk") as screen:
        ...     picture = screen.screenshot()
        >>> len(picture.rgba) == picture.width * picture.height * 4
        True
        """
        return Picture(*self._raw.screenshot().wait())

    def next_event(self, timeout: float | None = None) -> ScreenEvent | None:
        """The next event; `None` after the session was closed in order. After so many seconds without one it raises
        `JumpTimeout`, and nothing is lost."""
        while (parts := self._events.next(timeout)) is not None:
            event = screen_event(parts)
            if event is not None:
                return event
        return None

    def events(self) -> Iterator[ScreenEvent]:
        """What happens on the screen. Of what is state only the newest waits."""
        while (event := self.next_event()) is not None:
            yield event

    def resize(self, width: int, height: int) -> None:
        """Asks for another size of the screen; a `Resized` event says when it has one."""
        self._raw.resize(width, height).wait()


class Keyboard:
    """Types on a screen. Keys are characters, names such as `Return`, `ctrl` or `F5`, or X11 keysyms.

    >>> import jump.sync
    >>> with jump.sync.connect() as rep, rep.screen("desk") as screen:
    ...     screen.painted()
    ...     screen.keyboard.type("ls\\n")
    ...     with screen.keyboard.hold("ctrl"):
    ...         screen.keyboard.press("c")
    """

    def __init__(self, raw: _jump.Screen) -> None:
        self._raw = raw

    def type(self, text: str) -> None:
        """Types a text as it is; a line end is Return, a tab is Tab."""
        self._raw.keys(_keys.text(text)).wait()

    def press(self, *keys: str | int) -> None:
        """Presses keys together and releases them: `press("ctrl", "alt", "delete")`."""
        self._raw.keys(_keys.chord(keys)).wait()

    @contextlib.contextmanager
    def hold(self, *keys: str | int) -> Iterator[None]:
        """Holds keys while the `with` lasts."""
        strokes = _keys.chord(keys)
        self._raw.keys(strokes[: len(keys)]).wait()
        try:
            yield
        finally:
            self._raw.keys(strokes[len(keys) :]).wait()


class Mouse:
    """Points on a screen. Buttons are `left`, `middle`, `right`, `back` and `forward`."""

    def __init__(self, raw: _jump.Screen) -> None:
        self._raw = raw

    def move(self, x: int, y: int) -> None:
        """Moves the pointer to a pixel."""
        self._raw.pointer([(x, y, 0)]).wait()

    def click(self, x: int, y: int, button: str = "left", *, count: int = 1) -> None:
        """Clicks at a pixel, so many times."""
        held = _keys.button(button)
        self._raw.pointer([(x, y, 0), *[(x, y, held), (x, y, 0)] * count]).wait()

    def drag(self, start: tuple[int, int], end: tuple[int, int], button: str = "left") -> None:
        """Drags from a pixel to another."""
        held = _keys.button(button)
        self._raw.pointer([(*start, 0), (*start, held), (*end, held), (*end, 0)]).wait()

    def scroll(self, *, right: int = 0, down: int = 0) -> None:
        """Turns the wheel at the pointer's place: steps to the right and down, negative to the left and up, 100 at most."""
        self._raw.scroll(right, down).wait()


class Clipboard:
    """The target's clipboard. What is copied there comes as `ClipboardChanged` among the events."""

    def __init__(self, raw: _jump.Screen) -> None:
        self._raw = raw

    def write(self, text: str) -> None:
        """Gives the target's clipboard a text of at most 1 MiB."""
        self._raw.set_clipboard(text).wait()
