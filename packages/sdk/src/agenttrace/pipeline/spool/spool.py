"""The spool as its one user sees it: append, read, acknowledge."""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, Literal
from weakref import WeakSet

from agenttrace.pipeline.drops import RunDrops
from agenttrace.pipeline.spool.accounts import (
    CORRUPT,
    TOO_LARGE,
    Accounts,
    Appended,
    SpoolBatch,
    SpoolLimits,
    SpoolStats,
)
from agenttrace.pipeline.spool.folder import Fault, FaultError, locate_folder
from agenttrace.pipeline.spool.segment import FRAME_BYTES, MAX_RECORD_BYTES
from agenttrace.pipeline.spool.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from agenttrace.pipeline.spool.segment import Segment


class Spool:
    """Keeps records on disk until they are delivered. For one thread; `stats` for any.

    Nothing is opened before the first `append` or `read`. No method raises for what the disk says
    or holds: it answers with a `Fault`, and the next call tries again. In the child of a fork the
    spool begins anew, with files of its own.

    Args:
        folder: where all spools of this user are; `~` is the user's home. Made when needed, with
            mode 0700.
        target: everything that decides where a record ends up (address, project, key); spools with
            equal targets share their records. Only its hash is written.
        takes_over: another target; what no process holds of it is moved to this one, once
            something of this one was delivered.
        durability: `buffered` survives the death of the process, however it dies; `sync` survives
            a power cut as well, for an fsync with each append.
        limits: see `SpoolLimits`.
        drops: counts by run what was dropped to keep the limits, by this process or another one.
        clock_ns: the wall clock, in nanoseconds since the epoch.

    Raises:
        ValueError: for a durability or limits that cannot be meant.

    """

    def __init__(  # noqa: PLR0913 -- what it works with, each by its name
        self,
        folder: str | os.PathLike[str],
        *,
        target: str,
        takes_over: str | None = None,
        durability: Literal["buffered", "sync"] = "buffered",
        limits: SpoolLimits | None = None,
        drops: RunDrops | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        if durability not in {"buffered", "sync"}:
            raise ValueError(f"durability is {durability!r}; expected 'buffered' or 'sync'")
        self._limits = limits or SpoolLimits()
        if not 0 < 4 * self._limits.segment_bytes <= self._limits.max_bytes:
            raise ValueError(
                f"max_bytes is {self._limits.max_bytes}; expected at least four times "
                f"segment_bytes, which is {self._limits.segment_bytes}"
            )
        self._root = locate_folder(folder)
        self._name = _name_folder(target)
        self._other = None if takes_over is None else _name_folder(takes_over)
        self._is_synced = durability == "sync"
        self._drops = RunDrops() if drops is None else drops
        self._clock_ns = clock_ns
        self._begin()
        _register(self)

    def _begin(self) -> None:
        self._accounts = Accounts()
        self._shelf = Shelf(
            self._root,
            self._name,
            takes_over=self._other,
            is_synced=self._is_synced,
            limits=self._limits,
            accounts=self._accounts,
            drops=self._drops,
            clock_ns=self._clock_ns,
        )
        self._under_way: SpoolBatch | None = None
        self._is_adopted_next = True
        self._is_closed = False
        self._stats = self._accounts.publish(())
        self._own_pending = 0

    @property
    def path(self) -> Path:
        """The folder of this target."""
        return self._shelf.path

    def append(self, lines: Sequence[bytes]) -> Appended:
        """Write `lines` to disk, in order, and say how many of them the spool has taken over.

        A line of more than 16 MiB is taken, and dropped as `too_large`.
        """
        taken = 0
        fault: Fault | None = None
        try:
            fault = self._check_active()
            while taken < len(lines):
                taken += self._append_some(lines, taken)
        except OSError as error:
            fault = self._note(error)
        self._publish()
        return Appended(taken, fault)

    def _check_active(self) -> Fault | None:
        """Leave a file that was removed or closed while it was in use; return that fault."""
        active = self._shelf.active
        if active is None:
            return None
        if active.is_closed:
            message = (
                f"the program has closed the file {active.name} of the spool {self.path}; "
                f"{active.pending} records that wait in it are left to the next process"
            )
        elif active.is_unlinked:
            message = (
                f"the spool {self.path} was removed while it was in use, and is made anew; "
                f"{active.pending} records that waited in it last as long as this process"
            )
        else:
            return None
        self._shelf.retire_active()
        return self._note(FaultError("missing", message))

    def _append_some(self, lines: Sequence[bytes], first: int) -> int:
        """Append what fits into one file; return how many lines that were, at least one."""
        if self._is_closed:
            raise FaultError("closed", f"the spool {self.path} was closed")
        if len(lines[first]) > MAX_RECORD_BYTES:
            self._accounts.appended += 1
            self._accounts.drop(TOO_LARGE, 1)
            self._drops.note_lines(lines[first : first + 1], TOO_LARGE)
            return 1
        segment = self._shelf.choose_active(FRAME_BYTES + len(lines[first]))
        size = segment.end
        stop = first
        while stop < len(lines) and len(lines[stop]) <= MAX_RECORD_BYTES:
            size += FRAME_BYTES + len(lines[stop])
            if size > self._limits.segment_bytes and stop > first:
                break
            stop += 1
        try:
            segment.append(lines[first:stop], is_synced=self._is_synced)
        except OSError:
            self._shelf.retire_active()  # what could not be written once is not trusted again
            raise
        self._accounts.appended += stop - first
        return stop - first

    def read(
        self, *, max_records: int = 1_000, max_bytes: int = 4 * 1024 * 1024
    ) -> SpoolBatch | None:
        """Return the records to send next, None when none waits.

        Until a batch is acknowledged the same one is returned. It holds at most `max_records` and
        `max_bytes` of lines, but at least one record, however large. The records of one file come
        in the order in which they were appended; files of this process and files of those that are
        gone take turns, the oldest of each first.
        """
        if self._under_way is None and not self._is_closed:
            try:
                self._shelf.scan_if_due()
            except OSError as error:
                self._note(error)
            self._under_way = self._read_next(max_records, max_bytes)
            self._publish()
        return self._under_way

    def _read_next(self, max_records: int, max_bytes: int) -> SpoolBatch | None:
        for is_adopted in (self._is_adopted_next, not self._is_adopted_next):
            while (segment := self._find_unread(is_adopted=is_adopted)) is not None:
                batch = self._read_segment(segment, max_records, max_bytes)
                if batch is not None:
                    self._is_adopted_next = not is_adopted
                    return batch
        return None

    def _find_unread(self, *, is_adopted: bool) -> Segment | None:
        if is_adopted:
            return self._shelf.adopt_next()
        return next((segment for segment in self._shelf.own if not segment.is_read), None)

    def _read_segment(
        self, segment: Segment, max_records: int, max_bytes: int
    ) -> SpoolBatch | None:
        """Return the next batch of a file, None when there was nothing more in it."""
        try:
            found = segment.read(max_records=max_records, max_bytes=max_bytes)
        except OSError as error:
            self._note(error)
            self._shelf.release(segment)
            return None
        self._accounts.adopted += found.adopted
        self._accounts.drop(CORRUPT, found.missing)
        for damage in found.damages:
            self._accounts.note_damage(damage)
        corrupt = [damage for damage in found.damages if damage.kind == "corrupt"]
        if corrupt:
            try:
                self._shelf.aside.save_damage(self._shelf.open_folder(), segment, corrupt)
            except OSError as error:
                self._note(error)
        if found.lines:
            return SpoolBatch(found.lines, segment)
        self._shelf.finish(segment)
        return None

    def acknowledge(
        self, batch: SpoolBatch, *, refused: Mapping[int, str] | None = None
    ) -> Fault | None:
        """Take note that a batch is done with: delivered, but for what was `refused` for good.

        `refused` holds a reason by position in the batch; those records go to `dead/`. A fault that
        is returned changes nothing for the records: they are done with, in this process at least.
        A batch that is not under way (acknowledged before, or from before a fork or `close`) is
        answered with the fault `closed` and left alone.
        """
        if batch is not self._under_way:
            return Fault("closed", "this batch is not under way; it may be sent again")
        self._under_way = None
        fault: Fault | None = None
        dead = {index: why for index, why in (refused or {}).items() if 0 <= index < len(batch)}
        if dead:
            records = [(batch.lines[index], dead[index]) for index in sorted(dead)]
            try:
                folder = self._shelf.open_folder()
                self._shelf.aside.save_refused(folder, records, now_ns=self._clock_ns())
            except OSError as error:
                fault = self._note(error)
        batch.segment.settle(len(batch))
        self._accounts.refused += len(dead)
        self._accounts.acknowledged += len(batch) - len(dead)
        if len(batch) > len(dead):
            self._shelf.note_taken()
        if batch.segment.is_read and batch.segment is not self._shelf.active:
            self._shelf.finish(batch.segment)
        else:
            try:
                batch.segment.store_acked()
            except OSError as error:
                fault = self._note(error)
        self._publish()
        return fault

    def stats(self) -> SpoolStats:
        """Return the accounts as the last call left them; from any thread."""
        return self._stats

    @property
    def own_pending(self) -> int:
        """How many records of this process's own wait or are under way; from any thread."""
        return self._own_pending

    def close(self) -> None:
        """Leave what is pending to the next process; a second call does nothing."""
        self._under_way = None
        self._is_closed = True
        self._shelf.close()
        self._publish()

    def _note(self, error: OSError) -> Fault:
        return self._accounts.note(error, path=self.path)

    def _publish(self) -> None:
        self._stats = self._accounts.publish(self._shelf.list_held())
        self._own_pending = sum(segment.pending for segment in self._shelf.own)

    def reset_after_fork(self) -> None:
        """Begin anew in the child of a fork; called by itself wherever Python forks."""
        self._shelf.abandon()
        self._begin()


_spools: WeakSet[Spool] = WeakSet()


class _Hooks:
    """Whether this process's fork hook is set: with the first spool, never at import."""

    are_set = False


def _name_folder(target: str) -> str:
    return hashlib.sha256(target.encode()).hexdigest()[:32]


def _register(spool: Spool) -> None:
    if not _Hooks.are_set and hasattr(os, "register_at_fork"):
        _Hooks.are_set = True
        os.register_at_fork(after_in_child=_reset_all)
    _spools.add(spool)


def _reset_all() -> None:
    for spool in list(_spools):
        spool.reset_after_fork()
