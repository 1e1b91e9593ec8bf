"""The picture on a screen, in place."""

from __future__ import annotations

from typing import Any

from . import _jump
from ._errors import Closed
from ._values import Picture, array_interface, image_of


class Frame:
    """The picture on the screen, shared with the session and not copied.

    `frame.pixels`, `numpy.asarray(frame)` and Pillow's `frame.image()` look at the same memory. While it is held, the session
    takes nothing from the target: look, copy what you keep, and leave the `with`.
    """

    def __init__(self, raw: _jump.Frame) -> None:
        self._raw = raw
        self._pixels: memoryview | None = None

    @property
    def width(self) -> int:
        """Its width in pixels."""
        return self._raw.width

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return self._raw.height

    @property
    def pixels(self) -> memoryview:
        """The pixels, read only: `pixels[y, x, c]`, with `c` from red, green, blue and alpha."""
        if self._pixels is None:
            whole = memoryview(self._bytes())
            self._pixels = whole.cast("B", (self.height, self.width, 4))
        return self._pixels

    def image(self) -> Any:
        """A `PIL.Image.Image` on the same memory; it takes Pillow. Copy it to keep it."""
        return image_of(self.width, self.height, self._bytes())

    def tobytes(self) -> bytes:
        """A copy of the pixels, for what asks for them by this name."""
        return bytes(self._bytes())

    def copy(self) -> Picture:
        """A copy, for keeping."""
        return Picture(self.width, self.height, self.tobytes())

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return array_interface(self.width, self.height, self._bytes())

    def __buffer__(self, flags: int, /) -> memoryview:
        return self.pixels

    def _bytes(self) -> Any:
        pixels = self._raw.pixels()
        if pixels is None:
            raise Closed("look at a frame: it was let go", operation="look at a frame")
        return pixels

    def _release(self) -> bool:
        """Lets go of it; whether nobody else holds it."""
        pixels, self._pixels = self._pixels, None
        if pixels is not None:
            try:
                pixels.release()
            except BufferError:
                # An array still looks at it.
                self._raw.release()
                return False
        return self._raw.release() == 0

    def __repr__(self) -> str:
        return f"<Frame {self.width} × {self.height}>"


def let_go(frame: Frame, failing: bool, holders: int) -> None:
    """Ends a look at a frame. Who keeps an array of it stops the session, which is said unless something else is being said."""
    if not frame._release() and not failing and holders == 0:
        raise BufferError("something still looks at the frame, and the session waits: copy what you keep")
