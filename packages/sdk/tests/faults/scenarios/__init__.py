"""All scenarios by name: what happens to the recorder, and to how many processes at a time."""

from __future__ import annotations

import signal
import tempfile
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from ..harness import Hang, Stage
from ..judge import WINDOW_NS, Verdict
from . import disks, ends, forks, kills, queues, servers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Play = Callable[[Stage, Random, int], Verdict]


class Scenario(NamedTuple):
    """`play(stage, choose, faults)`; `batch` is how many faults one stage has in large runs."""

    play: Play
    batch: int = 1


_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "kill9": Scenario(kills.kill9, batch=10),
    "kill9-down": Scenario(kills.kill9_down, batch=5),
    "kill9-sync": Scenario(kills.kill9_sync, batch=5),
    "kill9-settled": Scenario(kills.kill9_settled, batch=3),
    "kill9-open": Scenario(kills.kill9_open, batch=5),
    "kill9-server": Scenario(kills.kill9_server, batch=5),
    "kill9-both": Scenario(kills.kill9_both, batch=5),
    "end": Scenario(ends.end_normally, batch=3),
    "os-exit-sync": Scenario(ends.end_by_os_exit_sync, batch=3),
    "os-exit": Scenario(ends.end_by_os_exit, batch=3),
    **{
        f"{number.name.lower()}-{handling}": Scenario(
            partial(ends.end_by_signal, number=number, handling=handling), batch=3
        )
        for number in _SIGNALS
        for handling in ("default", "handler", "late", "asyncio", "ignored")
    },
    "no-threads": Scenario(ends.end_without_threads),
    "os-fork": Scenario(partial(forks.fork, flush_s=0.0), batch=20),
    "os-fork-sync": Scenario(forks.fork_sync, batch=20),
    "os-fork-flush": Scenario(partial(forks.fork, flush_s=5.0), batch=20),
    **{
        f"mp-{method}": Scenario(partial(forks.multiply, method=method), batch=4)
        for method in ("fork", "spawn", "forkserver", "pool")
    },
    **{f"away-{name}": Scenario(partial(servers.be_away, name=name)) for name in servers.AWAY},
    "away-black_hole-mp": Scenario(
        partial(servers.be_away, name="black_hole", imports=("multiprocessing.util",))
    ),
    **{
        f"passing-{name}": Scenario(partial(servers.come_back, name=name))
        for name in servers.PASSING
    },
    **{
        f"refusing-{name}": Scenario(partial(servers.refuse_all, name=name))
        for name in servers.REFUSING
    },
    "redirect": Scenario(servers.redirect),
    "restart": Scenario(servers.start_again, batch=3),
    "server-stopped": Scenario(servers.stop_server),
    "poison": Scenario(servers.poison),
    "too-large": Scenario(servers.too_large),
    "overflow": Scenario(queues.overflow),
    "burst": Scenario(queues.burst),
    "burst-100k": Scenario(queues.burst_100k),
    "large": Scenario(queues.large),
    "disk-full": Scenario(disks.disk_full),
    "disk-stays-full": Scenario(disks.disk_stays_full),
    "read-only": Scenario(disks.read_only),
    "folder-deleted": Scenario(disks.folder_deleted),
    "folder-foreign": Scenario(partial(disks.folder_planted, how="foreign")),
    "folder-symlink": Scenario(partial(disks.folder_planted, how="symlink")),
    "two-on-one-spool": Scenario(disks.two_on_one_spool),
    "live-neighbour": Scenario(disks.live_neighbour),
    "damage": Scenario(disks.damage, batch=3),
    "file-full": Scenario(disks.file_full),
    "file-killed": Scenario(disks.file_killed, batch=3),
}


def run_scenario(
    name: str,
    *,
    seed: int,
    faults: int,
    off: tuple[str, ...] = (),
    window_ns: int = WINDOW_NS,
) -> Verdict:
    """Play a scenario in a folder of its own; the same seed makes the same choices.

    A process that hangs is a complaint of the verdict.
    """
    with (
        tempfile.TemporaryDirectory(prefix="ledger-") as home,
        Stage(Path(home), off=off, window_ns=window_ns) as stage,
    ):
        try:
            return SCENARIOS[name].play(stage, Random(seed), faults)
        except Hang as hang:
            stage.complaints.append(str(hang))
            return stage.judge()
