"""Phones that talk encrypted only: each way of coming to the keys, to a phone that has none."""

from pathlib import Path

import pytest

from tests.end_to_end.conftest import StartBaresip, StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY
from tests.end_to_end.listening import hear
from tests.end_to_end.server import ALICE, BOB
from tests.end_to_end.sounds import Sounds

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("encryption", ["srtp-mand", "dtls_srtp"])
async def test_an_encrypted_baresip_calls_a_plain_linphone(
    baresip: StartBaresip, linphone: StartLinphone, sounds: Sounds, tmp_path: Path, encryption: str
) -> None:
    bob = await linphone(BOB, codecs=("PCMU",))
    alice = await baresip(ALICE, encryption=encryption)
    await alice.call("sip:bob@wsphone.local")
    assert "alice" in await bob.rings()
    bob.answer()
    await alice.talks()
    await bob.talks()

    await hear(tmp_path, (alice, sounds.b), (bob, sounds.b))
    await alice.hang_up()
    assert await bob.ended() == ENDED_NORMALLY
    await alice.close()


@pytest.mark.parametrize("encryption", ["srtp", "dtls"])
async def test_an_encrypted_linphone_calls_a_plain_baresip(
    baresip: StartBaresip, linphone: StartLinphone, sounds: Sounds, tmp_path: Path, encryption: str
) -> None:
    bob = await linphone(BOB, codecs=("PCMU",), encryption=encryption)
    alice = await baresip(ALICE)
    bob.call("alice")
    assert "bob" in await alice.rings()
    await alice.answer()
    await alice.talks()
    await bob.talks()

    await hear(tmp_path, (alice, sounds.b), (bob, sounds.b))
    await alice.hang_up()
    assert await bob.ended() == ENDED_NORMALLY
    await alice.close()
