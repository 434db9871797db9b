"""`diff` in every format, and `replay --step`, of recordings that are made to break them.

Each fixture is first shown to be read whole: what is refused as a line never gets to the diff.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hostile_runs import EVIL, MAKERS, make_hostile_pair
from junitparser import JUnitXml
from recordings import write_file

from agenttrace.trace import load_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Done

FORMATS = ("text", "json", "md", "junit", "github")


def write_hostile(folder: Path, kind: str) -> list[Path]:
    """Write a pair as `a.jsonl` and `b.jsonl`, of which every line can be read."""
    paths = []
    for name, records in zip("ab", make_hostile_pair(kind), strict=True):
        path = write_file(folder / f"{name}.jsonl", records)
        (run,), problems = load_runs(path)
        assert (problems, len(run.spans)) == ([], len(records) - 1)
        paths.append(path)
    return paths


@pytest.mark.parametrize("kind", MAKERS)
def test_every_format_takes_every_run(
    command: Callable[..., Done], tmp_path: Path, kind: str
) -> None:
    """A result that its reader can parse, the code for data that is missing, and no more."""
    write_hostile(tmp_path, kind)
    for form in FORMATS:
        done = command("diff", "a.jsonl", "b.jsonl", "--format", form, cwd=tmp_path)
        assert done.code == (4 if kind == "open" else 0), done.err
        assert "Traceback" not in done.err
        if form == "json":
            said = json.loads(done.out)
            assert said["verdict"] == ("INCOMPLETE" if kind == "open" else "DIFFERENT")
            assert any(row["outcome"] != "UNCHANGED" for row in said["rows"])
        elif form == "junit":
            assert JUnitXml.fromstring(done.out.encode()).failures == 0
        elif form == "md":
            assert len(done.out.encode()) < 2**20
        if form != "json":  # which has its own escapes
            assert not {"\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\x00"}.intersection(done.out)
        if form == "github":
            assert all(line.startswith("::") for line in done.out.splitlines())


@pytest.mark.parametrize("kind", MAKERS)
def test_every_run_is_stepped_through(
    command: Callable[..., Done], tmp_path: Path, kind: str
) -> None:
    """To its end, as lines for people: nothing of it acts on them."""
    write_hostile(tmp_path, kind)
    done = command("replay", "a.jsonl", "--step", cwd=tmp_path)
    assert (done.code, "Traceback" in done.err) == (0, False), done.err
    assert done.out
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\x00"}.intersection(done.out)


@pytest.mark.parametrize("damage", ["cut", "lone surrogate", "too long", "too deep", "no text"])
def test_lines_that_no_reader_takes_are_said(
    command: Callable[..., Done], tmp_path: Path, damage: str
) -> None:
    """The rest is compared, and the code is 4 in every format."""
    _, path = write_hostile(tmp_path, "evil")
    lines = path.read_bytes().splitlines()
    bad = {
        "cut": lines[1][:-40],
        "lone surrogate": lines[1].replace(b'"name": "', b'"name": "\\ud800', 1),
        "too long": lines[1].replace(b"7aCA", b"A" * (17 * 2**20), 1),
        "too deep": lines[1].replace(b'{"$text": "7aCA"}', b"[" * 10**5 + b"]" * 10**5, 1),
        "no text": b"\x00\xff" * 99,
    }[damage]
    assert bad != lines[1]
    path.write_bytes(b"\n".join([lines[0], bad, *lines[2:]]) + b"\n")
    for form in FORMATS:
        done = command("diff", "a.jsonl", "b.jsonl", "--format", form, cwd=tmp_path)
        assert (done.code, "b.jsonl: line 2 is left out: " in done.err) == (4, True), done.err
        assert "Traceback" not in done.err
        assert done.out
    assert EVIL not in done.err
