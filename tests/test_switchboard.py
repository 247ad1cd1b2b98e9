"""The switchboard: real calls on a real loop, with an engine and phones made of lists."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from media.engine import Connected, Digit, Failed, Figures, MediaError, MediaEvent, Silent
from signaling import media_link, switchboard
from signaling.call import TABLE, Rule
from signaling.call_actions import LegAction, Ring, ShowAnswer, ShowDigits, ShowEnd
from signaling.call_events import (
    Accepted,
    Answered,
    DtmfAsked,
    Event,
    HungUp,
    Left,
    OfferMade,
    Rang,
    Rejected,
)
from signaling.call_model import Endpoint, EndpointKind, State
from signaling.mailbox import MAX_WAITING, Invitation, Mailbox
from signaling.media_link import engine_leg
from signaling.shared.bus_memory import MemoryBus
from signaling.shared.errors import (
    Forbidden,
    IncompatibleMedia,
    NoSuchCall,
    OperatorError,
    TryAgain,
    WrongState,
)
from signaling.shared.messages import CallAccepted, CallStarted, Party
from signaling.shared.model import Account, CallRecord
from signaling.shared.reasons import EndedBy, EndReason
from signaling.switchboard import Switchboard, Switching, info
from tests.fake_engine import FakeEngine
