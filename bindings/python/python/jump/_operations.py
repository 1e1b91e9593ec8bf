"""What a rep asks of its broker. Each operation is here once; asyncio's half and the blocking half carry it out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Literal, TypeVar, cast

from . import _jump
from ._errors import Closed, ImportRefused, InvalidArgument, UnsupportedError
from ._plugs import Credential
from ._read import row, rows
from ._rows import (
    Access,
    ChangeRow,
    Ended,
    Ending,
    Explanation,
    Granted,
    Group,
    Imported,
    Item,
    ItemRow,
    JumpointInfo,
    Member,
    SessionInfo,
    SessionRow,
    User,
    access,
    explanation,
    session_info,
)
from ._wait import Operation

T = TypeVar("T")
ReportKind = Literal["sessions", "items", "changes"]
Asker = _jump.Rep | _jump.Broker

REPORT_ROWS: dict[ReportKind, type[SessionRow | ItemRow | ChangeRow]] = {
    "sessions": SessionRow,
    "items": ItemRow,
    "changes": ChangeRow,
}


def moment(at: datetime | None) -> str | None:
    """A moment as it is written; one without a zone is refused, because it could be any."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise InvalidArgument("give a time with its time zone", operation="read a time")
    return at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def request(raw: Asker, wanted: Mapping[str, Any]) -> Operation[Any]:
    """Asks, and gives the value of the answer."""
    answer = json.loads((yield raw.request(json.dumps(wanted))))
    value = answer.get("value")
    # A secret until it was used.
    return _jump.Secret(value) if answer["answer"] == "invitation" else value


def edit(raw: Asker, wanted: Mapping[str, Any]) -> Operation[Any]:
    return (yield from request(raw, {"ask": "edit", **wanted}))


def pages(raw: Asker, kind: type[T], ask: str, query: Mapping[str, Any]) -> Operation[list[T]]:
    """All rows of a list that comes in pages."""
    found: list[T] = []
    after: str | None = None
    while True:
        page = {"limit": 1000} | ({} if after is None else {"after": after})
        answer = yield from request(raw, {"ask": ask, **query, "page": page})
        found += rows(kind, answer["rows"])
        after = answer["next"]
        if after is None:
            return found


def given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def items(
    raw: Asker,
    *,
    name: str | None,
    hostname: str | None,
    group: str | None,
    personal: bool | None,
    jumpoint: str | None,
    tag: str | None,
    search: str | None,
    method: str | None,
    online: bool | None,
) -> Operation[list[Item]]:
    query = given(
        name=name,
        hostname=hostname,
        group=group,
        personal=personal,
        jumpoint=jumpoint,
        tag=tag,
        search=search,
        method=method,
        online=online,
    )
    return pages(raw, Item, "find_items", query)


def item(raw: Asker, name: str) -> Operation[Item]:
    return row(Item, (yield from request(raw, {"ask": "item", "item": name})))


def sessions(raw: Asker, *, active: bool, limit: int) -> Operation[list[SessionInfo]]:
    answer = yield from request(raw, {"ask": "sessions", "active_only": active, "limit": limit})
    return [session_info(one) for one in answer]


def end_session(raw: Asker, session: str) -> Operation[None]:
    yield from request(raw, {"ask": "end_session", "session": session})


def users(raw: Asker, search: str | None) -> Operation[list[User]]:
    return pages(raw, User, "find_users", given(search=search))


def groups(raw: Asker, search: str | None) -> Operation[list[Group]]:
    return pages(raw, Group, "find_groups", given(search=search))


def members(raw: Asker, group: str) -> Operation[list[Member]]:
    return pages(raw, Member, "find_members", {"group": group})


def jumpoints(raw: Asker) -> Operation[list[JumpointInfo]]:
    return rows(JumpointInfo, (yield from request(raw, {"ask": "jumpoints"})))


def why(raw: Asker, name: str, user: str | None, at: datetime | None) -> Operation[Explanation]:
    asked = {"ask": "why", "user": user, "item": name, "at": moment(at)}
    return explanation((yield from request(raw, asked)))


def who(raw: Asker, name: str, at: datetime | None, denied: bool) -> Operation[list[Access]]:
    return simulated(raw, {"simulate": "who", "item": name, "denied": denied}, at)


def what(raw: Asker, user: str | None, at: datetime | None, denied: bool) -> Operation[list[Access]]:
    return simulated(raw, {"simulate": "what", "user": user, "denied": denied}, at)


def simulated(raw: Asker, question: Mapping[str, Any], at: datetime | None) -> Operation[list[Access]]:
    """All rows of a simulator's answer, for the moment that its first page names."""
    found: list[Access] = []
    look: dict[str, Any] = {"at": moment(at), "after": None, "limit": 1000}
    while True:
        answer = yield from request(raw, {"ask": "simulate", **question, "look": look})
        page = answer["page"]
        found += [access(one) for one in page["rows"]]
        if page["next"] is None:
            return found
        look = {"at": page["at"], "after": page["next"], "limit": 1000}


def invite(raw: Asker, user: str, scope: Literal["sessions", "everything"]) -> Operation[_jump.Secret]:
    invitation = yield from edit(raw, {"edit": "invite_login", "user": user, "scope": scope})
    return cast(_jump.Secret, invitation)


def report_filter(
    start: datetime | None,
    end: datetime | None,
    user: str | None,
    item: str | None,
    group: str | None,
    session: str | None,
) -> str:
    fields = {"from": moment(start), "to": moment(end)}
    wanted = fields | {"user": user, "item": item, "group": group, "session": session}
    return json.dumps({name: value for name, value in wanted.items() if value is not None})


def report_rows(raw: _jump.Report, kind: type[T]) -> Operation[list[T] | None]:
    """The next rows of a report, perhaps none; `None` at the end."""
    page = json.loads((yield raw.next()))
    return None if page is None else rows(kind, page)


def imported(call: _jump.Call[str]) -> Operation[Imported]:
    answer = json.loads((yield call))
    if "problems" not in answer:
        return row(Imported, answer)
    refused = ImportRefused(answer["message"], operation="import")
    refused.problems, refused.count = answer["problems"], answer["count"]
    raise refused


Opened = tuple[str, Any, Granted, _jump.News]


def open_session(
    raw: _jump.Rep,
    item: str,
    *,
    kind: str | None,
    credential: str | None,
    reason: str | None,
    ticket: str | None,
    code: str | None,
    override_schedule: bool,
    target: Credential | None,
) -> Operation[Opened]:
    """Starts a session, of any kind or of the one that is wanted."""
    if target is not None and target.password is None:
        message = "start a session: what logs in to the target of such an item is a password"
        raise UnsupportedError(message, operation="start a session")
    username, password = ("", None) if target is None else (target.username, target.password)
    wanted = given(credential=credential, reason=reason, ticket=ticket, code=code)
    wanted["override_schedule"] = override_schedule
    found, session, granted, news = yield raw.open(item, json.dumps(wanted), username, password)
    if kind is not None and found != kind:
        yield session.close()
        message = f"start a session: {item} is a {found}, not a {kind}"
        raise UnsupportedError(message, operation="start a session")
    return found, session, row(Granted, json.loads(granted)), news


def settled(raw: _jump.Rep) -> Operation[None]:
    """Waits a moment until the broker knows how the sessions ended that were served here; a closed rep has none."""
    try:
        call = raw.settled()
    except Closed:
        return
    yield call


def next_news(raw: _jump.News) -> Operation[Ending | Ended | None]:
    """The next news of a session."""
    said = json.loads((yield raw.next()))
    if said is None:
        return None
    if "ended" in said:
        return row(Ended, said["ended"])
    return row(Ending, said["ending"])

