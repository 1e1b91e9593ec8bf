"""Items that a program opens itself, in the network that it is in."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from ._values import Path


@dataclass(frozen=True, slots=True)
class LocalJumps:
    """How items are opened that have no Jumpoint, such as Local VNC and Local RDP: the gate runs in this process.

    What the gate may not reach, it does not: no address of this machine and no link-local one, unless a network is in `allow`, such as
    `("127.0.0.0/8",)`; with `only_listed` nothing else. Sessions are recorded in the folder `recordings`, sealed to the site's key; without one,
    only items with recording off can be opened.
    """

    allow: tuple[str, ...] = ()
    only_listed: bool = False
    recordings: Path | None = None


def as_json(local: LocalJumps | bool) -> str | None:
    """What the native half is told; `None` if such items are not opened."""
    if local is False:
        return None
    if local is True:
        local = LocalJumps()
    folder = None if local.recordings is None else os.fspath(local.recordings)
    return json.dumps(
        {"allow": list(local.allow), "only_listed": local.only_listed, "recordings": folder}
    )
