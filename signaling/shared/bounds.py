"""How much a text or a number of the client protocol may hold."""

from typing import Annotated

from msgspec import Meta

Sdp = Annotated[str, Meta(max_length=32_768)]
Media = Annotated[int, Meta(ge=1, le=1_000_000)]
Short = Annotated[str, Meta(max_length=64)]
Line = Annotated[str, Meta(max_length=256)]
# Python's `$` also stands before a last line break; other languages know no `\Z`.
DeviceId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$(?!\n)")]
Digits = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[0-9A-D*#]+$(?!\n)")]
Seq = Annotated[int, Meta(ge=0)]
Token = Annotated[str, Meta(max_length=1024)]
