"""Who else is in the domain, and whether a call would reach them now."""

from collections.abc import Awaitable, Callable, Collection

from signaling.call_model import Endpoint
from signaling.shared.messages import PeopleListed, Person
from signaling.shared.model import Account

MOST_PEOPLE = 500
"""In one list; a page that has more of them needs a search instead."""


class People:
    """`first` lists so many accounts by name; `endpoints` is where one of them would ring.

    `blocking` are the ids of the accounts that a caller's address does not reach, `wakeable` those
    of the accounts that a push may reach.
    """

    def __init__(
        self,
        first: Callable[[int], Awaitable[list[Account]]],
        endpoints: Callable[[Account], list[Endpoint]],
        blocking: Callable[[str], Awaitable[Collection[str]]],
        wakeable: Callable[[], Awaitable[Collection[str]]],
    ) -> None:
        self._first = first
        self._endpoints = endpoints
        self._blocking = blocking
        self._wakeable = wakeable

    async def listed(self, asking: str, address: str) -> PeopleListed:
        """As the endpoint that asks sees them: it does not ring for its own calls.

        Whoever blocks its address is like somebody without a phone, as for its calls.
        """
        blocking = await self._blocking(address)
        wakeable = await self._wakeable()
        found = await self._first(MOST_PEOPLE + 1)
        people = [
            self._person(
                account,
                asking,
                silent=account.id in blocking,
                # The device that asks sleeps not, and may be all that a push would wake.
                wakes=account.id in wakeable and account.address != address,
            )
            for account in found[:MOST_PEOPLE]
        ]
        return PeopleListed(people, more=len(found) > MOST_PEOPLE)

    def _person(self, account: Account, asking: str, *, silent: bool, wakes: bool) -> Person:
        rings = any(each.id != asking for each in self._endpoints(account))
        reachable = (rings or wakes) and not silent
        return Person(account.name, account.address, account.display_name, reachable)
