"""`wsphone`, where credentials for TURN servers may last seconds, and are renewed by the second.

Run as a module by the tests that would have to wait for minutes.
"""

import sys
from dataclasses import replace

from signaling import hub
from signaling.commands import main
from signaling.shared import config_values as allowed
from signaling.shared.config_keys import KEYS

if __name__ == "__main__":
    hub.PING_SECONDS = 1
    KEYS["turn.seconds"] = replace(KEYS["turn.seconds"], check=allowed.between(1, 604_800))
    sys.exit(main())
