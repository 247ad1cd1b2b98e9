"""Digest authentication (RFC 7616, RFC 8760)."""

from itertools import count

import pytest

from signaling.sip.digest import (
    Authenticator,
    Credentials,
    Secret,
    Verdict,
    Verification,
    authorization,
)
from signaling.sip.message import Request, parse
from signaling.sip.syntax import BadSip
from tests.sip import data

REALM = "wsphone.test"
HOST = "192.0.2.10"
URI = "sip:wsphone.test"
SECRETS = [Secret.of("alice", REALM, "first"), Secret.of("alice", REALM, "second")]
ACCEPTED = Verification(Verdict.ACCEPTED, 0)


def authenticator(key: bytes = b"key", max_nonces: int = 100) -> Authenticator:
    serial = count()
    return Authenticator(REALM, key, lambda: f"t-{next(serial)}", max_nonces=max_nonces)


def register(*authorizations: str) -> Request:
    lines = "".join(f"Authorization: {value}\r\n" for value in authorizations)
    message = parse(data.edited(data.REGISTER, ("Expires: 120\r\n", f"Expires: 120\r\n{lines}")))
    assert isinstance(message, Request)
    return message


def signed(challenge: str, password: str = "first", *, nc: int = 1, uri: str = URI) -> Request:
    return register(
        authorization(challenge, "alice", password, "REGISTER", uri, cnonce="0a4f113b", count=nc)
    )


def verify(
    auth: Authenticator, request: Request, *, host: str = HOST, now: float = 10.0
) -> Verification:
    credentials = auth.credentials(request)
    assert credentials is not None
    return auth.verify(credentials, request, host, now, SECRETS)


class TestExampleOfTheRfc:
    """RFC 7616 3.9.1."""

    @pytest.mark.parametrize(
        ("algorithm", "response"),
        [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ],
    )
    def test_the_response_is_the_published_one(self, algorithm: str, response: str) -> None:
        credentials = Credentials(
            username="Mufasa",
            realm="http-auth@example.org",
            nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            uri="/dir/index.html",
            response="",
            algorithm=algorithm,
            qop="auth",
            nc="00000001",
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        )
        secret = Secret.of("Mufasa", "http-auth@example.org", "Circle of Life")
        ha1 = secret.md5 if algorithm == "MD5" else secret.sha256
        assert credentials.answer(ha1, "GET") == response


class TestVerify:
    @pytest.mark.parametrize("algorithm", [0, 1])
    def test_the_right_password_is_accepted_by_either_algorithm(self, algorithm: int) -> None:
        auth = authenticator()
        assert verify(auth, signed(auth.challenge(HOST, 10)[algorithm])) == ACCEPTED

    def test_the_second_secret_is_named_when_it_is_the_one(self) -> None:
        auth = authenticator()
        request = signed(auth.challenge(HOST, 10)[0], "second")
        assert verify(auth, request) == Verification(Verdict.ACCEPTED, 1)

    def test_a_wrong_password_is_refused(self) -> None:
        auth = authenticator()
        request = signed(auth.challenge(HOST, 10)[0], "wrong")
        assert verify(auth, request).verdict is Verdict.REFUSED

    def test_a_user_without_secrets_is_refused(self) -> None:
        auth = authenticator()
        request = signed(auth.challenge(HOST, 10)[0])
        credentials = auth.credentials(request)
        assert credentials is not None
        assert auth.verify(credentials, request, HOST, 10, []).verdict is Verdict.REFUSED

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("qop=auth", "qop=auth-int"),
            ("qop=auth, ", ""),
            ("nc=00000001", "nc=1"),
            ("nc=00000001", "nc=0000_001"),
            ("nc=00000001", "nc=00000000"),
            ("algorithm=SHA-256", "algorithm=SHA-512"),
            ("algorithm=SHA-256", "algorithm=MD5"),
            ('cnonce="0a4f113b"', 'cnonce=""'),
            ('uri="sip:wsphone.test"', 'uri="sip:other.test"'),
        ],
    )
    def test_what_was_changed_is_not_accepted(self, old: str, new: str) -> None:
        auth = authenticator()
        request = signed(auth.challenge(HOST, 10)[0])
        changed = parse(data.edited(bytes(request), (old, new)))
        assert isinstance(changed, Request)
        assert verify(auth, changed).verdict is not Verdict.ACCEPTED

    def test_an_equal_uri_written_differently_is_the_same_target(self) -> None:
        auth = authenticator()
        assert verify(auth, signed(auth.challenge(HOST, 10)[0], uri="sip:WSPHONE.test")) == ACCEPTED


class TestNonce:
    def test_it_is_stale_after_its_time(self) -> None:
        auth = authenticator()
        request = signed(auth.challenge(HOST, 10)[0])
        assert verify(auth, request, now=400).verdict is Verdict.STALE
        assert verify(auth, request, now=310) == ACCEPTED

    def test_it_is_stale_from_another_host(self) -> None:
        auth = authenticator()
        request = signed(auth.challenge(HOST, 10)[0])
        assert verify(auth, request, host="203.0.113.9").verdict is Verdict.STALE

    def test_one_of_another_server_is_stale(self) -> None:
        request = signed(authenticator(b"another").challenge(HOST, 10)[0])
        assert verify(authenticator(), request).verdict is Verdict.STALE

    @pytest.mark.parametrize("nonce", ["", "-", "a-b", "zz-a-b", "a-b-\u00e9", "a" * 99 + "-b-c"])
    def test_a_made_up_one_is_stale(self, nonce: str) -> None:
        challenge = f'Digest realm="{REALM}", qop="auth", nonce="{nonce}", algorithm=MD5'
        assert verify(authenticator(), signed(challenge)).verdict is Verdict.STALE

    def test_without_our_nonce_nothing_else_is_held_against_anyone(self) -> None:
        challenge = f'Digest realm="{REALM}", qop="auth", nonce="a-b-c", algorithm=MD5'
        request = signed(challenge, "wrong", uri="sip:elsewhere.test")
        assert verify(authenticator(), request).verdict is Verdict.STALE

    def test_phones_that_give_up_at_what_they_do_not_know_get_md5_alone(self) -> None:
        (challenge,) = authenticator().challenge(HOST, 10, user_agent="baresip v1.0.0 (x86_64)")
        assert "algorithm=MD5" in challenge

    def test_a_challenge_says_when_it_follows_a_stale_one(self) -> None:
        auth = authenticator()
        assert all("stale=true" in value for value in auth.challenge(HOST, 10, stale=True))
        assert not any("stale" in value for value in auth.challenge(HOST, 10))


class TestReplay:
    """RFC 7616 3.4.5: a count is good once."""

    def test_the_same_count_is_stale_and_the_next_is_good(self) -> None:
        auth = authenticator()
        challenge = auth.challenge(HOST, 10)[0]
        assert verify(auth, signed(challenge)) == ACCEPTED
        assert verify(auth, signed(challenge)).verdict is Verdict.STALE
        assert verify(auth, signed(challenge, nc=3)) == ACCEPTED
        assert verify(auth, signed(challenge, nc=2)).verdict is Verdict.STALE

    def test_a_wrong_password_uses_up_nothing(self) -> None:
        auth = authenticator()
        challenge = auth.challenge(HOST, 10)[0]
        verify(auth, signed(challenge, "wrong"))
        assert verify(auth, signed(challenge)) == ACCEPTED

    def test_what_memory_forgot_is_stale_and_not_good_again(self) -> None:
        auth = authenticator(max_nonces=2)
        challenges = [auth.challenge(HOST, 10 + age)[0] for age in range(4)]
        for challenge in challenges:
            assert verify(auth, signed(challenge), now=20) == ACCEPTED
        for challenge in challenges:
            assert verify(auth, signed(challenge), now=20).verdict is Verdict.STALE
        assert verify(auth, signed(auth.challenge(HOST, 20)[0]), now=20) == ACCEPTED


class TestCredentials:
    def test_other_schemes_and_realms_are_passed_over(self) -> None:
        auth = authenticator()
        mine = authorization(auth.challenge(HOST, 1)[0], "alice", "x", "REGISTER", URI, cnonce="c")
        foreign = mine.replace(REALM, "elsewhere.test")
        assert auth.credentials(register()) is None
        assert auth.credentials(register("Basic eDp5", foreign)) is None
        found = auth.credentials(register("Basic eDp5", foreign, mine))
        assert found is not None
        assert found.username == "alice"

    @pytest.mark.parametrize(
        "value",
        ["Digest", "Digest ", "Digest x", 'Digest realm="a', 'Digest realm="a", realm="b"'],
    )
    def test_garbled_ones_are_bad(self, value: str) -> None:
        with pytest.raises(BadSip):
            Credentials.parse(value)

    def test_a_name_with_quotes_survives(self) -> None:
        challenge = authenticator().challenge(HOST, 1)[0]
        value = authorization(challenge, 'a"b\\c', "x", "REGISTER", URI, cnonce="c")
        assert Credentials.parse(value).username == 'a"b\\c'

    def test_a_challenge_that_we_cannot_answer_is_bad(self) -> None:
        for challenge in ("Basic x", 'Digest realm="a", nonce="b"'):
            with pytest.raises(BadSip):
                authorization(challenge, "a", "b", "REGISTER", URI, cnonce="c")
