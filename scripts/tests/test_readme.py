from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from agenttrace.wire.models import ValidSpan
from agenttrace.wire.validation import parse_line

README: Final = Path(__file__).resolve().parents[2] / "README.md"


def test_the_program_in_the_readme_records(tmp_path: Path) -> None:
    """The first program that a reader pastes runs, and records both of its steps to the end."""
    found = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    file = tmp_path / "t.jsonl"
    program = found[1].replace('"http://127.0.0.1:8000/api"', repr(f"jsonl:{file}"))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    records = [parse_line(line) for line in file.read_bytes().splitlines()]
    ended = {r.name: r.status for r in records if isinstance(r, ValidSpan) and r.end_ns}
    assert ended == {"web_search": "COMPLETED", "answer": "COMPLETED"}


def test_the_readme_links_to_what_there_is() -> None:
    """No link of the README leads nowhere within the checkout."""
    links = re.findall(r"\]\((?!https?://)([^)#]+)\)", README.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
