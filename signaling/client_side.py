"""Joins the parts that pages and apps meet: their sessions, the hub, and what they may ask."""

import time
from functools import partial
from importlib.metadata import version

from media.candidates import may_be_told
from push.endpoints import EndpointRules
from signaling.call_model import Endpoint, EndpointKind
from signaling.device_requests import DeviceRequests
from signaling.guard import source_of
from signaling.http import peer_of
from signaling.hub import Hub, HubSettings, Identity
from signaling.media_side import serves_this_machine
from signaling.people import People
from signaling.push_offer import apps_of, push_info
from signaling.pushing import Pushing
from signaling.records import Records
from signaling.requests import Requests
from signaling.session_legs import SessionLegs
from signaling.sessions import Sessions
from signaling.shared.config import Config
from signaling.shared.model import Account
from signaling.switchboard import Switchboard
from signaling.turn import TurnServers


class ClientSide:
    """Rings sessions for the switchboard's calls, and takes what they ask to it."""

    def __init__(
        self, config: Config, records: Records, push: Pushing, switchboard: Switchboard
    ) -> None:
        self.sessions = Sessions(config.calls.resume_seconds)
        people = People(
            records.accounts.first,
            switchboard.endpoints,
            records.blocked.blocking,
            records.push_targets.accounts_with_targets,
        )
        devices = _device_requests(config, records, push)
        self.hub = Hub(
            _settings(config),
            Identity(records.logins.authenticate, records.devices.seen),
            self.sessions,
            Requests(
                switchboard,
                self.sessions,
                people,
                time.time,
                partial(may_be_told, loopback=serves_this_machine(config)),
                devices.methods(),
            ),
        )
        legs = SessionLegs(self.sessions.send)
        switchboard.connect(EndpointKind.SESSION, legs, self._endpoints)

    def counts(self) -> dict[str, int]:
        """What must go back to where it was when a call is over."""
        return {"sessions": len(self.sessions), "websockets": self.hub.count()}

    def _endpoints(self, account: Account) -> list[Endpoint]:
        return [session.endpoint for session in self.sessions.of_account(account.id)]


def _settings(config: Config) -> HubSettings:
    return HubSettings(
        version("wsphone"),
        config.calls.resume_seconds,
        emergency_numbers=config.calls.emergency_numbers,
        source_of=lambda request: source_of(peer_of(request, config.http.trusted_proxies)),
        records=config.calls.record == "on_request",
        push=push_info(config),
        turn=TurnServers(config.turn.urls, config.turn.secret, config.turn.seconds),
    )


def _device_requests(config: Config, records: Records, push: Pushing) -> DeviceRequests:
    webpush = config.push.webpush
    return DeviceRequests(
        *(records.devices, records.push_targets, records.push_proofs),
        *(push.queue, records.keyring),
        apps=apps_of(config),
        check_endpoint=EndpointRules(webpush.allowed_hosts, webpush.allowed_networks).url_of,
        # What comes of a proof is seen by the phone: nobody listens.
        reply_to=f"{push.reply_to}.proofs",
    )
