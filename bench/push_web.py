"""Web Push messages a second on one core: our sender against pywebpush's."""

import argparse
import sys
from collections.abc import Awaitable, Callable
from ipaddress import ip_network

import aiohttp
import uvloop
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pywebpush import webpush_async

from bench.push_wire import HOST, IN_FLIGHT, Figure, Service, memory_mb, rate, service, table
from push.endpoints import EndpointRules
from push.https import client_tls
from push.sender import Outcome, WebPush
from push.vapid import Vapid
from push.webpush import WebPushSender
from tests.push.fake_dns import Names
from tests.push.fake_https import Heard, Reply
from tests.push.fake_webpush import Browser

GOAL = 1800
PAYLOAD = b'{"call":"0f8fad5b-d9cb-469f-a165-70867728950e","from":"bob@phones.test"}' * 4
SECONDS = 3.0


def accept(_: Heard) -> Reply:
    return Reply(201, headers={"Location": "https://push.local/message/1"})


def our_vapid() -> Vapid:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Vapid(key=pem, contact="mailto:admin@phones.test")


async def ours(target: Service, pushes: int) -> Figure:
    rules = EndpointRules([f"{HOST}:{target.port}"], [ip_network("127.0.0.1/32")])
    sender = WebPushSender(our_vapid(), rules, ca_file=target.ca_file, look_up=Names)
    subscription = Browser().subscription(f"https://{HOST}:{target.port}/send/1")
    push = WebPush(subscription, PAYLOAD, ttl_seconds=45, urgency="high", topic="t")

    async def send() -> Outcome:
        return await sender.send(push, seconds=SECONDS)

    try:
        return await rate("wsphone", send, pushes)
    finally:
        await sender.aclose()


async def theirs(target: Service, pushes: int) -> Figure:
    """As well as it can be used: one session, one VAPID header."""
    subscription = Browser().subscription(f"https://{HOST}:{target.port}/send/1")
    info = {
        "endpoint": subscription.endpoint,
        "keys": {"p256dh": subscription.p256dh, "auth": subscription.auth},
    }
    headers = {
        "Authorization": our_vapid().header(f"https://{HOST}:{target.port}", now=0.0),
        "Urgency": "high",
    }
    tls = client_tls(target.ca_file)
    connector = aiohttp.TCPConnector(ssl=tls, limit=IN_FLIGHT, resolver=Names())
    async with aiohttp.ClientSession(connector=connector) as session:
        send_one: Callable[..., Awaitable[object]] = webpush_async

        async def send() -> None:
            await send_one(
                info, PAYLOAD, ttl=45, headers=headers, timeout=SECONDS, aiohttp_session=session
            )

        return await rate("pywebpush", send, pushes)


def report(pushes: int) -> list[str]:
    """Lines to print; the memory is that of a process which only sent with ours."""
    with service(accept) as target:
        mine = uvloop.run(ours(target, pushes))
        memory = memory_mb()
        other = uvloop.run(theirs(target, pushes))
    return ["Web Push", *table(mine, other, GOAL), f"{memory:.0f} MB"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.push_web", description=__doc__)
    parser.add_argument("--pushes", type=int, default=5000)
    sys.stdout.write("\n".join([*report(parser.parse_args().pushes), ""]))


if __name__ == "__main__":
    main()
