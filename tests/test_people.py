"""Who is listed, and who of them a call would reach."""

from collections.abc import AsyncIterator

import pytest

from signaling.people import MOST_PEOPLE, People
from signaling.shared.model import Account
from tests.client import World
from tests.exchange import account, phone, tab


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


async def test_a_person_is_reachable_while_a_session_is_open(world: World) -> None:
    alice, _ = await world.open("alice"), await world.open("bob")
    listed = await alice.call("directory.list")
    assert listed["more"] is False
    assert listed["people"][1:] == [
        {
            "name": "bob",
            "address": "bob@example.org",
            "display_name": "Bob",
            "reachable": True,
        },
        {
            "name": "carol",
            "address": "carol@example.org",
            "display_name": "Carol",
            "reachable": False,
        },
    ]


async def test_the_one_who_asks_is_reachable_on_another_device_only(world: World) -> None:
    alice = await world.open("alice")
    assert (await alice.call("directory.list"))["people"][0]["reachable"] is False
    await world.open("alice", device="tablet")
    assert (await alice.call("directory.list"))["people"][0]["reachable"] is True


async def test_somebody_who_left_is_not_reachable(world: World) -> None:
    alice, bob = await world.open("alice"), await world.open("bob")
    await bob.call("session.close")
    assert (await alice.call("directory.list"))["people"][1]["reachable"] is False


async def test_who_blocks_somebody_is_not_reachable_for_them(world: World) -> None:
    alice, carol = await world.open("alice"), await world.open("carol")
    await world.open("bob")
    world.directory.blocked.add(("id of bob", "alice@example.org"))
    assert (await alice.call("directory.list"))["people"][1]["reachable"] is False
    assert (await carol.call("directory.list"))["people"][1]["reachable"] is True


async def test_somebody_who_sleeps_and_can_be_woken_is_reachable(world: World) -> None:
    alice = await world.open("alice")
    world.directory.asleep = {"id of alice", "id of bob"}
    listed = (await alice.call("directory.list"))["people"]
    assert [person["reachable"] for person in listed] == [False, True, False]


async def test_who_sleeps_and_blocks_somebody_is_not_reachable_for_them(world: World) -> None:
    alice = await world.open("alice")
    world.directory.asleep = {"id of bob"}
    world.directory.blocked.add(("id of bob", "alice@example.org"))
    assert (await alice.call("directory.list"))["people"][1]["reachable"] is False


async def nobody(*_address: str) -> frozenset[str]:
    return frozenset()


async def test_a_registered_phone_makes_reachable() -> None:
    bob = account("bob")

    async def first(at_most: int) -> list[Account]:
        return [bob][:at_most]

    people = People(first, lambda _: [phone("desk")], nobody, nobody)
    assert (await people.listed("the tab of alice", "alice@example.org")).people[0].reachable


@pytest.mark.parametrize(("count", "more"), [(MOST_PEOPLE, False), (MOST_PEOPLE + 1, True)])
async def test_the_list_has_an_end_and_says_so(count: int, more: bool) -> None:
    everybody = [account(f"p{number:04}") for number in range(count)]

    async def first(at_most: int) -> list[Account]:
        return everybody[:at_most]

    people = People(first, lambda _: [tab("one")], nobody, nobody)
    listed = await people.listed("another", "alice@example.org")
    assert (len(listed.people), listed.more) == (MOST_PEOPLE, more)
