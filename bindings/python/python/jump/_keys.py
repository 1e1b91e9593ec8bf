"""Keys by their names. The numbers are X11 keysyms (X Window System Protocol, appendix A)."""

from __future__ import annotations

from ._errors import InvalidArgument

_NAMED = {
    "return": 0xFF0D,
    "enter": 0xFF0D,
    "tab": 0xFF09,
    "backspace": 0xFF08,
    "escape": 0xFF1B,
    "esc": 0xFF1B,
    "space": 0x20,
    "insert": 0xFF63,
    "ins": 0xFF63,
    "delete": 0xFFFF,
    "del": 0xFFFF,
    "home": 0xFF50,
    "left": 0xFF51,
    "up": 0xFF52,
    "right": 0xFF53,
    "down": 0xFF54,
    "pageup": 0xFF55,
    "pagedown": 0xFF56,
    "end": 0xFF57,
    "print": 0xFF61,
    "pause": 0xFF13,
    "menu": 0xFF67,
    "capslock": 0xFFE5,
    "numlock": 0xFF7F,
    "scrolllock": 0xFF14,
    "shift": 0xFFE1,
    "ctrl": 0xFFE3,
    "control": 0xFFE3,
    "meta": 0xFFE7,
    "alt": 0xFFE9,
    "super": 0xFFEB,
    "win": 0xFFEB,
    "altgr": 0xFE03,
    # F1 is 0xffbe, and the others follow.
    **{f"f{number}": 0xFFBD + number for number in range(1, 25)},
}

Stroke = tuple[int, bool]
"""A keysym, and whether it is pressed or released."""


def keysym(key: str | int) -> int:
    """The keysym of a key: a character, a name such as `Return`, `F5` or `Page_Up`, or the keysym itself.

    >>> hex(keysym("a")), hex(keysym("€")), hex(keysym("Page_Up")), hex(keysym(0xffe1))
    ('0x61', '0x10020ac', '0xff55', '0xffe1')
    """
    if isinstance(key, int):
        if not 0 <= key <= 0xFFFF_FFFF:
            raise InvalidArgument("a keysym has 32 bits", operation="read a key")
        return key
    if len(key) == 1:
        return _character(key)
    known = _NAMED.get(key.lower().replace("_", ""))
    if known is None:
        raise InvalidArgument(f"there is no key {key!r}", operation="read a key")
    return known


def _character(character: str) -> int:
    if character in "\r\n":
        return 0xFF0D
    if character == "\t":
        return 0xFF09
    code = ord(character)
    if code < 0x20 or 0x7F <= code < 0xA0:
        message = f"no key types {character!r}; keys have names, such as 'Escape'"
        raise InvalidArgument(message, operation="read a key")
    # Latin-1 stands for itself, everything else is 0x0100_0000 and its code point.
    return code if code <= 0xFF else 0x0100_0000 | code


def chord(keys: tuple[str | int, ...]) -> list[Stroke]:
    """The strokes that press keys together: all but the last are held.

    >>> [(hex(key), down) for key, down in chord(("ctrl", "c"))]
    [('0xffe3', True), ('0x63', True), ('0x63', False), ('0xffe3', False)]
    """
    symbols = [keysym(key) for key in keys]
    return [(key, True) for key in symbols] + [(key, False) for key in reversed(symbols)]


def text(what: str) -> list[Stroke]:
    """The strokes that type a text. A line end is Return, a tab is Tab."""
    strokes: list[Stroke] = []
    for character in what.replace("\r\n", "\n"):
        key = _character(character)
        strokes += [(key, True), (key, False)]
    return strokes


BUTTONS = {"left": 1, "middle": 1 << 1, "right": 1 << 2, "back": 1 << 7, "forward": 1 << 8}


def button(name: str) -> int:
    """The bit of a button."""
    try:
        return BUTTONS[name]
    except KeyError:
        message = f"there is no button {name!r}; there are {', '.join(BUTTONS)}"
        raise InvalidArgument(message, operation="press a button") from None
