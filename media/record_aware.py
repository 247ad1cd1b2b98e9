"""What our descriptions say of recording (RFC 7866, section 6.2)."""

from media import sdp

_NAME = "a=record:"


def marked(text: str, *, recorded: bool, before: str) -> str:
    """The description, saying whether the call is recorded; silent of it until it once was.

    `before` is what the same peer was told last.
    """
    if not recorded and _NAME not in before:
        return text
    description = sdp.parse(text)
    for section in description.media:
        if section.kind != "audio" or section.rejected:
            continue
        kept = [line for line in section.lines if not line.startswith(_NAME)]
        section.lines[:] = [*kept, f"{_NAME}{'on' if recorded else 'off'}"]
    return str(description)
