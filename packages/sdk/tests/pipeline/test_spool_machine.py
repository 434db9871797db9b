"""The spool against a model: several owners of one folder that append, send, die and come back."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from agenttrace.pipeline.spool import SpoolLimits

from .spool_parts import append_all, count_imbalance, drain, make_spool

if TYPE_CHECKING:
    from agenttrace.pipeline.spool import Spool, SpoolBatch

LIMITS = SpoolLimits(segment_bytes=300, scan_every_s=0.0)


class Owner:
    """A process, or what stands for one: its spool, the batch under way, its newest own record."""

    def __init__(self, folder: Path) -> None:
        self.begin(folder)

    def begin(self, folder: Path) -> None:
        """Begin with an empty memory, in a folder that may hold anything."""
        self.spool: Spool = make_spool(folder, limits=LIMITS)
        self.under_way: SpoolBatch | None = None
        self.newest = b""


class SpoolMachine(RuleBasedStateMachine):
    """Every record is a number and its writer's; it waits until it is acknowledged or refused."""

    owners = Bundle("owners")

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.copies = 0
        self.folder = self.home / "0"
        self.folder.mkdir(0o700)
        self.alive: list[Owner] = []
        self.number = 0
        self.writers: dict[bytes, Spool] = {}
        self.waiting: set[bytes] = set()
        self.refused: list[bytes] = []

    def teardown(self) -> None:
        """Whatever waits at the end is found by one last process, each record once, in order."""
        for owner in self.alive:
            owner.spool.close()
        last = make_spool(self.folder, limits=LIMITS)
        found = drain(last)
        last.close()
        assert sorted(found) == sorted(self.waiting)
        for writer in self.writers.values():
            own = [line for line in found if self.writers[line] is writer]
            assert own == sorted(own)
        dead = b"".join(path.read_bytes() for path in last.path.glob("dead/*"))
        assert dead.count(b"\n") == len(self.refused)
        assert list(last.path.glob("*.spool1")) == []
        shutil.rmtree(self.home)

    @initialize(target=owners)
    def start_first(self) -> Owner:
        return self._add_owner()

    @rule(target=owners)
    def start(self) -> Owner:
        return self._add_owner()

    def _add_owner(self) -> Owner:
        owner = Owner(self.folder)
        self.alive.append(owner)
        return owner

    @rule(owner=owners, sizes=st.lists(st.integers(0, 150), min_size=1, max_size=8))
    def append(self, owner: Owner, sizes: list[int]) -> None:
        lines = []
        for size in sizes:
            self.number += 1
            lines.append(b"%08d" % self.number + b"." * size)
        append_all(owner.spool, lines)
        self.waiting.update(lines)
        self.writers.update(dict.fromkeys(lines, owner.spool))

    @rule(owner=owners, max_records=st.integers(1, 5), max_bytes=st.integers(1, 400))
    def read(self, owner: Owner, max_records: int, max_bytes: int) -> None:
        batch = owner.spool.read(max_records=max_records, max_bytes=max_bytes)
        if owner.under_way is not None:
            assert batch is owner.under_way
        elif batch is None:
            # Nothing of its own may wait when it says that nothing waits.
            under_way = self._list_under_way()
            rest = self.waiting - under_way
            assert [line for line in rest if self.writers[line] is owner.spool] == []
        else:
            # Only what waits and nobody else is sending.
            assert set(batch.lines) <= self.waiting - self._list_under_way()
            assert 1 <= len(batch) <= max_records
            assert len(batch) == 1 or sum(map(len, batch.lines)) <= max_bytes
            assert batch.lines == sorted(batch.lines)
            if self.writers[batch.lines[0]] is owner.spool:
                assert batch.lines[0] > owner.newest
                owner.newest = batch.lines[-1]
        owner.under_way = batch

    def _list_under_way(self) -> set[bytes]:
        return {line for owner in self.alive if owner.under_way for line in owner.under_way.lines}

    @rule(owner=owners, refused=st.sets(st.integers(0, 4), max_size=2))
    def acknowledge(self, owner: Owner, refused: set[int]) -> None:
        batch = owner.under_way
        if batch is None:
            return
        reasons = dict.fromkeys((index for index in refused if index < len(batch)), "why")
        assert owner.spool.acknowledge(batch, refused=reasons) is None
        owner.under_way = None
        self.waiting.difference_update(batch.lines)
        self.refused += [batch.lines[index] for index in reasons]

    @rule(target=owners, owner=consumes(owners))
    def leave_and_return(self, owner: Owner) -> Owner:
        """End cleanly; a new process takes the place."""
        owner.spool.close()
        self.alive.remove(owner)
        return self._add_owner()

    @rule(target=owners, owner=consumes(owners))
    def die(self, owner: Owner) -> Owner:
        """Die without a word: the system closes the files, and that is all that happens."""
        owner.spool._shelf.abandon()
        self.alive.remove(owner)
        return self._add_owner()

    @rule()
    def crash_all(self) -> None:
        """Copy the folder as it is while everyone lives, and go on with the copy alone."""
        self.copies += 1
        copy = self.home / str(self.copies)
        shutil.copytree(self.folder, copy)
        self.folder = copy
        for owner in self.alive:
            owner.spool._shelf.abandon()
            owner.begin(copy)

    @invariant()
    def accounts_balance(self) -> None:
        """In every owner, after every step."""
        for owner in self.alive:
            assert count_imbalance(owner.spool) == 0
            assert owner.spool.stats().dropped == {}

    @invariant()
    def nothing_is_in_two_hands(self) -> None:
        """No record is being sent by two owners."""
        lines = [line for owner in self.alive if owner.under_way for line in owner.under_way.lines]
        assert len(lines) == len(set(lines))


SpoolMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, print_blob=True
)
TestSpoolMachine = SpoolMachine.TestCase
