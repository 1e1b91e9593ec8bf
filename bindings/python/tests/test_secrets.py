"""Credentials are shown nowhere: not by `repr`, not by pickle, not in a traceback."""

from __future__ import annotations

import copy
import pathlib
import pickle
import traceback

import pytest

import jump
from conftest import Site
from jump import _jump

SECRET = "hunter2-hunter2"


def test_a_secret_is_not_shown_copied_or_pickled() -> None:
    secret = jump.Secret(SECRET)
    for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}"):
        assert SECRET not in shown
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="secret"):
            leak(secret)
    assert secret.reveal() == SECRET
    assert not hasattr(secret, "__dict__")


def test_a_login_is_not_pickled_and_its_key_not_shown(site: Site) -> None:
    login = jump.Login.read(site.ada)
    key = site.ada.read_text().split('"key":"')[-1].split('"')[0]
    assert len(key) == 43 and key in site.ada.read_text()
    assert key not in repr(login) and login.user == "ada"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="secret"):
            leak(login)


def test_no_native_value_is_pickled(site: Site) -> None:
    with jump.sync.connect(site.ada) as rep, rep.shell("web-1") as shell:
        for value in (rep, shell, shell._raw):
            with pytest.raises(TypeError):
                pickle.dumps(value)


def test_a_login_that_others_can_read_or_that_is_damaged_is_refused_without_being_repeated(
    site: Site, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "login"
    jump.Login.read(site.ada).write(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert jump.Login.read(file).user == "ada"
    file.chmod(0o640)
    with pytest.raises(jump.StorageError, match="chmod 600"):
        jump.Login.read(file)
    file.write_text(file.read_text().replace('"kind"', '"king"'))
    file.chmod(0o600)
    key = site.ada.read_text().split('"key":"')[-1].split('"')[0]
    with pytest.raises(jump.StorageError) as caught:
        jump.Login.read(file)
    assert key not in "".join(traceback.format_exception(caught.value))


def test_tracebacks_hold_no_secret(ada: jump.sync.Rep, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    secret = jump.Secret.read(file)
    assert secret.reveal() == SECRET
    with pytest.raises(jump.NotFound) as caught:
        ada.set_credential("no such item", "root", secret)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = "".join(told.format())
    # The variable is there, as what `repr` shows.
    assert "password = Secret(…)" in shown
    assert SECRET not in shown


def test_a_request_that_has_no_form_is_not_repeated(ada: jump.sync.Rep) -> None:
    with pytest.raises(jump.InvalidArgument) as caught:
        ada.request({"ask": "second_factor", "code": SECRET})
    assert SECRET not in str(caught.value)


def test_a_spoilt_invitation_is_not_repeated() -> None:
    with pytest.raises(jump.InvalidArgument) as caught:
        _jump.enrol(jump.Secret(f"jump-invite-1.{SECRET}"), "here")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_an_answer_that_is_an_invitation_is_a_secret(ada: jump.sync.Rep) -> None:
    invitation = ada.invite("bob", scope="sessions")
    assert isinstance(invitation, jump.Secret)
    assert invitation.reveal().startswith("jump-invite-1.")
    assert "jump-invite" not in repr(invitation)


def test_a_second_interpreter_in_the_process_is_refused() -> None:
    interpreters = pytest.importorskip("_xxsubinterpreters")
    other = interpreters.create()
    try:
        with pytest.raises(interpreters.RunFailedError, match="one interpreter"):
            interpreters.run_string(other, "import jump")
    finally:
        interpreters.destroy(other)
