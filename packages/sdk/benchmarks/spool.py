"""What the durable spool costs: appending, reading and acknowledging records of 1 KiB.

Run it with `python packages/sdk/benchmarks/spool.py [FOLDER]`; the folder decides which disk is
measured, and is the temporary folder by default. The floors write the same records and nothing
else: `buffered write` to a buffered file that is flushed once an append, `write` straight to the
system, and `write + fsync` to the disk. Each figure is the least of several repetitions, in
microseconds a record; each spool is as its defaults make it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from agenttrace.pipeline.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RECORD: Final = b'{"v":1,"type":"span","name":"' + b"x" * 993 + b'"}'
REPEATS: Final = 5
BATCHES: Final = (1, 10, 100, 1_000)
BUFFERED_RECORDS: Final = 20_000
MAX_SYNCS: Final = 200


def measure(run: Callable[[], None], records: int) -> float:
    """Return the least time of several repetitions, in microseconds a record."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best / records * 1e6


def write_buffered(folder: Path, batches: Sequence[list[bytes]]) -> None:
    """Write to a buffered file that is flushed once an append: the floor."""
    path = folder / "floor"
    with path.open("wb") as file:
        for batch in batches:
            for line in batch:
                file.write(line)
            file.flush()
    path.unlink()


def write_raw(folder: Path, batches: Sequence[list[bytes]], *, is_synced: bool) -> None:
    """Write once for each append, and sync if asked to: the floor."""
    path = folder / "floor"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for batch in batches:
        os.write(fd, b"".join(batch))
        if is_synced:
            os.fsync(fd)
    os.close(fd)
    path.unlink()


def append_only(
    folder: Path, batches: Sequence[list[bytes]], durability: Literal["buffered", "sync"]
) -> None:
    """Append everything, then let it all go: what the memory-to-disk step costs alone."""
    spool = Spool(folder, target="benchmark", durability=durability)
    for batch in batches:
        spool.append(batch)
    spool._shelf.abandon()  # noqa: SLF001 -- leaves without reading; the folder is thrown away
    for path in spool.path.glob("*.spool1"):
        path.unlink()


def append_and_acknowledge(
    folder: Path, batches: Sequence[list[bytes]], durability: Literal["buffered", "sync"]
) -> None:
    """Append, read back and acknowledge each batch, as a worker does with a server that answers."""
    spool = Spool(folder, target="benchmark", durability=durability)
    for batch in batches:
        spool.append(batch)
        while (found := spool.read()) is not None:
            spool.acknowledge(found)
    assert spool.stats().acknowledged == sum(map(len, batches))
    spool.close()


def compare(folder: Path, size: int) -> None:
    """Print one line: everything with appends of `size` records."""
    batches = [[RECORD] * size] * (BUFFERED_RECORDS // size)
    synced = batches[:MAX_SYNCS]
    many, few = size * len(batches), size * len(synced)
    figures = (
        measure(lambda: write_buffered(folder, batches), many),
        measure(lambda: write_raw(folder, batches, is_synced=False), many),
        measure(lambda: append_only(folder, batches, "buffered"), many),
        measure(lambda: append_and_acknowledge(folder, batches, "buffered"), many),
        measure(lambda: write_raw(folder, synced, is_synced=True), few),
        measure(lambda: append_and_acknowledge(folder, synced, "sync"), few),
    )
    print(f"{size:>10}" + "".join(f"{figure:>18.2f}" for figure in figures))


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        print(f"microseconds a record of {len(RECORD)} bytes, least of {REPEATS}")
        names = ("buffered write", "write", "append", "append+read+ack", "write+fsync", "all, sync")
        print(f"{'an append':>10}" + "".join(f"{name:>18}" for name in names))
        for size in BATCHES:
            compare(Path(folder), size)


if __name__ == "__main__":
    main()
