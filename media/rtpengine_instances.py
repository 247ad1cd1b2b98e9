"""The instances of rtpengine: which of them answer, and which takes the next call."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

from media.ng_client import NgClient, NoAnswer
from signaling.shared.errors import MediaError

log = logging.getLogger(__name__)

PING_SECONDS = 1.0


class Instances:
    """Asks each instance once a second whether it is there; one that is not takes no calls."""

    def __init__(self, urls: tuple[str, ...], lost: Callable[[NgClient], None]) -> None:
        """`lost` is told of an instance that answers no longer."""
        parts = map(urlsplit, urls)
        self._clients = [NgClient(part.hostname or "", part.port or 0) for part in parts]
        self._lost = lost
        # Until it is heard or found out, an instance is thought to be there.
        self._up = set(self._clients)
        self._legs: Counter[NgClient] = Counter()
        self._asking: asyncio.Task[None] | None = None

    @property
    def hosts(self) -> frozenset[str]:
        return frozenset(client.host for client in self._clients)

    def start(self) -> None:
        """Begin to ask; needs the running loop."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_all(), name="rtpengine health")

    async def stop(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
            self._asking = None
        for client in self._clients:
            client.close()

    def is_up(self, client: NgClient) -> bool:
        return client in self._up

    def choose(self) -> NgClient:
        """Of those that answer, the one with the fewest legs; MediaError when there is none."""
        if not self._up:
            raise MediaError("no instance of rtpengine answers")
        return min(self._clients, key=lambda each: (each not in self._up, self._legs[each]))

    def took(self, client: NgClient) -> None:
        self._legs[client] += 1

    def gave_back(self, client: NgClient) -> None:
        self._legs[client] -= 1

    def found_dead(self, client: NgClient) -> None:
        """A request went unanswered: no calls for it until it answers again."""
        if client in self._up:
            self._up.discard(client)
            log.warning("rtpengine at %s does not answer: its calls are lost", client)
            self._lost(client)

    async def _ask_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for client in self._clients:
                group.create_task(self._ask(client))

    async def _ask(self, client: NgClient) -> None:
        while True:
            try:
                await client.request("ping")
            except NoAnswer:
                self.found_dead(client)
            except MediaError as error:
                log.warning("rtpengine at %s: %s", client, error)
            else:
                if client not in self._up:
                    self._up.add(client)
                    log.warning("rtpengine at %s answers again", client)
            await asyncio.sleep(PING_SECONDS)
