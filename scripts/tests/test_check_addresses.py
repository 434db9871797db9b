from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from check_addresses import main


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "https://files.python" + "hosted.org/packages/aa/bb.whl",
        '"resolved": "https://registry.npm' + 'js.org/react/-/react.tgz"',
        "index-url = https://PY" + "PI.org/simple",
        "file = '/ro" + "ot/checkout/file.py'",
        "see /home/" + "alice/agenttrace/data",
    ],
    ids=["wheel", "npm lock", "index, other case", "root's path", "a home folder"],
)
def test_refuses_an_address(checkout: Path, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A registry's host or a machine's path fails the check, with file and line."""
    (checkout / "lock.txt").write_text(f"first\n{line}\n")
    assert main(checkout) == 1
    assert capsys.readouterr().err.startswith("lock.txt:2: ")


def test_passes_hashes_and_relative_paths(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lock with hashes, relative paths and ordinary links pass."""
    (checkout / "lock.txt").write_text(
        "httpx==0.28.1 \\\n    --hash=sha256:00ff\n./data/traces.jsonl http://127.0.0.1:8000/api\n"
    )
    assert main(checkout) == 0
    assert capsys.readouterr().err == ""
