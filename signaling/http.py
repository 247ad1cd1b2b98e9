"""The manners of every HTTP exchange: bodies in, headers out, errors as JSON."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from signaling.guard import Guard, Network, peer_address
from signaling.shared.errors import (
    BadMessage,
    Forbidden,
    NoSuchCall,
    NotAuthenticated,
    NotFound,
    PeerError,
    TryAgain,
    WrongState,
)

log = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
_BODY_SECONDS = 10
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss:;"
    " media-src 'self' blob:; img-src 'self' data:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    # In place of the names and versions of what we are made of.
    "Server": "WSPhone",
    "X-Content-Type-Options": "nosniff",
}
_STATUS: tuple[tuple[type[PeerError], int, str], ...] = (
    (NotAuthenticated, 401, "not_authenticated"),
    (Forbidden, 403, "forbidden"),
    (NotFound, 404, "not_found"),
    (NoSuchCall, 404, "not_found"),
    (WrongState, 409, "conflict"),
    (BadMessage, 422, "invalid"),
    (PeerError, 400, "refused"),
)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_T = TypeVar("_T")


class TooMany(TryAgain):
    """This peer asks too often, whereas TryAgain itself says that all of us are busy."""


def set_manners(app: web.Application, guard: Guard) -> None:
    """Have every route of the application guarded, its errors told as JSON, its headers set."""

    @web.middleware
    async def check(request: web.Request, handler: _Handler) -> web.StreamResponse:
        refusal = guard.refusal(request.headers.get("Host", ""), request.headers.get("Origin"))
        if refusal is not None:
            raise Forbidden(refusal)
        return await handler(request)

    app.middlewares.extend((_tell_errors, check))
    app.on_response_prepare.append(_add_headers)


def peer_of(request: web.BaseRequest, trusted_proxies: Sequence[Network]) -> str:
    """The address of whoever asks, seen past our own proxies."""
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
    return peer_address(request.remote or "", forwarded, trusted_proxies)


def host_of(netloc: str) -> str:
    """The host of a Host header, without its port; an IPv6 address keeps its brackets."""
    if netloc.startswith("["):
        return netloc.partition("]")[0] + "]"
    return netloc.partition(":")[0]


def bearer_of(request: web.BaseRequest) -> str:
    """The access token that the request shows; raises NotAuthenticated."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("this needs an access token: Authorization: Bearer …")
    return token.strip()


async def read_json(request: web.Request, type_: type[_T]) -> _T:
    """The body as a `type_`, unknown fields ignored; raises BadMessage and HTTPException."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > MAX_BODY:
                    raise web.HTTPRequestEntityTooLarge(MAX_BODY, len(body))
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise BadMessage(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise web.HTTPBadRequest(text="the body is not JSON in UTF-8") from error


def json_response(value: object, *, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )


async def _add_headers(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")


@web.middleware
async def _tell_errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Every error as `{error: {code, message}}`, here and nowhere else."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        kept = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        code = error.reason.lower().replace(" ", "_")
        return _error_response(error.status, code, error.text or error.reason, kept)
    except TryAgain as error:
        status, code = (429, "too_many") if isinstance(error, TooMany) else (503, "busy")
        # Whole seconds, rounded up: a client that comes early is refused again.
        headers = {"Retry-After": str(max(1, int(error.retry_after + 0.999)))}
        return _error_response(status, code, str(error), headers)
    except PeerError as error:
        status, code = next(found[1:] for found in _STATUS if isinstance(error, found[0]))
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        return _error_response(status, code, str(error), headers)
    except Exception:
        log.exception("%s %s failed", request.method, request.match_info.route.resource)
        return _error_response(500, "internal", "this is our fault; the log says more", {})


def _error_response(
    status: int, code: str, message: str, headers: Mapping[str, str]
) -> web.Response:
    error: dict[str, Any] = {"error": {"code": code, "message": message}}
    response = json_response(error, status=status)
    response.headers.update(headers)
    return response
