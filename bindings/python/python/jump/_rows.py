"""What the broker tells, as typed rows: a list of them makes a `pandas.DataFrame` as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from . import _jump


@dataclass(frozen=True, slots=True)
class Item:
    """A Jump Item as its users see it."""

    id: int
    name: str
    group: str
    """The name of its group; for one on a personal list, `@` and the name of its owner."""
    jumpoint: str
    """The name of its Jumpoint; empty if it needs none."""
    online: bool
    """Whether the Jumpoint is connected."""
    hostname: str
    tag: str
    recording: str
    """`off`, `best_effort`, `backpressure` or `fail_closed`."""
    has_credential: bool
    """Whether a credential is stored for it."""
    details: Mapping[str, Any] = field(hash=False)
    """What is special to its type; never a credential."""
    comments: str = ""
    jump_policy: str | None = None
    session_policy: str | None = None

    @property
    def type(self) -> str:
        """Its type, such as `shell_jump` or `remote_vnc`."""
        return str(self.details["type"])


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one gate of an access decision is open or shut."""

    rule: str
    """The rule's stable word, such as `role_permits`."""
    gate: str
    """Which gate: `user`, `method`, `jumpoint`, `role`, `schedule` and so on."""
    stops: bool
    """Whether it shuts the gate."""
    text: str
    """The same for people."""
    data: Mapping[str, Any] = field(hash=False)
    """What the rule was about, by name."""

    def __str__(self) -> str:
        return self.text


def reasons(values: list[dict[str, Any]]) -> tuple[Reason, ...]:
    """The reasons of a decision, with their words."""
    words = json.loads(_jump.reason_words(json.dumps(values)))
    return tuple(
        Reason(value["rule"], word["gate"], word["verdict"] == "stop", word["text"], value)
        for value, word in zip(values, words, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Access:
    """Whether a user may do something with an item, and why."""

    user: str
    item: str
    """As `group/name`."""
    item_id: int
    allowed: bool
    """Whether it may happen as it stands."""
    needs: tuple[str, ...]
    """What would have to be supplied, if nothing else is in the way: `reason`, `ticket`, `second_factor`, `approval` …"""
    reasons: tuple[Reason, ...]
    """One for each gate."""
    obligations: Mapping[str, Any] | None = field(hash=False)
    """What would hold in the session: recording, permissions, its latest end."""

    def __bool__(self) -> bool:
        return self.allowed

    @property
    def why_not(self) -> str:
        """The reasons that shut a gate, in words; empty if it is allowed."""
        return "; ".join(reason.text for reason in self.reasons if reason.stops)


def access(value: Mapping[str, Any]) -> Access:
    """An answer about one user and one item."""
    reach = value["reach"]
    return Access(
        user=value["user"],
        item=value["item"],
        item_id=value["item_id"],
        allowed=reach == "now",
        needs=tuple(reach["with"]) if isinstance(reach, dict) else (),
        reasons=reasons(value["reasons"]),
        obligations=value.get("obligations"),
    )


@dataclass(frozen=True, slots=True)
class Explanation:
    """The broker's own answer about one user and one item, with everything that would hold."""

    user: str
    item: str
    at: datetime
    """For which moment."""
    allowed: bool
    reasons: tuple[Reason, ...]
    obligations: Mapping[str, Any] | None = field(hash=False)
    """What would hold in the session, if one may start or would once what is needed was supplied."""
    permissions: tuple[Mapping[str, Any], ...] = field(hash=False)
    """What may happen in it, and by which rule."""

    def __bool__(self) -> bool:
        return self.allowed

    @property
    def why_not(self) -> str:
        """The reasons that shut a gate, in words; empty if it is allowed."""
        return "; ".join(reason.text for reason in self.reasons if reason.stops)


def explanation(value: Mapping[str, Any]) -> Explanation:
    """The broker's explanation."""
    decision = value["decision"]
    return Explanation(
        user=value["user"],
        item=value["item"],
        at=datetime.fromisoformat(value["at"]),
        allowed=decision["effect"] == "allow",
        reasons=reasons(decision["reasons"]),
        obligations=value.get("obligations") or decision.get("obligations"),
        permissions=tuple(value.get("permissions", ())),
    )


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session, running or over."""

    id: str
    user: str
    item: str
    protocol: str
    started: datetime
    active: bool
    ended: datetime | None = None
    end_reason: str | None = None
    """Why it ended, such as `rep_closed`, `ended_by` or `access_revoked`."""
    bytes_from_rep: int | None = None
    bytes_from_target: int | None = None
    local: bool = False
    """Whether the rep serves it itself, in its own network: what is said of it is the rep's word."""


def session_info(value: Mapping[str, Any]) -> SessionInfo:
    """A session as the broker lists it."""
    state = value["state"]
    ended = state["state"] == "ended"
    return SessionInfo(
        id=value["id"],
        user=value["user"],
        item=value["item"],
        protocol=value["protocol"],
        started=datetime.fromisoformat(value["started"]),
        active=not ended,
        ended=datetime.fromisoformat(state["at"]) if ended else None,
        end_reason=state["reason"]["reason"] if ended else None,
        bytes_from_rep=state.get("bytes_from_rep"),
        bytes_from_target=state.get("bytes_from_target"),
        local=value.get("local", False),
    )


@dataclass(frozen=True, slots=True)
class LoginInfo:
    """A login of a user."""

    id: int
    label: str
    scope: str
    """`sessions` or `everything`."""
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class User:
    """A user."""

    id: int
    name: str
    enabled: bool
    administrator: bool
    default_role: str
    jumpoints: tuple[str, ...]
    """The names of the Jumpoints it may use."""
    logins: tuple[LoginInfo, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A membership in a group."""

    user: str
    role: str | None
    """`None` is the user's default role."""
    policy: str | None = None
    """The name of the Jump Policy that holds in place of the items'."""


@dataclass(frozen=True, slots=True)
class Group:
    """A Jump Group."""

    id: int
    name: str
    comments: str
    items: int
    """How many items it owns."""
    members: tuple[Member, ...]
    """The first hundred."""
    member_count: int = 0


@dataclass(frozen=True, slots=True)
class JumpointInfo:
    """A Jumpoint of the site."""

    id: int
    name: str
    enabled: bool
    online: bool
    key: str | None
    items: int
    """How many items are behind it."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that was closed properly."""

    hash: str
    """The last link of its hash chain, SHA-256 in hex."""
    bytes: int
    lost: int


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """Something that happened in a session."""

    time: datetime
    event_type: str
    performed_by: str
    data: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A row of the session report."""

    session: str
    user: str
    user_id: int | None
    item: str
    item_id: int
    item_type: str
    group: str
    jumpoint: str
    jumpoint_id: int | None
    """`None` if the rep served the session itself."""
    protocol: str
    started: datetime
    ended: datetime | None
    """`None` if it still runs."""
    duration_seconds: int | None
    end_reason: str | None
    ended_normally: bool | None
    bytes_from_rep: int | None
    bytes_from_target: int | None
    reason: str | None
    """Why the user needed it, as the user said."""
    ticket: str | None
    recording: Recording | None
    events: tuple[SessionEvent, ...]
    """What happened inside; at most the first 1000."""
    events_left_out: int
    recording_removed: datetime | None = None
    recording_mode: str | None = None
    """How it was to be recorded; `None` if the log does not say."""


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A row of the Jump Item report."""

    time: datetime
    actor: str
    event: str
    """`Created`, `Deleted`, `Moved To`, `Session Started` and so on."""
    item_type: str
    item: str
    item_id: int
    group: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A row of the changes report."""

    sequence: int
    """The number of its event in the audit log."""
    time: datetime
    actor: str
    event: str
    object: str
    id: str
    name: str
    fields: Mapping[str, Any] = field(hash=False)
    """`old_NAME` and `new_NAME` for each field that changed. Secrets are `***`."""
    group: str | None = None
    remark: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import changed, or would change."""

    made: bool
    """Whether it was made; not if it was a dry run."""
    added: int
    changed: int
    removed: int
    skipped: int
    """How many rows were left out because their items exist."""
    differences: tuple[str, ...]
    """What is different, a line for each object."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What was granted for a session."""

    session: str
    """Its id."""
    user: str
    item: str
    item_id: int
    protocol: str
    until: datetime
    """When it ends at the latest."""
    recording: str
    permissions: Mapping[str, bool] = field(hash=False)
    """What may happen in it, by name."""
    addresses: tuple[tuple[str, int], ...]
    """The hosts and ports that may be reached."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Time will end the session."""

    at: datetime
    seconds_left: int
    rule: Mapping[str, Any] = field(hash=False)
    """What ends it: its `rule` is `duration`, `schedule`, `approval` or another."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over; the last of its news."""

    why: str
    normal: bool
    """Whether one of its two ends closed it."""
