"""Our end of HTTP/2 against a server made of frames, joined in memory."""

import math

import pytest
from hyperframe.frame import GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame
from hypothesis import given
from hypothesis import strategies as st

from push import http2
from push.http2 import (
    BUSY_PING_SECONDS,
    IDLE_PING_SECONDS,
    MAX_ANSWER_BYTES,
    PING_ANSWER_SECONDS,
    Answer,
    Connection,
    Failure,
    State,
)
from tests.push.fake_http2 import CANCEL, REFUSED_STREAM, WINDOW, Rules
from tests.push.http2_pair import HELLO, Pair, request


@pytest.fixture
def pair() -> Pair:
    return Pair()


class TestRequests:
    def test_none_may_begin_before_the_servers_settings(self) -> None:
        client = Connection("push.example", now=0.0)
        assert (client.state, client.room) == (State.OPENING, 0)
        client.receive(HELLO, 0.0)
        assert (client.state, client.room) == (State.OPEN, 10)

    def test_one_stream_at_first_and_more_when_the_server_says_so(self) -> None:
        pair = Pair(Rules(first_streams=1))
        pair.start()
        assert pair.client.room == 0
        pair.server.allow(100)
        pair.exchange()
        assert pair.client.room == 99

    def test_a_server_without_a_limit_gets_ours(self) -> None:
        client = Connection("push.example", now=0.0)
        client.receive(SettingsFrame(0).serialize(), 0.0)
        assert client.room == http2.MAX_STREAMS

    def test_arrive_whole(self, pair: Pair) -> None:
        pair.start(body=b'{"aps":{}}')
        (heard,) = pair.heard
        assert heard.body == b'{"aps":{}}'
        assert heard.headers[":method"] == "POST"
        assert heard.headers[":authority"] == "push.example"
        assert heard.headers[":path"] == "/3/device/" + 64 * "0"
        assert heard.headers["apns-topic"] == "org.example.phone" + 200 * "x"

    def test_without_a_body_they_end_with_their_headers(self, pair: Pair) -> None:
        pair.start(body=b"")
        assert [heard.whole for heard in pair.heard] == [True]

    def test_what_is_alike_in_all_is_sent_once_and_the_rest_each_time(self, pair: Pair) -> None:
        for number in range(50):
            stream = pair.client.start(request(number=number))
            data = pair.client.outgoing()
            pair.server.data_received(data)
            pair.server.answer(stream, 200, {}, b"")
            pair.to_client()
        assert b"org.example.phone" not in data
        assert b"apns-id" not in data
        assert b"secret" in data
        assert len(data) < 200
        assert pair.heard[-1].headers["apns-topic"].startswith("org.example.phonexx")
        assert pair.heard[-1].headers["apns-id"] == f"{49:036}"

    def test_secrets_are_never_indexed(self, pair: Pair) -> None:
        pair.client.start(request())
        # Four bits say so, then come the name's number, 23, and the value (RFC 7541, 6.2.3).
        assert b"\x1f\x08\x06secret" in pair.client.outgoing()

    def test_another_connection_takes_over_before_the_numbers_end(
        self, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http2, "MAX_REQUESTS", 3)
        pair.start(2)
        assert pair.client.state is State.OPEN
        pair.start()
        assert (pair.client.state, pair.client.in_flight) == (State.DRAINING, 3)


class TestAnswers:
    def test_have_status_headers_and_body(self, pair: Pair) -> None:
        first, second = pair.start(2)
        pair.server.answer(second, 503, {"retry-after": "7"}, b'{"reason":"Shutdown"}')
        assert pair.to_client() == [
            (second, Answer(503, {"retry-after": "7"}, b'{"reason":"Shutdown"}'))
        ]
        pair.server.answer(first, 200, {"apns-id": "x"}, b"")
        assert pair.to_client() == [(first, Answer(200, {"apns-id": "x"}, b""))]
        assert pair.client.in_flight == 0

    def test_are_cut_where_no_reason_is_that_long(self, pair: Pair) -> None:
        (stream,) = pair.start()
        pair.server.answer(stream, 400, {}, 3 * MAX_ANSWER_BYTES * b"x")
        ((_, answer),) = pair.exchange()
        assert answer == Answer(400, {}, MAX_ANSWER_BYTES * b"x")

    def test_may_come_byte_by_byte(self, pair: Pair) -> None:
        streams = pair.start(2)
        for stream in streams:
            pair.server.answer(stream, 400, {}, b'{"reason":"BadTopic"}')
        data, pair.written = pair.written, b""
        ended = [end for byte in data for end in pair.client.receive(bytes([byte]), 0.0)]
        assert [stream for stream, _ in ended] == streams

    def test_a_status_counts_though_its_body_is_lost(self, pair: Pair) -> None:
        first, second = pair.start(2)
        pair.server.headers_only(first, 200)
        pair.to_client()
        assert pair.client.lost("connection lost") == [
            (first, Answer(200, {}, b"")),
            (second, Failure("connection lost", unsent=False)),
        ]

    def test_a_status_that_is_no_number_is_no_success(self, pair: Pair) -> None:
        (stream,) = pair.start()
        pair.server.headers_only(stream, 2000)
        pair.to_client()
        assert pair.client.lost("connection lost") == [(stream, Answer(0, {}, b""))]

    def test_a_refused_stream_was_not_processed(self, pair: Pair) -> None:
        (stream,) = pair.start()
        pair.server.reset(stream, REFUSED_STREAM)
        assert pair.to_client() == [(stream, Failure("stream refused", unsent=True))]

    def test_any_other_reset_says_nothing_of_that(self, pair: Pair) -> None:
        first, second = pair.start(2)
        pair.server.reset(first, CANCEL)
        assert pair.to_client() == [(first, Failure("stream reset", unsent=False))]
        pair.server.answer(second, 200, {}, b"")
        assert pair.to_client() == [(second, Answer(200, {}, b""))]

    def test_a_reset_after_the_end_harms_nobody(self, pair: Pair) -> None:
        first, second = pair.start(2)
        pair.server.answer(first, 200, {}, b"")
        pair.to_client()
        pair.start()
        pair.server.reset(first, 0)
        assert pair.to_client() == []
        pair.server.answer(second, 200, {}, b"")
        assert pair.exchange() == [(second, Answer(200, {}, b""))]
        assert pair.server.violations == []


class TestCancel:
    def test_resets_its_stream_and_no_other(self, pair: Pair) -> None:
        first, second = pair.start(2)
        pair.client.cancel(first)
        pair.exchange()
        assert pair.server.requests[first].reset == CANCEL
        assert pair.server.requests[second].reset is None
        pair.server.answer(second, 200, {}, b"")
        assert pair.exchange() == [(second, Answer(200, {}, b""))]

    def test_makes_room(self, pair: Pair) -> None:
        room = pair.client.room
        (stream,) = pair.start()
        pair.client.cancel(stream)
        assert pair.client.room == room

    def test_an_answer_that_crosses_it_harms_nobody(self, pair: Pair) -> None:
        first, second = pair.start(2)
        pair.client.cancel(first)
        pair.start()
        pair.server.open.add(first)
        pair.server.answer(first, 400, {}, b'{"reason":"BadTopic"}')
        pair.server.answer(second, 200, {}, b"")
        assert pair.exchange() == [(second, Answer(200, {}, b""))]
        assert pair.client.state is State.OPEN

    def test_of_one_that_has_ended_does_nothing(self, pair: Pair) -> None:
        (stream,) = pair.start()
        pair.server.answer(stream, 200, {}, b"")
        pair.exchange()
        pair.client.cancel(stream)
        assert pair.client.outgoing() == b""


class TestFlowControl:
    """RFC 9113, section 5.2."""

    def test_answers_are_credited(self, pair: Pair) -> None:
        body = b'{"reason":"BadDeviceToken"}'
        ended = 0
        for _ in range(5_000):
            (stream,) = pair.start()
            pair.server.answer(stream, 400, {}, body)
            ended += len(pair.exchange())
        assert ended == 5_000

    def test_a_body_waits_for_credit(self) -> None:
        pair = Pair(Rules(credits=False))
        body = bytes(range(256)) * 20
        streams = pair.start(14, body)
        assert len(pair.heard) == WINDOW // len(body) == 12
        assert pair.client.room == 0
        pair.server.credit(3 * len(body))
        pair.exchange()
        assert [heard.body for heard in pair.heard] == [body] * len(streams)
        assert pair.client.room > 0
        assert pair.server.violations == []

    def test_a_request_that_is_not_whole_was_not_processed(self) -> None:
        pair = Pair(Rules(credits=False))
        streams = pair.start(14, 5_120 * b"x")
        ended = dict(pair.client.lost("connection lost"))
        unsent = [stream for stream in streams if ended[stream] == Failure("connection lost", True)]
        assert unsent == streams[12:]

    def test_a_server_that_has_heard_enough_is_told_no_more(self) -> None:
        pair = Pair(Rules(credits=False))
        *_, last = pair.start(13, 5_120 * b"x")
        pair.server.answer(last, 413, {}, b"")
        assert pair.exchange() == [(last, Answer(413, {}, b""))]
        assert pair.server.requests[last].reset == 0
        assert pair.client.room > 0

    def test_a_cancelled_body_blocks_nobody(self) -> None:
        pair = Pair(Rules(credits=False))
        *_, last = pair.start(13, 5_120 * b"x")
        pair.client.cancel(last)
        assert pair.client.room > 0


class TestGoAway:
    """RFC 9113, section 6.8."""

    def test_what_came_later_was_not_processed(self, pair: Pair) -> None:
        first, second, third = pair.start(3)
        pair.server.go_away(first)
        assert pair.to_client() == [
            (second, Failure("goaway", unsent=True)),
            (third, Failure("goaway", unsent=True)),
        ]
        assert (pair.client.state, pair.client.room) == (State.DRAINING, 0)

    def test_what_came_before_is_answered(self, pair: Pair) -> None:
        first, second, _ = pair.start(3)
        pair.server.go_away(second)
        pair.server.answer(first, 200, {}, b"")
        ended = dict(pair.to_client())
        assert ended[first] == Answer(200, {}, b"")
        pair.server.answer(second, 400, {}, b"{}")
        assert pair.exchange() == [(second, Answer(400, {}, b"{}"))]

    def test_one_without_a_number_announces_another(self, pair: Pair) -> None:
        first, second = pair.start(2)
        pair.server.go_away(2**31 - 1)
        assert pair.to_client() == []
        assert pair.client.room == 0
        pair.server.go_away(first)
        assert pair.to_client() == [(second, Failure("goaway", unsent=True))]

    @pytest.mark.parametrize(
        "frame", [b"\0\0\4\7\0\0\0\0\0\0\0\0\0", b"\0\0\x08\7\0\0\0\0\1" + bytes(8)]
    )
    def test_a_malformed_one_ends_the_connection(self, pair: Pair, frame: bytes) -> None:
        (stream,) = pair.start()
        ended = pair.client.receive(frame, 0.0)
        assert ended == [(stream, Failure("protocol error", unsent=False))]
        assert pair.client.state is State.CLOSED
        pair.to_server()
        assert pair.server.violations == ["GOAWAY 1 from the client"]


class TestSilence:
    def test_an_idle_connection_is_pinged(self, pair: Pair) -> None:
        assert pair.client.deadline == IDLE_PING_SECONDS
        pair.client.on_time(IDLE_PING_SECONDS)
        pair.exchange(IDLE_PING_SECONDS)
        assert pair.server.pinged.qsize() == 1
        assert pair.client.deadline == 2 * IDLE_PING_SECONDS

    def test_without_an_answer_it_gets_no_more_requests(self, pair: Pair) -> None:
        pair.server.deaf = True
        pair.start()
        pair.client.on_time(BUSY_PING_SECONDS)
        pair.to_server()
        assert pair.client.room > 0
        pair.client.on_time(BUSY_PING_SECONDS + PING_ANSWER_SECONDS)
        assert (pair.client.state, pair.client.in_flight) == (State.DRAINING, 1)
        assert pair.client.deadline == math.inf

    def test_what_was_in_flight_then_is_still_answered(self, pair: Pair) -> None:
        (stream,) = pair.start()
        pair.client.on_time(BUSY_PING_SECONDS)
        pair.client.on_time(BUSY_PING_SECONDS + PING_ANSWER_SECONDS)
        pair.server.answer(stream, 200, {}, b"")
        assert pair.to_client() == [(stream, Answer(200, {}, b""))]

    def test_any_byte_is_a_sign_of_life(self, pair: Pair) -> None:
        pair.client.on_time(IDLE_PING_SECONDS)
        pair.client.receive(HELLO[:1], IDLE_PING_SECONDS + 1)
        assert pair.client.deadline == 2 * IDLE_PING_SECONDS + 1

    def test_a_request_after_a_silence_brings_a_ping_along(self, pair: Pair) -> None:
        pair.client.start(request())
        assert pair.client.deadline == BUSY_PING_SECONDS
        pair.client.on_time(20.0)
        pair.to_server()
        assert pair.server.pinged.qsize() == 1

    def test_too_early_is_nothing(self, pair: Pair) -> None:
        pair.client.on_time(IDLE_PING_SECONDS - 1)
        assert pair.client.outgoing() == b""


class TestHostile:
    def test_a_bad_frame_does_not_take_the_answers_before_it_along(self, pair: Pair) -> None:
        first, second = pair.start(2)
        pair.server.answer(first, 200, {}, b"")
        pair.written += HeadersFrame(second, b"\xff\xff", flags=["END_HEADERS"]).serialize()
        assert pair.to_client() == [
            (first, Answer(200, {}, b"")),
            (second, Failure("protocol error", unsent=False)),
        ]
        pair.to_server()
        assert pair.server.violations == ["GOAWAY 1 from the client"]
        assert pair.client.receive(GoAwayFrame(0, 1).serialize(), 0.0) == []
        assert pair.client.state is State.CLOSED

    def test_a_frame_that_is_too_large_is_not_waited_for(self, pair: Pair) -> None:
        pair.client.receive(b"\0\x40\1\0\0\0\0\0\1", 0.0)
        assert pair.client.state is State.CLOSED

    def test_a_frame_of_the_largest_size_is(self, pair: Pair) -> None:
        pair.client.receive(b"\0\x40\0\xee\0\0\0\0\1", 0.0)
        assert pair.client.state is State.OPEN

    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=40),
                st.builds(
                    lambda kind, flags, stream, body: (
                        len(body).to_bytes(3, "big")
                        + bytes([kind, flags])
                        + stream.to_bytes(4, "big")
                        + body
                    ),
                    st.integers(0, 10),
                    st.integers(0, 255),
                    st.integers(0, 7),
                    st.binary(max_size=30),
                ),
                st.sampled_from(
                    [
                        GoAwayFrame(0, 1).serialize(),
                        PingFrame(0, 8 * b"x").serialize(),
                        RstStreamFrame(3, 7).serialize(),
                        HeadersFrame(1, b"\x88", flags=["END_HEADERS"]).serialize(),
                        HELLO,
                    ]
                ),
            ),
            max_size=8,
        )
    )
    def test_whatever_comes_each_request_ends_once(self, pieces: list[bytes]) -> None:
        client = Connection("push.example", now=0.0)
        client.receive(HELLO, 0.0)
        streams = [client.start(request()) for _ in range(3)]
        ended = [stream for piece in pieces for stream, _ in client.receive(piece, 0.0)]
        ended += [stream for stream, _ in client.lost("connection lost")]
        assert sorted(ended) == streams
