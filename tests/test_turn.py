"""Clients are told of TURN servers with credentials that coturn takes, and nothing more."""

import base64
import hashlib
import hmac

from signaling.turn import TurnServers

NOW = 1_700_000_000.5
SECRET = "5f8c0a7e" * 4
URLS = ("stun:turn.test", "turn:turn.test?transport=udp", "turns:turn.test:5349")


def servers(*urls: str, seconds: float = 3600.0) -> TurnServers:
    return TurnServers(urls, SECRET, seconds)


def test_a_stun_server_asks_for_no_credentials() -> None:
    stun, turn = servers(*URLS).told("id of alice", NOW)
    assert (stun.urls, stun.username, stun.credential) == (["stun:turn.test"], None, None)
    assert turn.urls == list(URLS[1:])


def test_the_credentials_are_what_coturn_computes() -> None:
    (turn,) = servers(URLS[1]).told("id of alice", NOW)
    assert turn.username is not None and turn.credential is not None
    expiry, _, _ = turn.username.partition(":")
    assert int(expiry) == 1_700_003_600
    # use-auth-secret: base64(hmac-sha1(static-auth-secret, username))
    proof = hmac.new(SECRET.encode(), turn.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(turn.credential) == proof


def test_the_name_is_the_accounts_own_and_tells_nobody_whose() -> None:
    names = []
    for account, now in (("id of alice", NOW), ("id of alice", NOW + 9), ("id of bob", NOW)):
        (turn,) = servers(URLS[1]).told(account, now)
        assert turn.username is not None and "alice" not in turn.username
        names.append(turn.username.partition(":")[2])
    assert names[0] == names[1] != names[2]


def test_another_secret_makes_other_names() -> None:
    (ours,) = servers(URLS[1]).told("id of alice", NOW)
    (theirs,) = TurnServers(URLS[1:2], "x" * 32, 3600.0).told("id of alice", NOW)
    assert ours.username != theirs.username


def test_only_credentials_have_to_be_renewed() -> None:
    assert servers(*URLS).renew_seconds == 1800.0
    assert TurnServers(("stun:turn.test",)).renew_seconds is None
    assert TurnServers(("stun:turn.test",)).told("id of alice", NOW)[0].username is None


def test_the_secret_is_not_in_what_it_prints() -> None:
    assert SECRET not in repr(servers(*URLS))
