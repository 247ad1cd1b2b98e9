"""Failures count for a source and an account together, and never against a live registration."""

from signaling.sip.bans import Bans
from signaling.sip.message import Request, parse
from tests.sip import data

HERE, THERE = "203.0.113.5", "203.0.113.6"


def failed(times: int) -> Bans:
    bans = Bans(failures=3, failure_seconds=10)
    for _ in range(times):
        bans.fail(HERE, "Alice", 0.0)
    return bans


def request(*changes: tuple[str, str]) -> Request:
    message = parse(data.edited(data.REGISTER, *changes))
    assert isinstance(message, Request)
    return message


def test_a_few_failures_are_forgiven() -> None:
    assert not failed(2).is_banned(HERE, "alice", 0.0)


def test_more_of_them_are_not_until_time_has_passed() -> None:
    bans = failed(3)
    assert bans.is_banned(HERE, "alice", 9.0)
    assert not bans.is_banned(HERE, "alice", 10.0)


def test_neither_the_account_nor_the_source_alone_is_banned() -> None:
    bans = failed(3)
    assert not bans.is_banned(THERE, "alice", 0.0)
    assert not bans.is_banned(HERE, "bob", 0.0)


def test_a_source_with_a_live_registration_is_exempt() -> None:
    bans = failed(9)
    bans.exempt(HERE, 60.0)
    assert not bans.is_banned(HERE, "alice", 59.0)
    assert bans.is_banned(HERE, "alice", 60.0)


def test_the_longest_registration_of_a_source_counts() -> None:
    bans = failed(9)
    bans.exempt(HERE, 60.0)
    bans.exempt(HERE, 30.0)
    assert not bans.is_banned(HERE, "alice", 59.0)


def test_a_request_is_ignored_by_its_credentials_or_by_whom_it_is_from() -> None:
    bans = failed(3)
    assert bans.ignores(request(), HERE, 0.0)
    bob = ("Max-Forwards: 70", 'Authorization: Digest username="bob"\r\nMax-Forwards: 70')
    assert not bans.ignores(request(bob), HERE, 0.0)
    assert bans.ignores(request((bob[0], bob[1].replace("bob", "ALICE"))), HERE, 0.0)


def test_a_request_that_cannot_be_read_is_left_to_others() -> None:
    assert not failed(3).ignores(request(("From: ", "From: <<")), HERE, 0.0)
