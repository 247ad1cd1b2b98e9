"""The types that the page's modules say in JSDoc hold."""

import subprocess
from pathlib import Path

import pytest

from tests.web.conftest import WEB
from tests.web.node import NODE_MODULES

pytestmark = pytest.mark.timeout(180)


def check(project: Path) -> subprocess.CompletedProcess[str]:
    """Run TypeScript's checker over a folder with a tsconfig.json."""
    tsc = NODE_MODULES / ".bin" / "tsc"
    return subprocess.run([tsc, "--project", project], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("project", [WEB, WEB / "worker"], ids=["page", "worker"])
def test_the_modules_keep_their_types(project: Path) -> None:
    checked = check(project)
    assert checked.returncode == 0, checked.stdout


def test_a_wrong_type_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "tsconfig.json").write_text((WEB / "tsconfig.json").read_text())
    (tmp_path / "wrong.js").write_text("/** @type {number} */\nexport const ring = 'ring';\n")
    checked = check(tmp_path)
    assert "wrong.js(2,14)" in checked.stdout
