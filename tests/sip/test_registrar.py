"""The registrar (RFC 3261 10.3, RFC 5626)."""

import json
from itertools import count

import pytest

from signaling.sip.flow import Flow
from signaling.sip.message import Request, parse
from signaling.sip.registrar import (
    Added,
    BindingEvent,
    Moved,
    Registrar,
    Registration,
    Removed,
    Rules,
)
from tests.sip import data

AOR = "sip:alice@wsphone.test"
FLOW = Flow("udp", "203.0.113.5", 40_000)
MOVED = Flow("udp", "203.0.113.77", 50_000)
INSTANCE = '+sip.instance="<urn:uuid:6f0a93c4-55f7-4a5c-9c6f-9d0ba4a6b6a1>"'


class Office:
    """A registrar with one address of record, and REGISTER requests for it."""

    def __init__(self, rules: Rules | None = None) -> None:
        serial = count(1)
        self.registrar = Registrar(lambda: f"id{next(serial)}", rules)

    def register(
        self,
        *contacts: str,
        expires: str | None = None,
        call_id: str = "c1",
        cseq: int = 1,
        now: float = 0.0,
        flow: Flow = FLOW,
    ) -> Registration:
        lines = "".join(f"Contact: {contact}\n" for contact in contacts)
        if expires is not None:
            lines += f"Expires: {expires}\n"
        message = parse(
            data.wire(
                "REGISTER sip:wsphone.test SIP/2.0\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\n"
                f"From: <{AOR}>;tag=1\nTo: <{AOR}>\nCall-ID: {call_id}\n"
                f"CSeq: {cseq} REGISTER\n{lines}\n"
            )
        )
        assert isinstance(message, Request)
        return self.registrar.register(AOR, message, flow, now)

    def uris(self, now: float = 0.0) -> list[str]:
        return [contact.uri for contact in self.registrar.contacts(AOR, now)]

    def happened(self) -> list[tuple[str, str]]:
        return [(_kind(event), event.contact.uri) for event in self.registrar.events()]


def _kind(event: BindingEvent) -> str:
    match event:
        case Added():
            return "added"
        case Moved():
            return "moved"
        case Removed(expired=expired):
            return "expired" if expired else "removed"


@pytest.fixture
def office() -> Office:
    return Office()


class TestBinding:
    def test_a_linphone_register_binds_with_everything_as_it_came(self) -> None:
        registrar = Registrar(lambda: "id")
        message = parse(data.REGISTER)
        assert isinstance(message, Request)
        answer = registrar.register(AOR, message, FLOW, 100.0)
        (contact,) = registrar.contacts(AOR, 100.0)
        assert contact.uri == (
            "sip:alice@192.0.2.10:5101;transport=udp;pn-provider=fcm;pn-prid=a:b&c=d;pn-silent=1"
        )
        assert contact.instance == "<urn:uuid:6f0a93c4-55f7-4a5c-9c6f-9d0ba4a6b6a1>"
        assert (contact.flow, contact.expires_at, contact.q) == (FLOW, 220.0, 1.0)
        assert contact.user_agent.startswith("Linphone-Desktop/5.1.65")
        assert answer == Registration(
            200,
            [
                (
                    "Contact",
                    f'<{contact.uri}>;{INSTANCE};+org.linphone.specs="lime";expires=120',
                )
            ],
        )

    def test_several_contacts_are_kept_and_the_preferred_comes_first(self, office: Office) -> None:
        office.register("<sip:a@h>;q=0.2, <sip:b@h>;q=0.9", "<sip:c@h>;q=0.5")
        assert office.uris() == ["sip:b@h", "sip:c@h", "sip:a@h"]
        assert office.happened() == [(("added"), f"sip:{user}@h") for user in "abc"]

    def test_a_request_without_contact_only_asks(self, office: Office) -> None:
        office.register("<sip:a@h>", expires="600")
        office.happened()
        answer = office.register(cseq=1, now=100)
        assert answer == Registration(200, [("Contact", "<sip:a@h>;expires=500")])
        assert office.happened() == []

    def test_a_refresh_keeps_the_id_and_tells_nobody(self, office: Office) -> None:
        office.register("<sip:a@h>")
        (before,) = office.registrar.contacts(AOR, 0)
        office.happened()
        office.register("<sip:a@h>", cseq=2, now=10)
        (after,) = office.registrar.contacts(AOR, 10)
        assert (after.id, after.expires_at) == (before.id, 3_610.0)
        assert office.happened() == []

    def test_a_phone_that_was_started_again_tells_so_by_its_call_id(self, office: Office) -> None:
        """RFC 3261 10.2: all registrations until the next start have the same one."""
        office.register("<sip:a@h>")
        office.happened()
        office.register("<sip:a@h>", call_id="c2")
        assert office.happened() == [("moved", "sip:a@h")]
        office.register("<sip:a@h>", call_id="c2", cseq=2)
        assert office.happened() == []

    def test_a_phone_that_moved_keeps_its_id_with_a_new_flow(self, office: Office) -> None:
        """The same instance replaces its binding, whatever address it has now (RFC 5626 6)."""
        office.register(f"<sip:a@192.0.2.1>;{INSTANCE};reg-id=1")
        (before,) = office.registrar.contacts(AOR, 0)
        office.register(f"<sip:a@192.0.2.2>;{INSTANCE};reg-id=1", call_id="c2", flow=MOVED)
        (after,) = office.registrar.contacts(AOR, 0)
        assert (after.id, after.uri, after.flow) == (before.id, "sip:a@192.0.2.2", MOVED)

    def test_another_reg_id_of_an_instance_is_another_binding(self, office: Office) -> None:
        office.register(f"<sip:a@192.0.2.1>;{INSTANCE};reg-id=1")
        office.register(f"<sip:a@192.0.2.2>;{INSTANCE};reg-id=2", cseq=2)
        assert len(office.uris()) == 2

    def test_an_equal_uri_written_differently_is_the_same_binding(self, office: Office) -> None:
        office.register("<sip:%61@H.test;x=1>")
        office.register("<sip:a@h.test>", cseq=2)
        assert office.uris() == ["sip:a@h.test"]

    def test_one_address_of_record_does_not_see_another(self, office: Office) -> None:
        office.register("<sip:a@h>")
        assert office.registrar.contacts("sip:bob@wsphone.test", 0) == []


class TestExpiry:
    @pytest.mark.parametrize(
        ("contact", "header", "granted"),
        [
            ("<sip:a@h>", None, 3_600),
            ("<sip:a@h>", "600", 600),
            ("<sip:a@h>;expires=300", "600", 300),
            ("<sip:a@h>;expires=60", None, 60),
            ("<sip:a@h>", "4294967295", 3_600),
        ],
    )
    def test_what_is_asked_for_is_granted_within_bounds(
        self, office: Office, contact: str, header: str | None, granted: int
    ) -> None:
        office.register(contact, expires=header)
        assert office.registrar.next_timer() == granted

    def test_too_short_a_time_is_refused_and_told(self, office: Office) -> None:
        answer = office.register("<sip:a@h>;expires=59")
        assert answer == Registration(423, (("Min-Expires", "60"),))
        assert office.uris() == []

    @pytest.mark.parametrize("text", ["-1", "1_0", "x", "", "9" * 5_000, "٣٠٠"])
    def test_what_is_no_number_is_refused(self, office: Office, text: str) -> None:
        assert office.register("<sip:a@h>", expires=text).code == 400

    def test_a_binding_ends_with_its_time(self, office: Office) -> None:
        office.register("<sip:a@h>;expires=60, <sip:b@h>;expires=120")
        office.happened()
        assert office.registrar.next_timer() == 60.0
        office.registrar.handle_timer(60.0)
        assert office.uris(60.0) == ["sip:b@h"]
        assert office.happened() == [("expired", "sip:a@h")]
        assert office.registrar.next_timer() == 120.0

    def test_an_expired_binding_is_gone_before_the_timer_says_so(self, office: Office) -> None:
        office.register("<sip:a@h>;expires=60")
        assert office.uris(60.0) == []
        office.register("<sip:b@h>", call_id="c2", now=61.0)
        assert office.happened() == [
            ("added", "sip:a@h"),
            ("expired", "sip:a@h"),
            ("added", "sip:b@h"),
        ]


class TestRemoval:
    def test_zero_takes_back_one_contact(self, office: Office) -> None:
        office.register("<sip:a@h>, <sip:b@h>")
        office.happened()
        assert office.register("<sip:a@h>;expires=0", cseq=2).code == 200
        assert office.uris() == ["sip:b@h"]
        assert office.happened() == [("removed", "sip:a@h")]

    def test_a_star_takes_back_all(self, office: Office) -> None:
        office.register("<sip:a@h>, <sip:b@h>")
        assert office.register("*", expires="0", cseq=2) == Registration(200, [])
        assert office.uris() == []
        assert office.registrar.next_timer() is None

    def test_a_star_clears_other_phones_too(self, office: Office) -> None:
        office.register("<sip:a@h>", call_id="c1", cseq=50)
        office.register("*", expires="0", call_id="c2", cseq=1)
        assert office.uris() == []

    @pytest.mark.parametrize(
        ("contacts", "expires"),
        [(["*"], None), (["*"], "60"), (["*"], "00"), (["*", "<sip:a@h>"], "0"), (["*, *"], "0")],
    )
    def test_a_star_stands_alone_and_with_zero(
        self, office: Office, contacts: list[str], expires: str | None
    ) -> None:
        office.register("<sip:a@h>")
        assert office.register(*contacts, expires=expires, cseq=2).code == 400
        assert office.uris() == ["sip:a@h"]

    def test_a_revoked_phone_is_taken_back_by_us(self, office: Office) -> None:
        office.register("<sip:a@h>, <sip:b@h>, <sip:c@h>")
        first = office.registrar.contacts(AOR, 0)[0]
        office.happened()
        office.registrar.remove(AOR, first.id)
        assert office.uris() == ["sip:b@h", "sip:c@h"]
        office.registrar.remove(AOR)
        office.registrar.remove(AOR)
        assert office.happened() == [("removed", f"sip:{user}@h") for user in "abc"]
        assert office.registrar.next_timer() is None


class TestOrder:
    """RFC 3261 10.3, steps 6 and 7."""

    @pytest.mark.parametrize("cseq", [4, 5])
    @pytest.mark.parametrize("contact", ["<sip:a@h>", "<sip:a@h>;expires=0"])
    def test_an_older_request_of_the_same_phone_changes_nothing(
        self, office: Office, cseq: int, contact: str
    ) -> None:
        office.register("<sip:a@h>", cseq=5)
        assert office.register(contact, cseq=cseq, now=10).code == 500
        assert office.registrar.next_timer() == 3_600.0

    def test_an_older_star_changes_nothing(self, office: Office) -> None:
        office.register("<sip:a@h>", cseq=5)
        assert office.register("*", expires="0", cseq=5).code == 500
        assert office.uris() == ["sip:a@h"]

    def test_a_restarted_phone_counts_anew(self, office: Office) -> None:
        office.register("<sip:a@h>", cseq=500)
        assert office.register("<sip:a@h>", call_id="c2", cseq=1).code == 200

    def test_a_contact_named_twice_counts_as_the_last(self, office: Office) -> None:
        assert office.register("<sip:a@h>;q=0.1, <sip:a@h>;q=0.7").code == 200
        assert [contact.q for contact in office.registrar.contacts(AOR, 0)] == [0.7]


class TestAllOrNothing:
    @pytest.mark.parametrize(
        ("bad", "code"),
        [
            ("<sip:b@h>;expires=5", 423),
            ("<sip:b@h>;q=2", 400),
            ("<sip:b@h>;q=0.1234", 400),
            ("<sip:b@h>;reg-id=x", 400),
            ("<mailto:b@h>", 400),
            ("<sip:b@h", 400),
            ("nonsense", 400),
        ],
    )
    def test_one_bad_contact_spoils_the_request(self, office: Office, bad: str, code: int) -> None:
        assert office.register("<sip:a@h>", bad).code == code
        assert office.uris() == []
        assert office.happened() == []

    def test_one_contact_too_many_spoils_the_request(self, office: Office) -> None:
        office.register(*(f"<sip:{user}@h>" for user in "abcdefghi"))
        assert office.register("<sip:x@h>, <sip:y@h>", cseq=2).code == 503
        assert len(office.uris()) == 9
        assert office.register("<sip:x@h>", cseq=2).code == 200
        assert office.register("<sip:y@h>", cseq=3).code == 503
        assert office.register("<sip:x@h>;expires=0, <sip:y@h>", cseq=3).code == 200

    def test_a_request_with_very_many_contacts_is_not_looked_at(self, office: Office) -> None:
        assert office.register(*["<sip:a@h>"] * 21).code == 503
        assert office.register(*["<sip:a@h>"] * 20).code == 200


class TestSnapshot:
    def test_bindings_survive_the_trip_to_another_clock(self, office: Office) -> None:
        office.register(f"<sip:a@h>;{INSTANCE};reg-id=3;q=0.5", "<sip:b@h>;expires=60", now=100)
        copy = Registrar(lambda: "new")
        copy.restore(json.loads(json.dumps(office.registrar.snapshot(110))), now=5_000)
        assert copy.events() == []
        assert copy.next_timer() == 5_050.0
        assert [contact.id for contact in copy.contacts(AOR, 5_000)] == ["id2", "id1"]
        copy.handle_timer(5_050.0)
        assert [event.contact.uri for event in copy.events()] == ["sip:b@h"]
        assert all(isinstance(event, Removed) for event in copy.events())
