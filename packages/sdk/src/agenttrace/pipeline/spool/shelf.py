"""The files of one target: those that this process holds, and those that it may take over."""

from __future__ import annotations

import contextlib
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final

from agenttrace.pipeline.drops import RunDrops
from agenttrace.pipeline.spool.accounts import EXPIRED, SPOOL_FULL
from agenttrace.pipeline.spool.aside import Aside
from agenttrace.pipeline.spool.folder import FaultError, open_folder, sync_parents
from agenttrace.pipeline.spool.losses import Losses
from agenttrace.pipeline.spool.moving import move_orphans
from agenttrace.pipeline.spool.segment import (
    HEADER_BYTES,
    SEGMENT_SUFFIX,
    adopt_segment,
    create_segment,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agenttrace.pipeline.spool.accounts import Accounts, SpoolLimits
    from agenttrace.pipeline.spool.folder import Entry, PrivateFolder
    from agenttrace.pipeline.spool.segment import Segment

_SIDE_SHARE: Final = 16  # dead/ and corrupt/ may each take this part of the whole
_AGE_SHARE: Final = 8


class Shelf:
    """Opens, adopts, drops and removes files. Whatever raises here raises OSError."""

    def __init__(  # noqa: PLR0913 -- what a spool was made with, each by its name
        self,
        root: Path,
        name: str,
        *,
        takes_over: str | None = None,
        is_synced: bool,
        limits: SpoolLimits,
        accounts: Accounts,
        drops: RunDrops,
        clock_ns: Callable[[], int],
    ) -> None:
        self.path = root / name
        self.own: list[Segment] = []  # oldest first, `active` included
        self.active: Segment | None = None  # the one that is appended to
        self.adopted: Segment | None = None
        self.aside = Aside(max_bytes=limits.max_bytes // _SIDE_SHARE)
        self._losses = Losses(drops)
        self._root = root
        self._name = name
        self._other = takes_over
        self._is_taken = False
        self._is_synced = is_synced
        self._limits = limits
        self._accounts = accounts
        self._clock_ns = clock_ns
        self._folder: PrivateFolder | None = None
        self._orphans: deque[str] = deque()
        self._ignored: set[str] = set()  # files that this process can do nothing with
        self._scan_at_s = 0.0
        self._created_ns = 0

    def open_folder(self) -> PrivateFolder:
        """Return the target's folder, made when it is not there."""
        if self._folder is not None and not self._folder.is_intact:
            self._close_folder()
        if self._folder is None:
            root = open_folder(self._root)
            try:
                self._folder = root.open_child(self._name)
                if self._is_synced:
                    root.sync()
                    sync_parents(self._root)
            finally:
                root.close()
        return self._folder

    def _close_folder(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.close()

    def list_held(self) -> list[Segment]:
        """Return the files that this process holds the locks of."""
        return self.own if self.adopted is None else [*self.own, self.adopted]

    def choose_active(self, needed: int) -> Segment:
        """Return the file that a record of `needed` bytes goes to."""
        active = self.active
        if active is not None and not active.is_empty:
            is_full = active.end + needed > self._limits.segment_bytes
            if is_full or self._is_old():
                self.retire_active()
        if self.active is None:
            self.active = self._create(needed)
            self.own.append(self.active)
        return self.active

    def _is_old(self) -> bool:
        age_s = (self._clock_ns() - self._created_ns) / 1e9
        return age_s > self._limits.max_age_s / _AGE_SHARE

    def retire_active(self) -> None:
        """Append no more to the present file."""
        active, self.active = self.active, None
        if active is not None:
            self.finish(active)

    def _create(self, needed: int) -> Segment:
        folder = self.open_folder()
        self._make_room(folder, max(self._limits.segment_bytes, HEADER_BYTES + needed))
        # Names sort by age, and a clock that steps back must not change that.
        self._created_ns = max(self._clock_ns(), self._created_ns + 1)
        return create_segment(folder, created_ns=self._created_ns, is_synced=self._is_synced)

    def _make_room(self, folder: PrivateFolder, needed: int) -> None:
        entries = [entry for entry in folder.list() if entry.name.endswith(SEGMENT_SUFFIX)]
        limit = self._limits.max_bytes - 2 * (self._limits.max_bytes // _SIDE_SHARE)
        if needed > limit:
            raise FaultError(SPOOL_FULL, f"a file of {needed} bytes is more than {self.path} holds")
        excess = sum(entry.size for entry in entries) + needed - limit
        for entry in entries:
            if excess <= 0:
                return
            if self._discard(folder, entry.name, SPOOL_FULL):
                excess -= entry.size
        if excess > 0:
            message = f"the spool {self.path} is full of files that other processes write or send"
            raise FaultError(SPOOL_FULL, message)

    def _discard(self, folder: PrivateFolder, name: str, reason: str) -> bool:
        """Drop a file with its records, unless it is in use here or elsewhere."""
        held = next((segment for segment in self.list_held() if segment.name == name), None)
        segment = held or self._try_adopt(folder, name)
        if segment is None or segment is self.active or segment.is_under_way:
            return False
        known = segment.pending
        lost = RunDrops()
        try:
            # Read again, as a file of a process that is gone has to be: to count runs while
            # records are written would cost every program, for what few ever need.
            lost.note_lines(segment.walk_rest(), reason)
            self._losses.save(folder, name, lost, reason)
        except OSError as error:
            self._accounts.note(error, path=self.path)
        self._accounts.adopted += segment.pending - known
        self._accounts.drop(reason, segment.pending)
        segment.pending = 0
        self._remove(segment, keeps_note=True)
        return True

    def _try_adopt(self, folder: PrivateFolder, name: str) -> Segment | None:
        if name in self._ignored:
            return None
        try:
            return adopt_segment(folder, name)
        except OSError as error:
            # What is not safe to use stays so; a disk may become writable again.
            if self._accounts.note(error, path=self.path).reason == "refused":
                self._ignored.add(name)
            return None

    def adopt_next(self) -> Segment | None:
        """Return the adopted file, or else take over the oldest that has no owner."""
        while self.adopted is None and self._orphans and self._folder is not None:
            self.adopted = self._try_adopt(self._folder, self._orphans.popleft())
            if self.adopted is not None:
                self._accounts.adopted_files += 1
                self.finish(self.adopted)
        return self.adopted

    def note_taken(self) -> None:
        """Take note that what this target is for works: now files of the other may become its own.

        Not before: with a key that is refused they would be stuck here, for no other key.
        """
        if not self._is_taken:
            self._is_taken = True
            self._scan_at_s = 0.0

    def scan_if_due(self) -> None:
        """Look for files without an owner and for what is too old, now and then."""
        now_s = monotonic()
        if now_s < self._scan_at_s:
            return
        self._scan_at_s = now_s + self._limits.scan_every_s
        if self._is_old():
            self.retire_active()
        folder = self.open_folder()
        if self._other is not None and self._is_taken:
            try:
                move_orphans(self._root, self._other, folder)
            except OSError as error:
                self._accounts.note(error, path=self._root / self._other)
        entries = folder.list()
        before_s = self._clock_ns() / 1e9 - self._limits.max_age_s
        self._orphans = deque(self._list_orphans(folder, entries, before_s))
        self._ignored.intersection_update(entry.name for entry in entries)
        self._losses.load(folder, folder.list(), before_s=before_s)
        self.aside.remove_expired(folder, before_s=before_s)

    def _list_orphans(
        self, folder: PrivateFolder, entries: list[Entry], before_s: float
    ) -> list[str]:
        held = {segment.name for segment in self.list_held()}
        names = []
        for entry in entries:
            if not entry.name.endswith(SEGMENT_SUFFIX):
                continue
            if entry.changed_s < before_s and self._discard(folder, entry.name, EXPIRED):
                continue
            if entry.name not in held:
                names.append(entry.name)
        return names

    def finish(self, segment: Segment) -> None:
        """Remove a file in which nothing waits any more."""
        if segment is not self.active and segment.is_read and not segment.is_under_way:
            self._remove(segment)

    def _remove(self, segment: Segment, *, keeps_note: bool = False) -> None:
        if self._folder is not None and not keeps_note:
            self._losses.remove(self._folder, segment.name)
        if self._folder is None or not self._folder.remove(segment.name):
            # It stays where it is; what is done with is at least not sent again.
            self._ignored.add(segment.name)
            with contextlib.suppress(OSError):
                segment.store_acked()
        self._forget(segment)

    def release(self, segment: Segment) -> None:
        """Leave a file to the next process, with what is pending in it."""
        self._accounts.left += segment.pending
        self._accounts.left_bytes += segment.pending_bytes
        self._ignored.add(segment.name)
        self._forget(segment)

    def _forget(self, segment: Segment) -> None:
        segment.close()
        if segment is self.adopted:
            self.adopted = None
        elif segment in self.own:
            self.own.remove(segment)
        if segment is self.active:
            self.active = None

    def close(self) -> None:
        """Let go of everything; remove the files in which nothing waits."""
        self.active = None
        for segment in [*self.list_held()]:
            if segment.is_read and not segment.is_under_way:
                self._remove(segment)
            else:
                self.release(segment)
        self._close_folder()

    def abandon(self) -> None:
        """Close what a forked child has inherited, so that the locks are the parent's alone."""
        for segment in self.list_held():
            segment.close()
        self._close_folder()
