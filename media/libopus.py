"""libopus by ctypes: where it is found, and the few of its functions and numbers that we use."""

import ctypes
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from signaling.shared.errors import OperatorError

# From opus_defines.h.
APPLICATION_VOIP = 2048
SET_BITRATE = 4002
SET_VBR = 4006
SET_COMPLEXITY = 4010
SET_INBAND_FEC = 4012
SET_PACKET_LOSS_PERC = 4014
SET_DTX = 4016
SET_SIGNAL = 4024
SIGNAL_VOICE = 3001

# Where the wheels of PyAV keep it, on Linux, macOS and Windows.
_BUNDLED = ("../av.libs/libopus*.so*", ".dylibs/libopus*.dylib", "../av.libs/*opus*.dll")
_SYSTEM = ("libopus.so.0", "libopus.0.dylib", "opus.dll")

_INT = ctypes.c_int
_POINTER = ctypes.c_void_p
_OCTETS = ctypes.c_char_p
# ctypes lets go of the GIL during each of them. Those of the `_ctl` kind take one more argument,
# which must not stand here: ctypes then knows where the variable part begins.
_ARGUMENTS = {
    "opus_decoder_get_size": (_INT,),
    "opus_decoder_init": (_POINTER, ctypes.c_int32, _INT),
    "opus_decoder_get_nb_samples": (_POINTER, _OCTETS, ctypes.c_int32),
    "opus_decode": (_POINTER, _OCTETS, ctypes.c_int32, _POINTER, _INT, _INT),
    "opus_encoder_get_size": (_INT,),
    "opus_encoder_init": (_POINTER, ctypes.c_int32, _INT, _INT),
    "opus_encoder_ctl": (_POINTER, _INT),
    "opus_encode": (_POINTER, _OCTETS, _INT, _POINTER, ctypes.c_int32),
}


@cache
def load() -> ctypes.CDLL:
    """The library, its functions declared; OperatorError when there is none."""
    for name in _candidates():
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        for function, arguments in _ARGUMENTS.items():
            getattr(library, function).argtypes = arguments
        return library
    raise OperatorError(
        "libopus was not found: neither in the package av nor on the system;"
        " reinstall av from its wheel, or install libopus (Debian: libopus0)"
    )


def _candidates() -> Iterator[str]:
    """PyAV's copy first: it is newer than most systems' and the one that the tests run."""
    spec = find_spec("av")
    for folder in spec.submodule_search_locations or () if spec else ():
        for pattern in _BUNDLED:
            yield from (str(path) for path in sorted(Path(folder).glob(pattern)))
    yield from _SYSTEM
