"""Exceptions: every kind has its class, and each can be told apart, caught and passed on."""

from __future__ import annotations

import pickle

import pytest

import jump
from jump import _errors, _jump


def test_every_kind_of_error_has_a_class_with_its_number_and_word() -> None:
    kinds = dict(_jump.error_kinds())
    assert {number: one.kind for number, one in _errors.BY_NUMBER.items()} == kinds
    assert all(one.number == number for number, one in _errors.BY_NUMBER.items())


def test_every_class_is_exported_and_has_one_base() -> None:
    for one in _errors._classes(jump.JumpError):
        assert getattr(jump, one.__name__) is one
        assert one.__doc__, one


@pytest.mark.parametrize(
    ("ours", "standard"),
    [
        (jump.InvalidArgument, ValueError),
        (jump.NotFound, LookupError),
        (jump.Denied, PermissionError),
        (jump.AuthenticationFailed, PermissionError),
        (jump.JumpTimeout, TimeoutError),
        (jump.Unavailable, ConnectionError),
        (jump.Closed, ConnectionError),
        (jump.SessionEnded, ConnectionError),
        (jump.TargetUnreachable, ConnectionError),
        (jump.TargetAuthenticationFailed, PermissionError),
        (jump.StorageError, OSError),
        (jump.NetworkError, ConnectionError),
        (jump.UnsupportedError, NotImplementedError),
        (jump.InternalError, RuntimeError),
    ],
)
def test_what_means_the_same_as_one_of_pythons_is_one(
    ours: type[jump.JumpError], standard: type[Exception]
) -> None:
    assert issubclass(ours, standard)
    with pytest.raises(standard, match="^because$"):
        raise ours("because")


@pytest.mark.parametrize("number", [number for number, _ in _jump.error_kinds()])
def test_an_error_keeps_everything_when_it_is_pickled(number: int) -> None:
    kind = dict(_jump.error_kinds())[number]
    error = _errors.of_native(number, kind, "dial", "web-1\x1b", "dial: web-1\\u{1b}", True)
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error) is _errors.BY_NUMBER[number]
    assert (str(back), back.kind, back.number) == ("dial: web-1\\u{1b}", kind, number)
    assert (back.operation, back.context, back.retryable) == ("dial", "web-1\x1b", True)


def test_an_error_of_a_newer_kind_is_still_one_of_ours() -> None:
    error = _errors.of_native(999, "unheard_of", "try", "", "try: something new", False)
    assert type(error) is jump.JumpError
    assert (error.kind, error.number) == ("unheard_of", 999)


def test_what_the_native_half_raises_has_its_class() -> None:
    with pytest.raises(jump.InvalidArgument) as caught:
        jump.World.of_changes("{}")
    assert caught.value.kind == "invalid_argument"
    assert caught.value.operation == "read the changes"
    assert not caught.value.retryable
