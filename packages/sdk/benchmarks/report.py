"""What every benchmark prints: the machine it ran on, and one table, as text or as JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

GAP: Final = 2


def describe_machine() -> dict[str, Any]:
    """Return what the figures depend on: processor, cores, memory in GiB, Python, and the load."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in _read("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.processor() or platform.machine(),
    )
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def find_version(distribution: str) -> str | None:
    """Return the version of what is installed, None when it is not."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


class Report:
    """Rows under one heading. `write` prints them; every figure is also there as a number."""

    def __init__(self, title: str, columns: tuple[str, ...]) -> None:
        self.title = title
        self.columns = columns
        self.rows: list[tuple[str | float | None, ...]] = []
        self.notes: list[str] = []
        self.machine = describe_machine()

    def add(self, *cells: str | float | None) -> None:
        """Add a row: texts to the left, numbers to the right, None where there is no figure."""
        self.rows.append(cells)

    def note(self, text: str) -> None:
        """Add a line below the table."""
        self.notes.append(text)

    def write(self, *, as_json: bool) -> None:
        """Print the report to the standard output."""
        sys.stdout.write(self._dump() if as_json else self._draw())

    def _dump(self) -> str:
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        report = {"title": self.title, "machine": self.machine, "rows": rows, "notes": self.notes}
        return json.dumps(report, ensure_ascii=False) + "\n"

    def _draw(self) -> str:
        cells = [self.columns, *(tuple(map(_show, row)) for row in self.rows)]
        widths = [max(map(len, column)) + GAP for column in zip(*cells, strict=True)]
        is_number = [
            all(not isinstance(row[index], str) for row in self.rows)
            for index in range(len(self.columns))
        ]
        lines = [
            "".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, is_number, strict=True)
            ).rstrip()
            for row in cells
        ]
        machine = ", ".join(f"{key} {value}" for key, value in self.machine.items())
        return "\n".join([self.title, f"on {machine}", "", *lines, "", *self.notes, ""])


def _show(cell: str | float | None) -> str:
    if cell is None:
        return "-"
    return f"{cell:,.2f}" if isinstance(cell, float) else str(cell)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
