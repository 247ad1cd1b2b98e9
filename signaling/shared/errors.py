"""The exceptions of WSPhone, one tree with one root.

WSPhoneError
├── OperatorError        the installation is at fault; the text says what to mend
│   └── ConfigError      a key, a value or a file of the configuration
├── PeerError            whoever sent the message is at fault
│   ├── BadMessage       it does not parse, or its values are out of bounds
│   │   └── CodecError   a payload that is none of the stream's codec
│   ├── NotAuthenticated
│   ├── Forbidden
│   ├── NotFound         no such account, phone, device …
│   ├── NoSuchCall       the call is unknown or over
│   ├── WrongState       the request does not fit the state of the call
│   └── IncompatibleMedia
├── TryAgain             nobody is at fault; the same request may pass later
└── MediaError           the sound path failed under us

Expected results (busy, declined, no answer) are values (`EndReason`), never exceptions.
"""


class WSPhoneError(Exception):
    """The root: everything we raise on purpose."""


class OperatorError(WSPhoneError):
    """The installation needs mending; the text is one line for whoever operates it."""


class ConfigError(OperatorError):
    """A configuration value is unusable; the text names its place and what would be right."""


class PeerError(WSPhoneError):
    """The sender's fault; the text is safe to send back to it."""


class BadMessage(PeerError):
    """The message does not parse or a value is out of bounds."""


class CodecError(BadMessage):
    """The payload is none of its codec."""


class NotAuthenticated(PeerError):
    """No credentials, or wrong ones."""


class Forbidden(PeerError):
    """Known, and not allowed to."""


class NotFound(PeerError):
    """The thing named does not exist."""


class NoSuchCall(PeerError):
    """The call is unknown, or over: then `ended` is its EndReason's value."""

    def __init__(self, text: str, *, ended: str | None = None) -> None:
        super().__init__(text)
        self.ended = ended


class WrongState(PeerError):
    """The request does not fit the call's state; `retry_after` says when it may."""

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class IncompatibleMedia(PeerError):
    """The session descriptions share nothing that we can carry."""


class TryAgain(WSPhoneError):
    """Too much at once; `retry_after` is in seconds."""

    def __init__(self, text: str, *, retry_after: float) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class MediaError(WSPhoneError):
    """The media engine could not do what was asked: no free port, no address, a dead transport."""
