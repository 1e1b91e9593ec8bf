"""What a rep asks of its broker: lists, kill and revoke, reports, import and export, errors."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import io
import pathlib

import pandas
import pytest

import jump
from conftest import Site


async def test_a_list_shows_what_one_may_see_as_typed_rows(site: Site) -> None:
    async with jump.connect(site.bob) as rep:
        assert rep.user == "bob"
        items = {item.name: item for item in await rep.items()}
        assert {"web-1", "desk", "db"} <= set(items)
        web = items["web-1"]
        assert (web.group, web.jumpoint, web.online, web.type) == (
            "default",
            "local",
            True,
            "shell_jump",
        )
        assert web.has_credential and web.details["port"] == site.servers.ssh["port"]
        assert [item.name for item in await rep.items(method="remote_vnc")] == ["desk"]
        assert await rep.items(search="no such words") == []
        assert await rep.item("default/web-1") == web
        with pytest.raises(jump.NotFound):
            await rep.item("web-9")
        with pytest.raises(jump.Denied):
            await rep.users()


async def test_lists_longer_than_a_page_are_read_to_their_end(site: Site) -> None:
    async with jump.connect(site.ada) as rep:
        template = next(csv.DictReader(io.StringIO(await rep.export_items("shell_jump"))))
        await rep.edit({"edit": "add_group", "name": "many", "comments": ""})
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, template)
        writer.writeheader()
        for number in range(1005):
            name = f"many-{number:04}"
            writer.writerow(template | {"name": name, "jump_group": "many"})
        file = out.getvalue()
        planned = await rep.import_items("shell_jump", file, dry_run=True)
        assert (planned.made, planned.added) == (False, 1005)
        imported = await rep.import_items("shell_jump", file)
        assert (imported.made, imported.added, len(imported.differences)) == (True, 1005, 1005)
        assert len(await rep.items(group="many")) == 1005
        with pytest.raises(jump.ImportRefused) as caught:
            await rep.import_items("shell_jump", file)
        assert caught.value.count == 1005 and caught.value.problems[0]["row"] == 2
        skipped = await rep.import_items("shell_jump", file, on_conflict="skip")
        assert (skipped.added, skipped.skipped) == (0, 1005)
        await rep.edit({"edit": "remove_group", "name": "many"})


async def test_a_site_goes_out_as_a_document_and_comes_back(site: Site) -> None:
    async with jump.connect(site.ada) as rep:
        document = await rep.export_site()
        assert "web-1" in document and "[[" in document
        same = await rep.import_site(document)
        assert (same.added, same.changed, same.removed) == (0, 0, 0)
        more = document + '\n[[groups]]\nname = "imported"\n'
        planned = await rep.import_site(more, dry_run=True)
        assert (planned.made, planned.added) == (False, 1)
        with pytest.raises(jump.InvalidArgument):
            await rep.import_site("not a document")


async def accounted(rep: jump.Rep, session: str) -> None:
    """Waits until the broker has written down how the session ended."""
    while any(one.id == session for one in await rep.sessions(active=True)):
        await asyncio.sleep(0)


async def test_a_session_that_is_killed_says_who_did_it(site: Site) -> None:
    async with jump.connect(site.ada) as admin, jump.connect(site.bob) as rep:
        async with rep.shell("web-1") as shell, shell.start("cat") as process:
            session = shell.granted.session
            (listed,) = [one for one in await admin.sessions(active=True) if one.id == session]
            assert (listed.user, listed.item, listed.protocol) == ("bob", "web-1", "ssh")
            assert listed.active and listed.ended is None
            waiting = asyncio.ensure_future(process.next())
            await admin.end_session(session)
            with pytest.raises(jump.SessionEnded, match="ended by ada"):
                await waiting
            said = [one async for one in shell.news()]
            assert said == [jump.Ended("ended by ada", normal=False)]
            with pytest.raises(jump.SessionEnded):
                await shell.run("true")
        await accounted(admin, session)
        (over,) = [one for one in await admin.sessions() if one.id == session]
        assert not over.active and over.end_reason == "ended_by" and over.ended is not None
        with pytest.raises(jump.NotFound):
            await admin.end_session(session)


async def test_access_that_is_revoked_ends_the_session_at_once(site: Site) -> None:
    member = {"group": "default", "user": "bob"}
    async with jump.connect(site.ada) as admin, jump.connect(site.bob) as rep:
        async with rep.shell("web-1") as shell, shell.start("cat") as process:
            waiting = asyncio.ensure_future(process.next())
            try:
                await admin.edit({"edit": "remove_member", **member})
                with pytest.raises(jump.SessionEnded, match="revoked"):
                    await waiting
                with pytest.raises(jump.NotFound):
                    await rep.shell("web-1")
            finally:
                role = {"role": "Start Sessions Only"}
                await admin.edit({"edit": "add_member", **member, **role})
        async with rep.shell("web-1") as shell:
            assert (await shell.run("true")).ok


async def test_reports_are_typed_rows_that_make_a_table(site: Site) -> None:
    async with jump.connect(site.bob) as rep, rep.shell("web-1") as shell:
        session = shell.granted.session
        await shell.run("echo reported")
    async with jump.connect(site.ada) as rep:
        await accounted(rep, session)
        (row,) = [one async for one in rep.report("sessions", session=session)]
        assert (row.user, row.item, row.protocol) == ("bob", "web-1", "ssh")
        assert row.ended is not None and row.ended >= row.started
        assert row.recording is not None and row.recording.lost == 0
        assert row.events and row.events[0].time.tzinfo is not None
        changes = [one async for one in rep.report("changes")]
        assert any(one.event == "jump_item_added" and one.name == "web-1" for one in changes)
        started = [one async for one in rep.report("items", user="bob")]
        assert {"Session Started"} <= {one.event for one in started}
        table = pandas.DataFrame(started)
        assert list(table.columns) == [one.name for one in dataclasses.fields(jump.ItemRow)]
        assert str(table["time"].dtype).startswith("datetime64")
    async with jump.connect(site.bob) as rep:
        mine = [one async for one in rep.report("sessions")]
        assert {one.user for one in mine} == {"bob"}
        with pytest.raises(jump.Denied):
            [one async for one in rep.report("changes")]


async def test_what_goes_wrong_has_its_class(site: Site, tmp_path: pathlib.Path) -> None:
    with pytest.raises(jump.NotFound):
        await jump.connect(tmp_path / "no login")
    with pytest.raises(jump.InvalidArgument):
        await jump.connect(profile="../bob")
    async with jump.connect(site.ada) as rep:
        invitation = await rep.invite("bob", scope="sessions")
        login = await jump.enrol(invitation, label="twice")
        assert login.user == "bob"
        with pytest.raises(jump.AuthenticationFailed):
            await jump.enrol(invitation, label="twice")
        (bob,) = await rep.users("bob")
        (made,) = [one for one in bob.logins if one.label == "twice"]
        assert made.scope == "sessions"
        async with jump.connect(login) as short:
            assert short.user == "bob"
            await rep.edit({"edit": "remove_login", "login": made.id})
            with pytest.raises(jump.AuthenticationFailed):
                await short.disconnected()
        with pytest.raises(jump.AuthenticationFailed):
            await jump.connect(login)
    with pytest.raises(jump.Closed):
        await rep.items()


async def test_the_rest_of_the_control_protocol_can_be_asked_for(site: Site) -> None:
    async with jump.connect(site.ada) as rep:
        latest = await rep.request({"ask": "sessions", "active_only": False, "limit": 1})
        assert len(latest) == 1 and latest[0]["user"] in ("ada", "bob")
        assert [one.name for one in await rep.jumpoints()] == ["local"]
        (group,) = await rep.groups("default")
        assert {one.user for one in group.members} == {"ada", "bob"}
        assert {one.user: one.role for one in await rep.members("default")} == {
            "ada": "Administrator",
            "bob": "Start Sessions Only",
        }
        with pytest.raises(jump.InvalidArgument):
            await rep.request({"ask": "nonsense"})


def test_the_blocking_half_does_the_same(site: Site) -> None:
    with jump.sync.connect(site.ada) as admin, jump.sync.connect(site.bob) as rep:
        assert {item.name for item in rep.items()} >= {"web-1", "desk", "db"}
        with rep.shell("web-1") as shell, shell.start("cat") as process:
            admin.end_session(shell.granted.session)
            with pytest.raises(jump.SessionEnded, match="ended by ada"):
                list(process)
            assert list(shell.news()) == [jump.Ended("ended by ada", normal=False)]
        assert any(row.item == "web-1" for row in admin.report("sessions", user="bob"))
        assert admin.import_site(admin.export_site("json")).changed == 0
