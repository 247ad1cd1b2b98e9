"""The sound material: two voices, each a few seconds that start with a chirp to align by."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

RATE = 16000
SECONDS = 6.2
"""The length of both voices, whole in samples of every rate: no repeat begins inside of one."""

# sentences of the Harvard lists (IEEE 269), as PESQ's own material uses them
VOICES = {
    "a": ("en-us", "40", "The birch canoe slid on the smooth planks. Glue the sheet to the wall."),
    "b": ("en-gb+f3", "60", "Rice is often served in round bowls. The juice of lemons is fine."),
}


# Players leave a gap where they start a file again: their files hold the voice often enough to
# outlast a call.
REPEATS = 15


@dataclass(frozen=True)
class Voice:
    """WAV files of 16 kHz, mono, 16 bit: what is spoken, and the same over and over to play."""

    once: Path
    looped: Path


@dataclass(frozen=True)
class Sounds:
    """Two voices that cannot be taken for one another."""

    a: Voice
    b: Voice


async def make_sounds(folder: Path) -> Sounds:
    """Let espeak-ng and sox make both voices in `folder`."""
    first, second = await asyncio.gather(*(_make_voice(folder, name) for name in VOICES))
    return Sounds(first, second)


async def make_tone(path: Path, hertz: int) -> None:
    """A minute of a tone: known at once for what it is, where nobody judges how it sounds."""
    form = ("-r", str(RATE), "-b", "16", "-c", "1")
    await _run("sox", "-n", *form, str(path), "synth", "60", "sine", str(hertz), "gain", "-9")


async def _make_voice(folder: Path, name: str) -> Voice:
    voice, pitch, text = VOICES[name]
    parts = ("spoken", "chirp", "once", "looped")
    spoken, chirp, once, looped = (folder / f"{part}_{name}.wav" for part in parts)
    form = ("-r", str(RATE), "-b", "16", "-c", "1")
    await _run("espeak-ng", "-v", voice, "-s", "155", "-p", pitch, "-w", str(spoken), text)
    await _run(
        *("sox", "-n", *form, str(chirp), "synth", "0.25", "sine", "500:3000"),
        *("fade", "t", "0.01", "0.25", "0.01", "gain", "-9", "pad", "0.4", "0.4"),
    )
    speech = f"|sox {spoken} {' '.join(form)} -p gain -n -6"
    length = str(SECONDS)
    await _run("sox", str(chirp), speech, str(once), "pad", "0", length, "trim", "0", length)
    await _run("sox", str(once), str(looped), "repeat", str(REPEATS))
    return Voice(once, looped)


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    _, complaint = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {complaint.decode(errors='replace')}")
