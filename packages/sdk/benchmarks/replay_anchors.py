"""What other record and replay tools do where AgentTrace promises an exact replay.

    python packages/sdk/benchmarks/replay_anchors.py --peer-python PEERS/bin/python

Five programs (`anchor_scenes.py`) are recorded once and replayed so many times, each time in a new
process. `holds` means that every replay saw what the recording saw and that no tool ran for real;
anything else is told as it was seen first. `--peer-python` is the interpreter that has the other
tools; those that it cannot import are left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final

from anchor_scenes import SCENES
from anchor_tools import TOOLS
from report import Report

PROGRAM: Final = Path(__file__).with_name("anchor_tools.py")
TOLD: Final = 3  # differences told of a replay
MAX_CHARS: Final = 110
TIMEOUT_S: Final = 60
Heard = dict[str, Any]


def play(python: str, tool: str, scene: str, folder: str, mode: str) -> Heard:
    """Return what a process saw that records or replays one scene."""
    command = [python, str(PROGRAM), tool, scene, folder, mode]
    try:
        done = subprocess.run(  # noqa: S603 -- the interpreter that the user names
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"did not end in {TIMEOUT_S} s", "bodies": 0}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1], "bodies": 0}
    heard: Heard = json.loads(lines[-1])
    return heard


def compare(recorded: Heard, replayed: Heard) -> str:
    """Return `holds`, or what one replay saw instead."""
    if "error" in replayed:
        return str(replayed["error"])[:MAX_CHARS]
    then, now = recorded["seen"], replayed["seen"]
    other = [name for name in then if then[name] != now.get(name)]
    told = [f"{name}: {now.get(name)}" for name in other[:TOLD]]
    if len(other) > TOLD:
        told.append("…")
    words = [f"{len(other)} of {len(then)} otherwise ({'; '.join(told)})"] if other else []
    if replayed["bodies"]:
        words.append(f"{replayed['bodies']} tool bodies ran for real")
    return ", ".join(words) or "holds"


def judge(python: str, tool: str, scene: str, rounds: int) -> str:
    """Return the cell: of all replays of one recording."""
    if scene in TOOLS[tool].not_offered:
        return f"not offered: {TOOLS[tool].not_offered[scene]}"
    with tempfile.TemporaryDirectory() as folder:
        recorded = play(python, tool, scene, folder, "record")
        if "error" in recorded:
            return f"recording: {recorded['error'][:MAX_CHARS]}"
        cells = [
            compare(recorded, play(python, tool, scene, folder, "replay")) for _ in range(rounds)
        ]
    held = Counter(cells)["holds"]
    if held == rounds:
        return "holds"
    first = next(cell for cell in cells if cell != "holds")
    return f"{rounds - held} of {rounds} replays: {first}"


def find_peer_version(python: str, distribution: str) -> str | None:
    """Return the version that the interpreter has, None when it has none."""
    code = f"from importlib.metadata import version; print(version({distribution!r}))"
    done = subprocess.run(  # noqa: S603 -- as above
        [python, "-c", code], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    return done.stdout.strip() or None


def measure(peer_python: str, scenes: list[str], rounds: int) -> Report:
    """Return the table."""
    report = Report(
        f"Recorded once, replayed {rounds} times", ("scene", "tool", "version", "what was seen")
    )
    for scene in scenes:
        for tool, kind in TOOLS.items():
            python = sys.executable if tool == "AgentTrace" else peer_python
            found = find_peer_version(python, kind.distribution)
            if found is not None and scene in kind.scenes:
                report.add(scene, tool, found, judge(python, tool, scene, rounds))
    return report


def main() -> None:
    """Play and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer-python", default=sys.executable, help="the tools' interpreter")
    parser.add_argument("--scene", choices=SCENES, action="append", help="all unless given")
    parser.add_argument("--rounds", type=int, default=3, help="replays of each recording")
    parser.add_argument("--json", action="store_true", help="print the report as one line of JSON")
    options = parser.parse_args()
    report = measure(options.peer_python, options.scene or list(SCENES), options.rounds)
    report.write(as_json=options.json)


if __name__ == "__main__":
    main()
