"""What a child is to do, as the harness gives it on the command line."""

from __future__ import annotations

import json
from typing import NamedTuple


class Plan(NamedTuple):
    """A child's orders.

    It records `runs` runs (0: without end) of `spans` spans and one state each, in `threads`
    threads. Then `processes` more processes do the same with `start_method`: `os.fork`, `fork`,
    `spawn`, `forkserver`, or `pool` (a task each, one task a worker).

    After every `settle_every` runs, and for up to `settle_s` at the end, it asks the recorder
    whether all is in safety, and writes that down when it is.

    `end` is how it ends: `return`, `sys_exit`, `raise`, `os_exit`, or `wait` for standard input to
    end; a forked child (`os.fork`) ends by `os._exit`, after a flush if `flush_s` is not 0.
    `signals` is what it does about SIGTERM, SIGINT and SIGHUP: `default`, `handler` (set before the
    tracer is made), `late` (set after it), `asyncio` (set by the loop) or `ignored`.
    With `measures_memory` it notes by how much it grew since the first record.
    `imports` are modules that it loads before it records.
    `off` are the protections that it takes out of its own recorder; see `switches`.
    """

    name: str
    folder: str
    exporter: str
    runs: int = 10
    spans: int = 5
    text_chars: int = 40
    pause_s: float = 0.0
    threads: int = 1
    processes: int = 0
    start_method: str = ""
    end: str = "return"
    flush_s: float = 0.0
    settle_every: int = 1
    settle_s: float = 0.0
    signals: str = "default"
    poison: int = -1
    stays_open: bool = False
    measures_memory: bool = False
    imports: tuple[str, ...] = ()
    off: tuple[str, ...] = ()

    def write(self) -> str:
        """Return the plan as one argument of a command line."""
        return json.dumps(self._asdict())


def read_plan(text: str) -> Plan:
    """Return the plan that `write` gave."""
    values = json.loads(text)
    lists = {"off": tuple(values["off"]), "imports": tuple(values["imports"])}
    return Plan(**{**values, **lists})
