"""The media seam as messages between processes, made of the seam's own types."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import msgspec

from media.engine import MediaEngine, MediaEvent
from media.settings import Counts
from signaling.shared import errors
from signaling.shared.errors import BadMessage, MediaError, TryAgain, WrongState, WSPhoneError


class Setup(msgspec.Struct, tag="setup", frozen=True):
    """To the worker, first: its MediaSettings."""

    settings: msgspec.Raw


class Ask(msgspec.Struct, tag="ask", frozen=True):
    """To the worker: call a method of its engine; Answer or Refusal follows."""

    number: int
    method: str
    arguments: msgspec.Raw


class Ping(msgspec.Struct, tag="ping", frozen=True):
    """To the worker; answered by Pong."""


class Answer(msgspec.Struct, tag="answer", frozen=True):
    number: int
    result: msgspec.Raw


class Refusal(msgspec.Struct, tag="refusal", frozen=True):
    """The method raised `error`, one of our exceptions by its name."""

    number: int
    error: str
    text: str
    retry_after: float | None


class Pong(msgspec.Struct, tag="pong", frozen=True):
    """The first one, which nobody asked for, says that the worker is ready."""

    counts: Counts


class Told(msgspec.Struct, tag="told", frozen=True):
    """The engine reported an event, of the kind of this name."""

    kind: str
    event: msgspec.Raw


Request = Setup | Ask | Ping
Report = Answer | Refusal | Pong | Told

_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(Request)
_reports = msgspec.msgpack.Decoder(Report)
_EVENTS = {kind.__name__: msgspec.msgpack.Decoder(kind) for kind in get_args(MediaEvent)}


@dataclass(frozen=True, slots=True)
class Method:
    """One method of MediaEngine: how its arguments and its result travel."""

    name: str
    signature: inspect.Signature
    # A struct with a field for each argument.
    arguments: type[msgspec.Struct]
    given: msgspec.msgpack.Decoder[Any]
    returned: msgspec.msgpack.Decoder[Any]

    def bind(self, *positional: Any, **named: Any) -> dict[str, Any]:
        """All arguments of a call by their names, those left out included."""
        bound = self.signature.bind(*positional, **named)
        bound.apply_defaults()
        return bound.arguments

    def pack(self, arguments: Mapping[str, Any]) -> msgspec.Raw:
        return msgspec.Raw(_encoder.encode(self.arguments(**arguments)))

    async def call(self, engine: MediaEngine, arguments: msgspec.Raw) -> msgspec.Raw:
        """Call the method with arguments that came; BadMessage when they do not fit."""
        given = _decoded(self.given, arguments)
        bound = self.signature.bind_partial()
        bound.arguments.update((name, getattr(given, name)) for name in self.signature.parameters)
        result = await getattr(engine, self.name)(*bound.args, **bound.kwargs)
        return msgspec.Raw(_encoder.encode(result))

    def unpack_result(self, result: msgspec.Raw) -> Any:
        """BadMessage when it is none."""
        return _decoded(self.returned, result)


def _method(name: str, function: Callable[..., Any]) -> Method:
    hints = get_type_hints(function)
    _, *parameters = inspect.signature(function).parameters.values()
    arguments = msgspec.defstruct(name, [(each.name, hints[each.name]) for each in parameters])
    decoders = (msgspec.msgpack.Decoder(kind) for kind in (arguments, hints["return"]))
    return Method(name, inspect.Signature(parameters), arguments, *decoders)


METHODS = {
    name: _method(name, function)
    for name, function in vars(MediaEngine).items()
    if inspect.iscoroutinefunction(function)
}
"""Every method that waits; the others say something without a leg, and stay where they are."""


def pack(message: Request | Report) -> bytes:
    return _encoder.encode(message)


def setup_of(settings: object) -> Setup:
    return Setup(msgspec.Raw(_encoder.encode(settings)))


def read_request(data: bytes) -> Request:
    """BadMessage for anything else."""
    request: Request = _decoded(_requests, data)
    return request


def read_report(data: bytes) -> Report:
    """BadMessage for anything else."""
    report: Report = _decoded(_reports, data)
    return report


def told(event: MediaEvent) -> Told:
    return Told(type(event).__name__, msgspec.Raw(_encoder.encode(event)))


def event_of(message: Told) -> MediaEvent:
    """BadMessage for what is no event of ours."""
    decoder = _EVENTS.get(message.kind)
    if decoder is None:
        raise BadMessage(f"there is no event {message.kind[:40]}")
    event: MediaEvent = _decoded(decoder, message.event)
    return event


def refusal_of(number: int, error: WSPhoneError) -> Refusal:
    retry_after = error.retry_after if isinstance(error, TryAgain | WrongState) else None
    return Refusal(number, type(error).__name__, str(error), retry_after)


def error_of(refusal: Refusal) -> WSPhoneError:
    """The exception that was raised in the worker; MediaError in place of an unknown one."""
    kind = getattr(errors, refusal.error, None)
    if kind is TryAgain:
        return TryAgain(refusal.text, retry_after=refusal.retry_after or 0.0)
    if kind is WrongState:
        return WrongState(refusal.text, retry_after=refusal.retry_after)
    if isinstance(kind, type) and issubclass(kind, WSPhoneError):
        return kind(refusal.text)
    return MediaError(refusal.text)


def _decoded(decoder: msgspec.msgpack.Decoder[Any], data: bytes | msgspec.Raw) -> Any:
    try:
        return decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise BadMessage(f"a message between our processes does not parse: {error}") from error
