"""The tools from npm that check the page: `make needs` puts them into the ignored folder build/."""

from pathlib import Path

NODE_MODULES = Path(__file__).parents[2] / "build" / "node" / "node_modules"
