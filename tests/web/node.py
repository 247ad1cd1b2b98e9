"""The tools from npm that check the page: pinned, and kept in the ignored folder build/."""

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = ROOT / "build" / "node"
LOCK = "package-lock.json"
INSTALL_SECONDS = 300


def node_modules() -> Path:
    """Where the tools are, installed as the lock file names them if they are not there yet."""
    found, lock = FOLDER / "node_modules", HERE / LOCK
    done = FOLDER / "installed"
    if done.exists() and done.read_bytes() == lock.read_bytes():
        return found
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("The tests of the page need npm: install the Debian package npm.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", LOCK):
        shutil.copy(HERE / name, FOLDER / name)
    subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=FOLDER,
        check=True,
        timeout=INSTALL_SECONDS,
    )
    shutil.copy(lock, done)
    return found
