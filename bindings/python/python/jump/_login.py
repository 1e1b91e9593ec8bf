"""Logins, and where the `jump` command keeps them."""

from __future__ import annotations

import os
import pathlib
import socket

from ._errors import InvalidArgument
from ._jump import Login


def login_path(profile: str = "default", home: str | os.PathLike[str] | None = None) -> pathlib.Path:
    """The file in which `jump login` keeps a profile's login: beneath `home`, `JUMP_HOME` or `~/.local/share/jump`."""
    plain = profile.isascii() and all(one.isalnum() or one in "-_." for one in profile)
    if not profile or profile.startswith(".") or not plain:
        message = "find a login: a profile's name is of a-z A-Z 0-9 - _ ."
        raise InvalidArgument(message, operation="find a login")
    folder = home or os.environ.get("JUMP_HOME")
    base = pathlib.Path(folder) if folder else pathlib.Path.home() / ".local/share/jump"
    return base / "profiles" / profile / "login"


def find_login(login: Login | str | os.PathLike[str] | None, profile: str) -> Login:
    """The login that is meant: itself, a file, or the one of a profile."""
    if isinstance(login, Login):
        return login
    return Login.read(login_path(profile) if login is None else login)


def machine_name() -> str:
    """What people call this machine."""
    return socket.gethostname().strip() or "a machine without a name"
