"""FCM messages a second on one core: our sender against firebase-admin's."""

import argparse
import json
import os
import sys

import firebase_admin
import uvloop
from firebase_admin import credentials, messaging

from bench.push_wire import Figure, Service, memory_mb, rate, service, table
from push.fcm import FcmSender
from push.sender import FcmPush, Outcome
from tests.push.fake_fcm import PROJECT, service_account
from tests.push.fake_https import Heard, Reply

GOAL = 2500
CALL = FcmPush(
    project=PROJECT,
    token="x" * 160,
    data={"call": "0f8fad5b-d9cb-469f-a165-70867728950e", "from_address": "bob@phones.test"},
    high_priority=True,
    ttl_seconds=45,
)
SECONDS = 3.0


def accept(heard: Heard) -> Reply:
    if heard.path == "/token":
        grant = {"access_token": "token", "expires_in": 3600, "token_type": "Bearer"}
        return Reply(200, json.dumps(grant).encode())
    return Reply(200, b'{"name": "projects/phones/messages/1"}')


async def ours(target: Service, pushes: int) -> Figure:
    account = service_account(f"{target.url}/token")
    sender = FcmSender([account], url=target.url, ca_file=target.ca_file)

    async def send() -> Outcome:
        return await sender.send(CALL, seconds=SECONDS)

    try:
        return await rate("wsphone", send, pushes)
    finally:
        await sender.aclose()


async def theirs(target: Service, pushes: int) -> Figure:
    """Its asynchronous sender, one message a call, as calls come; over HTTP/1.1 here."""
    # What it has for a test server: variables for the CA, and a private attribute.
    os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = str(target.ca_file)
    account = credentials.Certificate(service_account(f"{target.url}/token"))
    app = firebase_admin.initialize_app(account)
    sdk = messaging._get_messaging_service(app)
    sdk._fcm_url = f"{target.url}/v1/projects/{PROJECT}/messages:send"
    message = messaging.Message(data=dict(CALL.data), android=messaging.AndroidConfig(ttl=45))
    message.token = CALL.token

    async def send() -> None:
        answer = await messaging.send_each_async([message], app=app)
        if answer.failure_count:
            raise RuntimeError(f"firebase-admin: {answer.responses[0].exception}")

    return await rate("firebase-admin", send, pushes)


def report(pushes: int) -> list[str]:
    """Lines to print; the memory is that of a process which only sent with ours."""
    with service(accept) as target:
        mine = uvloop.run(ours(target, pushes))
        memory = memory_mb()
        other = uvloop.run(theirs(target, max(1, pushes // 5)))
    return ["FCM", *table(mine, other, GOAL), f"{memory:.0f} MB"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.push_fcm", description=__doc__)
    parser.add_argument("--pushes", type=int, default=5000)
    sys.stdout.write("\n".join([*report(parser.parse_args().pushes), ""]))


if __name__ == "__main__":
    main()
