"""What both halves of the package give and take in sessions."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

Path = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Terminal:
    """The kind and size of a terminal, in character cells."""

    kind: str = "xterm-256color"
    columns: int = 80
    rows: int = 24


def terminal_parts(terminal: Terminal | None) -> tuple[str, int, int] | None:
    """A terminal as the native half takes it."""
    return None if terminal is None else (terminal.kind, terminal.columns, terminal.rows)


def command_bytes(command: str | bytes) -> bytes:
    """A command as it is sent."""
    return command.encode() if isinstance(command, str) else command


@dataclass(frozen=True, slots=True)
class Completed:
    """What a command said, and how it ended."""

    stdout: bytes
    stderr: bytes
    exit_status: int | None
    """Its exit code; `None` if a signal ended it."""
    signal: str | None = None
    """The signal's name without `SIG`, if one ended it."""

    @property
    def ok(self) -> bool:
        """Whether it returned 0."""
        return self.exit_status == 0

    @property
    def text(self) -> str:
        """Standard output as text; what is no UTF-8 is replaced."""
        return self.stdout.decode(errors="replace")

    @property
    def error_text(self) -> str:
        """Standard error as text."""
        return self.stderr.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Output:
    """A piece of standard output, or of everything if there is a terminal."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ErrorOutput:
    """A piece of standard error."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Exited:
    """The command ended; no output follows."""

    exit_status: int | None
    signal: str | None = None


ProcessEvent = Output | ErrorOutput | Exited


def process_event(parts: tuple[Any, ...] | None) -> ProcessEvent | None:
    """An event of a process as the native half tells it."""
    match parts:
        case None:
            return None
        case ("output", data):
            return Output(data)
        case ("error", data):
            return ErrorOutput(data)
        case _:
            return Exited(*parts[1:])


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the screen in pixels, from its upper left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of its own: a screenshot, a cursor."""

    width: int
    height: int
    rgba: bytes
    """`width` × `height` pixels of four bytes, row by row: red, green, blue, alpha."""

    def image(self) -> Any:
        """A `PIL.Image.Image` on the same memory; it takes Pillow."""
        return image_of(self.width, self.height, self.rgba)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return array_interface(self.width, self.height, self.rgba)

    def tobytes(self) -> bytes:
        """Its pixels, for what asks for them by this name."""
        return self.rgba


def array_interface(width: int, height: int, pixels: object) -> dict[str, Any]:
    """What numpy and Pillow ask for. The object with the bytes is named, so they keep it as long as they look at it."""
    return {
        "version": 3,
        "shape": (height, width, 4),
        "typestr": "|u1",
        "strides": (width * 4, 4, 1),
        "data": pixels,
    }


def image_of(width: int, height: int, pixels: Any) -> Any:
    """A `PIL.Image.Image` on the same memory."""
    from PIL import Image

    return Image.frombuffer("RGBA", (width, height), pixels, "raw", "RGBA", 0, 1)


@dataclass(frozen=True, slots=True)
class Damage:
    """These parts of the picture have changed since the event before of this kind."""

    areas: tuple[Area, ...]


@dataclass(frozen=True, slots=True)
class Resized:
    """The screen has another size; everything on it may have changed."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class CursorChanged:
    """The pointer has another shape; no picture if it is not to be seen."""

    picture: Picture | None
    hotspot: tuple[int, int] = (0, 0)
    """The pixel of it that points."""


@dataclass(frozen=True, slots=True)
class PointerMoved:
    """The target moved the pointer."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class ClipboardChanged:
    """The target's clipboard has this text. It is the target's own: show it with care."""

    text: str


@dataclass(frozen=True, slots=True)
class Bell:
    """The target rang its bell."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """The desktop has another name, as the target says it."""

    name: str


ScreenEvent = Damage | Resized | CursorChanged | PointerMoved | ClipboardChanged | Bell | Renamed


def screen_event(parts: tuple[Any, ...]) -> ScreenEvent | None:
    """An event of a screen as the native half tells it; `None` for one that is newer than this."""
    match parts:
        case ("damage", areas):
            return Damage(tuple(Area(*area) for area in areas))
        case ("resized", width, height):
            return Resized(width, height)
        case ("cursor",):
            return CursorChanged(None)
        case ("cursor", width, height, rgba, x, y):
            return CursorChanged(Picture(width, height, rgba), (x, y))
        case ("pointer", x, y):
            return PointerMoved(x, y)
        case ("clipboard", text):
            return ClipboardChanged(text)
        case ("bell",):
            return Bell()
        case ("name", name):
            return Renamed(name)
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Forward:
    """A local port that leads into a tunnel."""

    host: str
    """The local address, in 127.0.0.0/8."""
    port: int
    target: str
    """Where it leads, as `host:port`."""
