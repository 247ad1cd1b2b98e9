"""Programs that come first for a while."""

from pathlib import Path

from tests.end_to_end.precedence import precedence
from tests.end_to_end.process import Program


def nice(program: Program) -> str:
    """The weight of its session, where the kernel weighs them: `0` is everybody's."""
    group = Path(f"/proc/{program.pid}/autogroup")
    return group.read_text().split()[-1] if group.exists() else "no groups"


async def test_programs_come_first_only_as_long_as_the_block() -> None:
    program = await Program.start("sleep", "60")
    try:
        with precedence():
            assert nice(program) in ("-10", "no groups")
        assert nice(program) in ("0", "no groups")
    finally:
        await program.stop()


async def test_a_program_that_ends_meanwhile_disturbs_nobody() -> None:
    program = await Program.start("sleep", "60")
    with precedence():
        await program.stop()
