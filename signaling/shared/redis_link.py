"""The connection to Redis: how it is opened, and what is done while it is away."""

import asyncio
import logging
from random import random

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

# Everything that an outage raises; a restart of Redis also fails in its own words.
TROUBLE = (RedisError, OSError, TimeoutError)
CONNECTIONS = 16
ANSWER_SECONDS = 5.0
_FIRST_SECONDS, _LONGEST_SECONDS = 0.05, 2.0


def connect(url: str) -> Redis:
    """A client that connects when it is used; it tries nothing twice by itself.

    A command whose answer was lost may have been done, which only its caller can judge.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        # The answers of the other one have other shapes.
        protocol=2,
        max_connections=CONNECTIONS,
        timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


class Outage:
    """The waits between attempts to reach Redis, longer each time; one line in the log each way."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._seconds = 0.0

    async def wait(self, error: BaseException) -> None:
        if not self._seconds:
            log.warning("%s: Redis does not serve: %s", self._name, error)
        self._seconds = min(_LONGEST_SECONDS, self._seconds * 2 or _FIRST_SECONDS)
        # At random, so that those who lost it together do not come back together.
        await asyncio.sleep(self._seconds * (0.5 + random() / 2))

    def over(self) -> None:
        if self._seconds:
            log.info("%s: Redis serves again", self._name)
            self._seconds = 0.0
