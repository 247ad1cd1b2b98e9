"""Phones that share no codec: the server turns the one's sound into the other's."""

from pathlib import Path

import pytest

from tests.end_to_end.conftest import StartBaresip, StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY
from tests.end_to_end.listening import hear
from tests.end_to_end.server import ALICE, BOB
from tests.end_to_end.sounds import Sounds

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_baresip_with_g722_only_and_a_linphone_with_opus_only_hear_each_other(
    baresip: StartBaresip, linphone: StartLinphone, sounds: Sounds, tmp_path: Path
) -> None:
    bob = await linphone(BOB, codecs=("opus",))
    alice = await baresip(ALICE, codec="G722")
    await alice.call("sip:bob@wsphone.local")
    assert "alice" in await bob.rings()
    bob.answer()
    await alice.talks()
    await bob.talks()

    await hear(tmp_path, (alice, sounds.b), (bob, sounds.b))
    await alice.hang_up()
    assert await bob.ended() == ENDED_NORMALLY
    await alice.close()
