"""The client protocol's words about devices and how they are pushed."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from signaling.shared.bounds import DeviceId, Line, Short, Token

# --- what clients ask ------------------------------------------------------------------------


class PushKeys(Struct):
    p256dh: Line
    auth: Line


class PushSubscription(Struct):
    """A browser's PushSubscription as its `toJSON` prints it."""

    endpoint: Token
    keys: PushKeys


class PushTarget(Struct):
    """One app on the device; `voip_token` is PushKit's, and goes with `token` or alone."""

    provider: Literal["apns", "apns.dev", "fcm", "webpush"]
    app: Line = ""
    token: Token | None = None
    voip_token: Token | None = None
    subscription: PushSubscription | None = None


class DeviceSetPush(Struct):
    """All targets of this device; `missed`: it wants to be told of missed calls too."""

    targets: Annotated[list[PushTarget], Meta(max_length=8)]
    missed: bool = False


class DeviceProvePush(Struct):
    nonce: Short


class DeviceList(Struct):
    pass


class DeviceRemove(Struct):
    device: DeviceId


# --- what we answer --------------------------------------------------------------------------


class PushInfo(Struct):
    """`webpush_key` is what a browser subscribes with (VAPID); null where Web Push is not used."""

    webpush_key: str | None


class PushSet(Struct):
    """`proofs`: so many targets stand under another account until the pushed nonce is echoed.

    `refused`: so many VoIP tokens do, which no push can prove; log out where they stand.
    """

    proofs: int
    refused: int = 0


class PushState(Struct):
    """One target of a device, and how it was reached last."""

    provider: str
    app: str
    missed: bool
    registered_at: float
    last_success_at: float | None
    last_failure_at: float | None
    last_failure_reason: str | None


class DeviceListed(Struct):
    """One device of the account; `platform` is `sip` for a phone that registered to be woken."""

    id: str
    platform: str
    model: str
    os_version: str
    app_version: str
    this: bool
    push: list[PushState]


class DevicesListed(Struct):
    devices: list[DeviceListed]
