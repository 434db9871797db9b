"""P13: what the SDK costs before the first span: import, idle calls, size, and G18's counts.

Import and process times are medians over fresh interpreters, in turn with the floor (an interpreter
that imports nothing) and with other recorders where they are installed. The counts come from the
interpreter's own audit events: what `import agenttrace`, a tracer and 1,000 calls without an
exporter open, start or connect, modules read from disk aside.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from report import Report, find_version
from subjects import SUBJECTS

OWN: Final = "agenttrace"
TOP: Final = 12
MIB: Final = 2**20

_CACHE: Final = TemporaryDirectory()

IMPORT: Final = """
import time
began = time.perf_counter()
import {module}
print((time.perf_counter() - began) * 1e3)
"""

IDLE: Final = """
import json, os, sys, threading
seen = []
def watch(event, args):
    name = str(args[0]) if event == "open" else ""
    if name.endswith((".py", ".so", ".pth")) or ".pyc" in name:
        return
    if event in {"open", "subprocess.Popen"} or event.startswith(("socket.", "_thread.start")):
        seen.append(event)
sys.addaudithook(watch)
import time
import agenttrace
from agenttrace.wrappers import trace_tool
def bare(query, limit=5):
    return query
idle = trace_tool(agenttrace.Tracer())(bare)
for _ in range(1000):
    idle("q")
counts = {
    "threads": threading.active_count() - 1,
    "sockets": sum(event.startswith("socket.") for event in seen),
    "files": seen.count("open"),
    "processes": seen.count("subprocess.Popen"),
}
def cost(call):
    best = 1e9
    for _ in range(50):
        began = time.perf_counter()
        for _ in range(2000):
            call("q")
        best = min(best, time.perf_counter() - began)
    return best / 2000 * 1e6
print(json.dumps({**counts, "disabled_us": cost(idle) - cost(bare)}))
"""


def run_python(*arguments: str, tree: Path | None) -> tuple[str, str, float]:
    """Run a fresh interpreter; return its output, its errors and the ms it took."""
    # Compiled once, by the first: a machine may keep its interpreters from writing what they made.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": _CACHE.name}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if tree is not None:
        environment["PYTHONPATH"] = str(tree / "packages" / "sdk" / "src")
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603 -- this interpreter
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr, (time.perf_counter() - began) * 1e3


def add_imports(report: Report, trees: dict[str, Path], *, rounds: int, peers: bool) -> None:
    """Add the import of each recorder, and the interpreter that imports nothing."""
    modules: dict[str, tuple[str, Path | None]] = {"interpreter alone": ("sys", None)}
    modules |= {label: (OWN, tree) for label, tree in trees.items()}
    for name, entry in SUBJECTS.items():
        if name == OWN or not peers:
            continue
        if find_version(entry.distribution) is None:
            report.add("P13", f"import {name}", "not installed", None, None)
        else:
            modules[name] = (entry.module, None)
    times: dict[str, list[tuple[float, float]]] = {label: [] for label in modules}
    for _ in range(rounds + 1):
        for label, (module, tree) in modules.items():
            out, _, whole = run_python("-c", IMPORT.format(module=module), tree=tree)
            times[label].append((float(out.split()[-1]), whole))
    for label, measured in times.items():
        # The first of each may have compiled.
        for what, each in zip(("import", "process"), zip(*measured[1:], strict=True), strict=True):
            report.add("P13", f"{what}, {label}", "ms", median(each), min(each))


def add_idle(report: Report, trees: dict[str, Path]) -> None:
    """Add G18: what there is before the first span, and a call that records nothing."""
    for label, tree in trees.items():
        figures: dict[str, Any] = json.loads(run_python("-B", "-c", IDLE, tree=tree)[0])
        report.add(
            "P13", f"a call without an exporter, {label}", "µs", None, figures.pop("disabled_us")
        )
        for name, count in figures.items():
            report.add("G18", f"{name} before the first span, {label}", "", float(count), None)


def list_slowest(tree: Path) -> list[str]:
    """Return the modules whose own import takes longest, with µs (with importtime's overhead)."""
    errors = run_python("-X", "importtime", "-c", f"import {OWN}", tree=tree)[1]
    found = re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", errors)
    slowest = sorted(((int(own), name) for own, name in found), reverse=True)[:TOP]
    return [f"{name} {own}" for own, name in slowest]


def measure_installed() -> dict[str, float]:
    """Return the MiB of the SDK's source and of each distribution it needs, as installed."""
    package = Path(__file__).parents[1]
    sizes = {OWN: sum(path.stat().st_size for path in (package / "src").rglob("*.py")) / MIB}
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    todo = [_read_name(line) for line in project["dependencies"]]
    while todo:
        name = todo.pop()
        if name in sizes:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        paths = [Path(str(found.locate_file(file))) for file in found.files or []]
        sizes[name] = sum(p.stat().st_size for p in paths if p.is_file() and p.suffix != ".pyc")
        sizes[name] /= MIB
        todo += [_read_name(line) for line in found.requires or [] if ";" not in line]
    return sizes


def _read_name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0].lower()


def install(folder: str) -> float:
    """Return the MiB that pip puts into an empty folder for the SDK; needs its registry."""
    package = str(Path(__file__).parents[1])
    options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--target", folder]
    run_python("-m", "pip", "install", *options, package, tree=None)
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / MIB


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=11, help="fresh interpreters for each")
    parser.add_argument("--no-peers", action="store_true", help="AgentTrace and the floor alone")
    parser.add_argument(
        "--against", type=Path, help="another checkout whose SDK is measured in turn with this one"
    )
    parser.add_argument(
        "--install", action="store_true", help="measure the size with pip, into a temporary folder"
    )
    parser.add_argument("--json", action="store_true", help="print the report as one line of JSON")
    options = parser.parse_args()
    trees = {OWN: Path(__file__).parents[3]}
    if options.against is not None:
        trees[f"{OWN} at {options.against.name}"] = options.against.resolve()
    report = Report(
        "P13 and G18: before the first span", ("row", "what", "unit", "median", "least")
    )
    add_imports(report, trees, rounds=options.rounds, peers=not options.no_peers)
    add_idle(report, trees)
    sizes = measure_installed()
    report.add("P13", "installed size, as here", "MiB", sum(sizes.values()), None)
    if options.install:
        with TemporaryDirectory() as folder:
            report.add("P13", "installed size, by pip", "MiB", install(folder), None)
    report.note(f"slowest modules, µs: {', '.join(list_slowest(trees[OWN]))}")
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:TOP]
    report.note("largest, MiB: " + ", ".join(f"{name} {size:.2f}" for name, size in largest))
    report.write(as_json=options.json)


if __name__ == "__main__":
    main()
