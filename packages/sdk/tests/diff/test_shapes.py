"""10,000 spans against 10,000, of each shape of `benchmarks/diff.py`: all but the time (D10)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MAX_BYTES = 512 * 1024 * 1024
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

# Where it is proven the least there is one cost; of the two others only that it is not.
LEAST = {
    "flat, 5 % differ": 411,
    "flat, unrelated": 5_000,
    "flat, random": None,
    "loop of 550 x 18": 485.5,
    "chain of 5,000": 192,
    "ternary, 300 differ": None,
    "ternary, unrelated": 4_920.5,
    "one payload of 50 MB": 425.5,
}


@pytest.mark.parametrize("shape", LEAST)
def test_d10_runs_of_10_000_spans(shape: str) -> None:
    """In a process of its own: the cost, whether that is proven, and the memory."""
    done = subprocess.run(
        [sys.executable, "-c", f"import diff; diff.measure({shape!r})"],
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    name, _, _, _, peak_bytes, is_approximate, cost, rows = json.loads(done.stdout)
    assert (name, is_approximate) == (shape, LEAST[shape] is None)
    assert LEAST[shape] in {None, cost}
    assert rows >= 5_000
    assert peak_bytes <= MAX_BYTES


def test_each_shape_is_tested() -> None:
    """A new one needs its line above."""
    done = subprocess.run(
        [sys.executable, "-c", "import diff, json; print(json.dumps(list(diff.SHAPES)))"],
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == list(LEAST)
