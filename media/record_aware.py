"""What our descriptions say of recording (RFC 7866, section 6.2)."""

from media import sdp

_NAME = "a=record:"


def marked(text: str, *, recorded: bool) -> str:
    """The description, saying whether the call is recorded; silent of it until it once was."""
    description = sdp.parse(text)
    for section in description.media:
        said = [line for line in section.lines if line.startswith(_NAME)]
        if section.kind != "audio" or section.rejected or not (recorded or said):
            continue
        kept = [line for line in section.lines if line not in said]
        section.lines[:] = [*kept, f"{_NAME}{'on' if recorded else 'off'}"]
    return str(description)
