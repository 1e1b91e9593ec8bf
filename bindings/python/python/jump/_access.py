"""Access decisions on a world that is at hand: pure functions, without a broker."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from . import _jump
from ._operations import moment
from ._rows import Access, access

NEEDS = ("reason", "ticket", "second_factor", "schedule_override")


def _question(action: str, at: datetime | None, given: Iterable[str]) -> str:
    supplied = dict.fromkeys(NEEDS, False) | dict.fromkeys(given, True)
    simple = action in ("start", "view")
    asked: Any = action if simple else {"manage": action}
    return json.dumps({"action": asked, "at": moment(at), "given": supplied})


def decide(
    world: _jump.World,
    user: str,
    item: str,
    *,
    action: str = "start",
    at: datetime | None = None,
    given: Iterable[str] = (),
) -> Access:
    """Decides whether a user may do something with an item, and says why: the broker's own decision, from the same function.

    `item` is an id, a name or `group/name`. `action` is `start`, `view`, or a permission of a role such as `perm_edit_identity`.
    `at` is now unless another moment is given. `given` names what the user supplies: `reason`, `ticket`, `second_factor`,
    `schedule_override`.

    >>> import jump
    >>> world = jump.World.of_document('''
    ... version = 1
    ... [[users]]
    ... name = "ada"
    ... allowed_methods = ["shell_jump"]
    ... ''')
    >>> try:
    ...     jump.decide(world, "ada", "web-1")
    ... except jump.NotFound as error:
    ...     print(error)
    decide: there is no such item
    """
    return access(json.loads(world.decide(user, item, _question(action, at, given))))


def why(world: _jump.World, user: str, item: str, *, at: datetime | None = None) -> str:
    """Why a user may or may not start a session on an item, in words: a line for each gate."""
    answer = decide(world, user, item, at=at)
    lines = [f"{'no ' if reason.stops else 'yes'}  {reason.text}" for reason in answer.reasons]
    return "\n".join([f"{answer.user} on {answer.item}: {'yes' if answer else 'no'}", *lines])


def who(
    world: _jump.World,
    item: str,
    *,
    action: str = "start",
    at: datetime | None = None,
    denied: bool = False,
) -> list[Access]:
    """Who may do something with an item, by name; with `denied` also who may not.

    >>> import jump.sync
    >>> with jump.sync.connect() as rep:
    ...     world = rep.world()
    >>> [(access.user, access.allowed) for access in jump.who(world, "web-1")]
    [('ada', True), ('bob', True)]
    """
    question = _question(action, at, ())
    return _pages(lambda part: world.who(item, question, part), denied)


def what(
    world: _jump.World,
    user: str,
    *,
    action: str = "start",
    at: datetime | None = None,
    denied: bool = False,
) -> list[Access]:
    """With which items a user may do something, by group and name; with `denied` also with which not."""
    question = _question(action, at, ())
    return _pages(lambda part: world.what(user, question, part), denied)


def _pages(ask: Any, denied: bool) -> list[Access]:
    found: list[Access] = []
    after: Any = None
    while True:
        page = json.loads(ask(json.dumps({"after": after, "most": 1000, "denied": denied})))
        found += [access(one) for one in page["rows"]]
        after = page["next"]
        if after is None:
            return found
