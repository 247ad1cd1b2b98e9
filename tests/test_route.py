"""Where dialled addresses lead."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.route import MAX_ADDRESS, Nowhere, ToAccount, find_route
from signaling.shared.reasons import EndReason

OWN = frozenset({"example.org", "localhost", "127.0.0.1", "::1"})

LEADS_TO = {
    "bob": "bob",
    " Bob ": "bob",
    "bob@example.org": "bob",
    "bob@EXAMPLE.org": "bob",
    "bob@example.org:5060": "bob",
    "bob@127.0.0.1:5060": "bob",
    "bob@[::1]": "bob",
    "bob@[::1]:5060": "bob",
    "sip:bob": "bob",
    "sip:bob@example.org": "bob",
    "SIP:Bob@Example.org": "bob",
    "sips:bob@example.org": "bob",
    "sip:bob@example.org;transport=tcp": "bob",
    "sip:bob@example.org?subject=hello": "bob",
    "sip:bob:secret@example.org": "bob",
    "sip:bob@[::1]:5060;lr": "bob",
    "+49 30 123-456": "+4930123456",
    "+49 (30) 123.456/7": "+49301234567",
    "tel:+4930123456": "+4930123456",
    "tel:+49-30-123456;phone-context=example.org": "+4930123456",
    "sip:+4930123456@example.org": "+4930123456",
    "100": "100",
    "bob@": "bob",
    "björn": "björn",
}

LEADS_NOWHERE = [
    "",
    "   ",
    "@",
    "@example.org",
    "sip:",
    "sip:@example.org",
    "sip:;lr",
    "bob@elsewhere.net",
    "bob@example.org.elsewhere.net",
    "sip:bob@example.org@elsewhere.net",
    "bob\r\nVia: SIP/2.0",
    "bob\x00",
    "b" * (MAX_ADDRESS + 1),
]


@pytest.mark.parametrize("dialled", LEADS_TO)
def test_ways_to_write_an_address_of_ours(dialled: str) -> None:
    assert find_route(dialled, own_domains=OWN, emergency_numbers=("112", "000")) == ToAccount(
        LEADS_TO[dialled]
    )


@pytest.mark.parametrize("dialled", LEADS_NOWHERE)
def test_what_is_no_address_of_ours(dialled: str) -> None:
    route = find_route(dialled, own_domains=OWN, emergency_numbers=("112", "000"))
    assert isinstance(route, Nowhere)
    assert route.reason is EndReason.NOT_FOUND
    assert route.detail


@pytest.mark.parametrize(
    "dialled", ["112", " 112 ", "1 1 2", "1-1-2", "112@example.org", "sip:112@localhost", "tel:000"]
)
def test_emergency_numbers_have_a_reason_of_their_own(dialled: str) -> None:
    route = find_route(dialled, own_domains=OWN, emergency_numbers=("112", "000"))
    assert isinstance(route, Nowhere)
    assert route.reason is EndReason.EMERGENCY


@pytest.mark.parametrize("dialled", ["1120", "0112", "11", "112b"])
def test_numbers_that_hold_an_emergency_number_are_others(dialled: str) -> None:
    assert find_route(dialled, own_domains=OWN, emergency_numbers=("112",)) == ToAccount(dialled)


@settings(max_examples=500, derandomize=True)
@given(st.text(max_size=300))
def test_anything_that_is_typed_leads_somewhere_or_nowhere(dialled: str) -> None:
    route = find_route(dialled, own_domains=OWN, emergency_numbers=("112", "000"))
    assert isinstance(route, Nowhere) or route.user
