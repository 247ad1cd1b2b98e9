"""A check is told from what anybody may send to an open port."""

import pytest
from aioice.stun import Class, Message, Method, parse_message
from hypothesis import given
from hypothesis import strategies as st

from media.stun import MAX_ATTRIBUTES, is_check, transaction_of_answer

UFRAG, PASSWORD = "aB3d", "a password of twenty-two"


def check(
    *,
    name: str = f"{UFRAG}:peer",
    password: str = PASSWORD,
    method: Method = Method.BINDING,
    kind: Class = Class.REQUEST,
) -> bytes:
    """A message as ICE agents send it, by a library that is not ours."""
    # Not by chance, as it names the tests' parameters.
    transaction = b"transaction!"
    message = Message(method, kind, transaction, {"USERNAME": name, "PRIORITY": 1})
    message.add_message_integrity(password.encode())
    return bytes(message)


class TestChecks:
    def test_one_by_our_password_is_ours(self) -> None:
        assert is_check(check(), UFRAG, PASSWORD)

    def test_one_without_a_fingerprint_is_as_well(self) -> None:
        message = parse_message(check())
        del message.attributes["FINGERPRINT"]
        assert is_check(bytes(message), UFRAG, PASSWORD)

    @pytest.mark.parametrize(
        "stranger",
        [
            check(name=""),
            check(name=UFRAG),
            check(name="aB3:peer"),
            check(name="peer:aB3d"),
            check(password="another password of ours"),
            check(method=Method.ALLOCATE),
            check(kind=Class.INDICATION),
            check(kind=Class.RESPONSE),
            check()[:-4],
            check() + bytes(4),
            check()[:19],
            b"",
        ],
    )
    def test_anything_else_is_not(self, stranger: bytes) -> None:
        assert not is_check(stranger, UFRAG, PASSWORD)

    def test_neither_name_nor_signature_may_be_missing(self) -> None:
        nameless = Message(Method.BINDING, Class.REQUEST, attributes={"PRIORITY": 1})
        nameless.add_message_integrity(PASSWORD.encode())
        unsigned = Message(Method.BINDING, Class.REQUEST, attributes={"USERNAME": f"{UFRAG}:peer"})
        for message in (nameless, unsigned):
            assert not is_check(bytes(message), UFRAG, PASSWORD)

    def test_no_bit_of_what_is_signed_may_differ(self) -> None:
        good = check()
        end = len(good) - 8  # the fingerprint after it is not signed
        for index in [*range(2), *range(4, end)]:
            bad = good[:index] + bytes([good[index] ^ 1]) + good[index + 1 :]
            assert not is_check(bad, UFRAG, PASSWORD), index

    def test_attributes_are_read_up_to_a_bound(self) -> None:
        many = bytes(4) * (MAX_ATTRIBUTES + 1)
        head = (1).to_bytes(2, "big") + len(many).to_bytes(2, "big") + check()[4:20]
        assert not is_check(head + many, UFRAG, PASSWORD)

    @given(st.binary(max_size=100))
    def test_any_bytes_are_a_check_or_not(self, data: bytes) -> None:
        good = check()
        assert not is_check(data, UFRAG, PASSWORD)
        assert not is_check(good[:20] + data, UFRAG, PASSWORD)
        length = (-(-len(data) // 4) * 4).to_bytes(2, "big")
        padded = good[:2] + length + good[4:20] + data.ljust(int.from_bytes(length, "big"), b"\0")
        assert not is_check(padded, UFRAG, PASSWORD)


class TestAnswers:
    @pytest.mark.parametrize("kind", [Class.RESPONSE, Class.ERROR])
    def test_an_answer_has_its_transaction(self, kind: Class) -> None:
        answer = check(kind=kind)
        assert transaction_of_answer(answer) == answer[8:20]

    @pytest.mark.parametrize(
        "data",
        [b"", check(), check(kind=Class.INDICATION), check(kind=Class.RESPONSE)[:-1]],
        ids=["nothing", "check", "indication", "cut short"],
    )
    def test_anything_else_has_none(self, data: bytes) -> None:
        assert transaction_of_answer(data) is None
