"""What a command removes beside the running server ends there too."""

from pathlib import Path

from signaling.removals import Missing, Resting, look
from tests.installation import PASSWORD, installation


async def test_what_rests_on_what_is_gone_ends_and_nothing_else(tmp_path: Path) -> None:
    async with installation(tmp_path) as server, installation(tmp_path) as command:
        alice = await server.accounts.add("alice", PASSWORD)
        bob = await server.accounts.add("bob", PASSWORD)
        logins = {}
        for account in (alice, bob):
            tokens = await server.logins.open(account)
            logins[account.id] = (await server.logins.authenticate(tokens.access)).login
        desk, _ = await server.phones.add(bob, "desk")
        attic, _ = await server.phones.add(bob, "attic")
        told: list[tuple[str, ...]] = []
        resting = Resting(
            lambda: {login: account for account, login in logins.items()},
            lambda: {desk.id, attic.id},
            lambda account, login: told.append((account, login)),
            lambda phone: told.append((phone,)),
        )
        missing = Missing(server.logins.missing, server.phones.missing)
        await look(resting, missing)
        assert told == []

        await command.accounts.remove(alice.id)
        await command.phones.remove(bob, desk.id)
        await look(resting, missing)
        assert told == [(alice.id, logins[alice.id]), (desk.id,)]

        told.clear()
        await command.accounts.set_password(bob.id, "another battery staple")
        del logins[alice.id]
        await look(resting, missing)
        assert (bob.id, logins[bob.id]) in told
