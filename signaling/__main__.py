"""The entry: the `wsphone` command."""

import sys

from signaling.commands import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
