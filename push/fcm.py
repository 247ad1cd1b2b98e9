"""The sender of FCM, HTTP v1: Google's credentials and messages over connections of our own."""

import asyncio
import functools
import json
import logging
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3
from firebase_admin import messaging
from google.auth.exceptions import RefreshError
from google.auth.transport.urllib3 import Request
from google.oauth2.service_account import Credentials
from yarl import URL

from push.access_token import AccessToken, Grant, GrantRefused, Pauses
from push.answers import fcm_outcome
from push.https import Https, client_tls
from push.sender import FcmPush, Outcome, Verdict
from signaling.shared.errors import ConfigError

log = logging.getLogger(__name__)

GOOGLE = "https://fcm.googleapis.com"
# All that sending needs; the SDK itself asks for rights over the whole project.
_SCOPES = ("https://www.googleapis.com/auth/firebase.messaging",)
_TOKEN_SECONDS = 10.0
_WARM_SECONDS = 10.0
_DEFAULT_LIFE_SECONDS = 3600.0
_PAUSES = Pauses()

ServiceAccount = Mapping[str, Any]
"""The JSON that Firebase's console gives out for a project."""


@dataclass(frozen=True, slots=True)
class _Project:
    url: URL
    token: AccessToken


class FcmSender:
    """Sends to each project with the credentials of its own."""

    def __init__(
        self,
        accounts: Iterable[ServiceAccount],
        *,
        url: str = GOOGLE,
        token_url: str | None = None,
        ca_file: Path | None = None,
        clock: Callable[[], float] = time.time,
        pauses: Pauses = _PAUSES,
    ) -> None:
        """`token_url` replaces the one that the accounts name; raises ConfigError."""
        self._clock = clock
        self._base = URL(url)
        self._https = Https(ca_file=ca_file)
        tls = client_tls(ca_file)
        self._projects = dict(
            _project(account, base=self._base, token_url=token_url, tls=tls, pauses=pauses)
            for account in accounts
        )

    async def warm(self) -> None:
        """Have a token for each project, and a connection."""
        tokens = [_token_within(each.token, _WARM_SECONDS) for each in self._projects.values()]
        connecting = self._https.connect(self._base, seconds=_WARM_SECONDS)
        failure = (await asyncio.gather(connecting, *tokens))[0]
        if isinstance(failure, Outcome):
            log.warning("FCM: no connection yet: %s", failure.reason)

    async def send(self, push: FcmPush, *, seconds: float) -> Outcome:
        """Make one attempt; the notification has the names and values of AndroidNotification."""
        project = self._projects.get(push.project)
        if project is None and len(self._projects) == 1:
            # Apps name their project as they like: by its id, or by its number as Linphone's do.
            # A token of another project is told by Firebase itself, with SENDER_ID_MISMATCH.
            (project,) = self._projects.values()
        if project is None:
            return Outcome(Verdict.FAULT, "no credentials for this project")
        try:
            body = encode(push)
        except (ValueError, TypeError):
            return Outcome(Verdict.REFUSED, "not a message")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        token = project.token.current or await _token_within(project.token, seconds)
        if isinstance(token, Outcome):
            return token
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        left = deadline - loop.time()
        answer = await self._https.post(project.url, body, headers, seconds=left)
        if isinstance(answer, Outcome):
            return answer
        outcome = fcm_outcome(answer, now=self._clock())
        if answer.status == 401 and project.token.suspect(token):
            return Outcome(Verdict.UNSENT, outcome.reason)
        return outcome

    async def aclose(self) -> None:
        for project in self._projects.values():
            await project.token.aclose()
        await self._https.aclose()


def read_account(path: Path) -> ServiceAccount:
    """Read a service account's file; raises ConfigError."""
    try:
        account = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON") from error
    if not isinstance(account, dict):
        raise ConfigError(f"{path}: is not a service account as Firebase's console gives it")
    return account


def encode(push: FcmPush) -> bytes:
    """The request's body; raises ValueError and TypeError for what FCM would not take."""
    message = messaging.Message(
        data=dict(push.data),
        android=messaging.AndroidConfig(
            priority="high" if push.high_priority else "normal",
            ttl=push.ttl_seconds,
            notification=(
                messaging.AndroidNotification(**push.notification) if push.notification else None
            ),
        ),
    )
    # Not by the constructor: it warns that installation ids will replace tokens. Phones that
    # register with RFC 8599 send tokens.
    message.token = push.token
    # The SDK's JSON of a message is its text; the encoder itself is private.
    return f'{{"message":{message}}}'.encode()


async def _token_within(token: AccessToken, seconds: float) -> str | Outcome:
    try:
        async with asyncio.timeout(seconds):
            return await token.get()
    except TimeoutError:
        return Outcome(Verdict.RETRY, "no access token in time")


def _project(
    account: ServiceAccount,
    *,
    base: URL,
    token_url: str | None,
    tls: ssl.SSLContext,
    pauses: Pauses,
) -> tuple[str, _Project]:
    try:
        credentials = Credentials.from_service_account_info(account, scopes=_SCOPES)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ConfigError("push.fcm.credentials_file: is no service account") from error
    name = credentials.project_id
    if not isinstance(name, str) or not name:
        raise ConfigError("push.fcm.credentials_file: has no project_id")
    if token_url is not None:
        credentials = credentials.with_token_uri(token_url)
    fetch = functools.partial(_fetch, credentials, tls)
    token = AccessToken(f"FCM project {name}", fetch, pauses)
    return name, _Project(base / "v1/projects" / quote(name, safe="") / "messages:send", token)


def _fetch(credentials: Credentials, tls: ssl.SSLContext) -> Grant:
    """Ask the token endpoint; blocks. Raises GrantRefused, and what Google's library raises."""
    with urllib3.PoolManager(ssl_context=tls, retries=False) as pool:
        try:
            credentials.refresh(functools.partial(Request(pool), timeout=_TOKEN_SECONDS))
        except RefreshError as error:
            if error.retryable:
                raise
            raise GrantRefused(str(error)[:200]) from error
    token, expiry = credentials.token, credentials.expiry
    if not isinstance(token, str) or not token:
        raise GrantRefused("the answer holds no token")
    if expiry is None:
        return Grant(token, _DEFAULT_LIFE_SECONDS)
    left = expiry.replace(tzinfo=UTC) - datetime.now(UTC)
    return Grant(token, left.total_seconds())
