"""What the protocol's types take and refuse, and how errors are told."""

import json
from typing import Any

import msgspec
import pytest

from signaling.connection import (
    INVALID_REQUEST,
    PARSE_ERROR,
    Rejected,
    error_frame,
    read_envelope,
    result_frame,
)
from signaling.shared import errors, messages
from signaling.shared.messages import CallDtmf, CallStart, Candidate, MediaCandidates, SessionOpen
from tests.call_lab import candidate

CALL = "2f5c0f4e-7a3e-4c0e-8b63-0d6f1a2b3c4d"


def decode(params: dict[str, Any], kind: type[Any]) -> Any:
    return msgspec.json.decode(json.dumps(params), type=kind)


class TestEnvelope:
    def test_a_request_is_read_but_its_params_are_not(self) -> None:
        envelope = read_envelope('{"jsonrpc":"2.0","id":7,"method":"call.get","params":{"a":[1]}}')
        assert (envelope.id, envelope.method) == (7, "call.get")
        assert bytes(envelope.params) == b'{"a":[1]}'

    def test_params_and_id_may_be_left_out(self) -> None:
        envelope = read_envelope('{"jsonrpc":"2.0","method":"session.ping","more":{}}')
        assert envelope.id is None
        assert bytes(envelope.params) == b"{}"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "hello",
            "{",
            '{"jsonrpc":"2.0","method":"\\ud800"}',
            '{"jsonrpc":"2.0","method":"x","params":' + "[" * 30_000 + "]" * 30_000 + "}",
            '{"jsonrpc":"2.0","method":"x","other":' + '{"a":' * 9_000 + "1" + "}" * 9_000 + "}",
        ],
    )
    def test_what_is_not_json_is_a_parse_error(self, text: str) -> None:
        with pytest.raises(Rejected) as caught:
            read_envelope(text)
        assert caught.value.code == PARSE_ERROR

    @pytest.mark.parametrize(
        "text",
        [
            "1",
            "null",
            "[]",
            '[{"jsonrpc":"2.0","id":1,"method":"session.ping"}]',
            "{}",
            '{"jsonrpc":"1.0","id":1,"method":"session.ping"}',
            '{"jsonrpc":"2.0","id":1}',
            '{"jsonrpc":"2.0","id":1,"method":5}',
            '{"jsonrpc":"2.0","id":{},"method":"session.ping"}',
            '{"jsonrpc":"2.0","id":1.5,"method":"session.ping"}',
            '{"jsonrpc":"2.0","id":99999999999999999999,"method":"session.ping"}',
            json.dumps({"jsonrpc": "2.0", "id": "i" * 65, "method": "session.ping"}),
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": "m" * 65}),
        ],
    )
    def test_what_is_no_request_is_refused(self, text: str) -> None:
        with pytest.raises(Rejected) as caught:
            read_envelope(text)
        assert caught.value.code == INVALID_REQUEST


class TestParams:
    def test_call_ids_are_read_in_upper_case_and_written_in_lower(self) -> None:
        asked = decode({"call": CALL.upper()}, messages.CallRef)
        assert str(asked.call) == CALL

    def test_candidates_are_spelled_as_browsers_do(self) -> None:
        one = {
            "candidate": "candidate:1",
            "sdpMid": "0",
            "sdpMLineIndex": 0,
            "usernameFragment": "x",
        }
        assert decode(one, Candidate) == Candidate("candidate:1", "0", 0)
        assert json.loads(msgspec.json.encode(candidate(1))).keys() == {
            "candidate",
            "sdpMid",
            "sdpMLineIndex",
        }

    def test_an_end_of_candidates_may_come_alone(self) -> None:
        params = {"call": CALL, "media": 1, "candidates": [], "end": True}
        assert decode(params, MediaCandidates).end

    @pytest.mark.parametrize(
        ("kind", "params"),
        [
            (CallStart, {"to": "x" * 257}),
            (CallStart, {"offer": "v" * 32_769}),
            (CallStart, {"media": 0}),
            (CallStart, {"media": 1.5}),
            (CallStart, {"media": 1_000_001}),
            (CallStart, {"call": "not a uuid"}),
            (CallStart, {"call": None}),
            (CallStart, {"to": 5}),
        ],
    )
    def test_values_out_of_bounds_are_refused(self, kind: type, params: dict[str, Any]) -> None:
        good = {"call": CALL, "to": "bob", "media": 1, "offer": "v=0"}
        decode(good, kind)
        with pytest.raises(msgspec.ValidationError, match=f"`\\$.{next(iter(params))}`"):
            decode(good | params, kind)

    @pytest.mark.parametrize("digits", ["", "5 ", "a", "5\n", "5" * 33, "５"])
    def test_only_keys_of_a_phone_are_digits(self, digits: str) -> None:
        good = {"call": CALL, "n": 0, "digits": "0123456789*#ABCD"}
        assert decode(good, CallDtmf).duration_ms == 120
        with pytest.raises(msgspec.ValidationError):
            decode(good | {"digits": digits}, CallDtmf)

    def test_more_candidates_than_a_generation_may_have_are_refused(self) -> None:
        many = [{"candidate": ""}] * (messages.MAX_CANDIDATES + 1)
        with pytest.raises(msgspec.ValidationError):
            decode({"call": CALL, "media": 1, "candidates": many}, MediaCandidates)

    @pytest.mark.parametrize("device", ["", "a/b", "a\n", "a" * 65, "ä"])
    def test_a_devices_id_is_a_plain_word(self, device: str) -> None:
        decode({"token": "t", "device": {"id": "Tab-1._x"}}, SessionOpen)
        with pytest.raises(msgspec.ValidationError, match="device.id"):
            decode({"token": "t", "device": {"id": device}}, SessionOpen)

    def test_an_unknown_platform_is_refused_in_words(self) -> None:
        with pytest.raises(msgspec.ValidationError, match="device.platform"):
            decode({"token": "t", "device": {"id": "tab", "platform": "toaster"}}, SessionOpen)

    def test_fields_that_we_do_not_know_are_ignored(self) -> None:
        assert decode({"call": CALL, "colour": "red"}, messages.CallRef)


class TestAnswers:
    def test_a_result_names_its_request(self) -> None:
        assert json.loads(result_frame("seven", messages.Done())) == {
            "jsonrpc": "2.0",
            "id": "seven",
            "result": {},
        }

    @pytest.mark.parametrize(
        ("error", "code", "more"),
        [
            (errors.NotAuthenticated("why"), -32000, {}),
            (errors.Forbidden("why"), -32001, {}),
            (errors.NoSuchCall("why"), -32002, {}),
            (errors.NoSuchCall("why", ended="busy"), -32002, {"ended": "busy"}),
            (errors.WrongState("why"), -32003, {}),
            (errors.WrongState("why", retry_after=0.2), -32003, {"retry_after": 0.2}),
            (errors.TryAgain("why", retry_after=5), -32004, {"retry_after": 5}),
            (errors.NotFound("why"), -32005, {}),
            (errors.IncompatibleMedia("why"), -32006, {}),
            (errors.BadMessage("why"), -32602, {}),
            (errors.MediaError("why"), -32603, {}),
            (Rejected(-32601, "why"), -32601, {}),
        ],
    )
    def test_every_error_has_its_code_and_says_why(
        self, error: errors.WSPhoneError | Rejected, code: int, more: dict[str, Any]
    ) -> None:
        frame = json.loads(error_frame(7, error))
        assert frame["id"] == 7
        assert frame["error"]["code"] == code
        assert frame["error"]["data"] == {"detail": "why"} | more
