"""The server, which also writes down how long each step of a deletion had the store's writer.

    python packages/server/benchmarks/timed_server.py FILE serve --port 0 …

A line a step: its name, and the milliseconds from its first statement to the news of its commit.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agenttrace_server.cli import main
from agenttrace_server.storage.engine import Database

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = ("delete_runs", "delete_old_runs", "take_step", "give_space_back")


def time_steps(path: Path) -> None:
    """Have every step that is written timed, into the file."""
    write = Database.write
    times = path.open("a", buffering=1)

    async def write_timed(self: Database, change: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        name = getattr(change, "__name__", "")
        if name not in STEPS:
            return await write(self, change, *args, **kw)
        begin_s = 0.0

        def begin(*inner: Any, **inner_kw: Any) -> Any:
            nonlocal begin_s
            begin_s = time.perf_counter()
            return change(*inner, **inner_kw)

        result = await write(self, begin, *args, **kw)
        times.write(f"{name} {1_000 * (time.perf_counter() - begin_s):.3f}\n")
        return result

    Database.write = write_timed  # type: ignore[method-assign]  # this program is made for it


if __name__ == "__main__":
    time_steps(Path(sys.argv.pop(1)))
    main()
