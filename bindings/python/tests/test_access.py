"""Access decisions without a broker, and the broker's own."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

import jump
from conftest import Site


@pytest.fixture
def world(ada: jump.sync.Rep) -> jump.World:
    return ada.world()


def test_a_decision_says_yes_and_why(world: jump.World) -> None:
    answer = jump.decide(world, "bob", "default/web-1")
    assert answer and answer.allowed and not answer.needs and answer.why_not == ""
    assert (answer.user, answer.item) == ("bob", "default/web-1")
    assert answer.obligations is not None and answer.obligations["recording"] == "backpressure"
    assert {"method", "jumpoint", "role"} <= {reason.gate for reason in answer.reasons}
    assert not any(reason.stops for reason in answer.reasons)
    assert "Start Sessions Only" in str(next(one for one in answer.reasons if one.gate == "role"))


def test_a_decision_says_no_and_why(world: jump.World) -> None:
    answer = jump.decide(world, "bob", "web-1", action="perm_add")
    assert not answer
    assert "Start Sessions Only" in answer.why_not
    assert jump.why(world, "bob", "web-1").startswith("bob on default/web-1: yes\nyes  ")


def test_a_moment_decides(world: jump.World) -> None:
    with pytest.raises(jump.InvalidArgument, match="time zone"):
        jump.decide(world, "bob", "web-1", at=datetime(2026, 1, 1))
    at = datetime.now(timezone.utc) + timedelta(days=1)
    answer = jump.decide(world, "bob", "web-1", at=at)
    assert answer.obligations is not None
    until = datetime.fromisoformat(answer.obligations["until"])
    assert until - at == timedelta(hours=12)


def test_who_and_what_agree_with_the_broker(ada: jump.sync.Rep, world: jump.World) -> None:
    here, there = jump.who(world, "web-1"), ada.who("web-1")
    assert [(one.user, one.allowed) for one in here] == [("ada", True), ("bob", True)]
    assert [(one.user, one.allowed) for one in here] == [(one.user, one.allowed) for one in there]
    assert {one.item for one in jump.what(world, "bob")} == {one.item for one in ada.what("bob")}
    everybody = jump.who(world, "web-1", action="perm_add", denied=True)
    assert [(one.user, one.allowed) for one in everybody] == [("ada", True), ("bob", False)]


def test_a_world_comes_back_from_its_document(world: jump.World) -> None:
    again = jump.World.of_document(world.document("toml"))
    assert jump.decide(again, "bob", "web-1").allowed
    assert again.document("json") == world.document("json")


def test_a_site_that_does_not_exist_yet_can_be_asked_about(
    ada: jump.sync.Rep, world: jump.World
) -> None:
    (bob,) = ada.users("bob")
    later = world.after(f'[{{"change": "remove_user", "value": {bob.id}}}]')
    assert later.revision == world.revision + 1
    assert [one.user for one in jump.who(later, "web-1")] == ["ada"]
    assert len(jump.who(world, "web-1")) == 2, "the site as it is stays as it is"
    with pytest.raises(jump.InvalidArgument):
        world.after("[1]")


def test_names_that_lead_nowhere_are_said(world: jump.World) -> None:
    with pytest.raises(jump.NotFound, match="no user"):
        jump.decide(world, "nobody", "web-1")
    with pytest.raises(jump.NotFound, match="no such item"):
        jump.decide(world, "bob", "web-9")
    with pytest.raises(jump.InvalidArgument):
        jump.decide(world, "bob", "web-1", action="fly")


def test_the_broker_explains(ada: jump.sync.Rep, site: Site) -> None:
    answer = ada.why("web-1", user="bob")
    assert answer and answer.user == "bob" and answer.reasons and answer.permissions
    assert answer.at.tzinfo is not None
    with jump.sync.connect(site.bob) as bob:
        assert bob.why("web-1").allowed
        with pytest.raises(jump.Denied):
            bob.who("web-1")
        assert {one.item for one in bob.what()} >= {"default/web-1"}
