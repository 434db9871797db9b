"""The verdict: five counts that must be 0, and what is said beside them."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .side_file import Actor, Entry, Figures
    from .sightings import Sighting, Sightings

WINDOW_NS: Final = 200_000_000
"""How long before a kill -9 a record may have been made that is not yet in the spool."""

ABRUPT: Final = "abrupt"
"""The mark of a process that ends as suddenly by its own will: `os._exit`."""

Unit = tuple[str, str]


class Verdict(NamedTuple):
    """What became of every record of a scenario.

    `lost` were in safety by the recorder's own word and never arrived. `phantom` arrived and were
    never made. `duplicate` are stored under two ids. `changed` hold something else than was
    recorded. `silent` neither arrived nor were counted as dropped. These five must be 0, and
    `complaints` empty.

    `settled` were in safety by the recorder's own word at some moment. `window` are records of a
    process that was killed which it made less than 200 ms before; `unmade` are those that it was
    about to make. `resends` are snapshots that came again, which changes nothing; `merged` are
    starts that came only as part of their end; `dropped` counts by reason what was given up.
    `exit_s` is the longest time from a program's last statement to its end, and `grown_mib` the
    most memory that one which measured it took for its records.
    """

    attempted: int = 0
    stored: int = 0
    settled: int = 0
    lost: int = 0
    phantom: int = 0
    duplicate: int = 0
    changed: int = 0
    silent: int = 0
    window: int = 0
    unmade: int = 0
    resends: int = 0
    merged: int = 0
    dropped: Mapping[str, int] = {}
    complaints: tuple[str, ...] = ()
    exit_s: float = 0.0
    grown_mib: float = 0.0
    examples: tuple[str, ...] = ()

    @property
    def five(self) -> tuple[int, int, int, int, int]:
        """Lost, phantom, duplicate, changed, silent."""
        return (self.lost, self.phantom, self.duplicate, self.changed, self.silent)

    @property
    def is_clean(self) -> bool:
        """Whether all five are 0 and there is no complaint."""
        return not any(self.five) and not self.complaints

    def __add__(self, other: tuple[object, ...]) -> Verdict:
        """Return both as one: sums, and the longest of the exits."""
        if not isinstance(other, Verdict):
            return NotImplemented
        sums = {
            field: getattr(self, field) + getattr(other, field)
            for field in self._fields
            if field not in {"dropped", "exit_s", "grown_mib"}
        }
        return Verdict(
            dropped=dict(Counter(self.dropped) + Counter(other.dropped)),
            exit_s=max(self.exit_s, other.exit_s),
            grown_mib=max(self.grown_mib, other.grown_mib),
            **sums,
        )


class Circumstances(NamedTuple):
    """What the judge must know beside the files: when the harness killed which process.

    `killed_ns` is by the process's name in its side files. `window_ns` is how long before a kill a
    record may have been made that is excused. `damaged` is how many records the harness destroyed
    on the disk itself, `torn` how many lines of a file may be cut off.
    """

    killed_ns: Mapping[str, int] = {}
    window_ns: int = WINDOW_NS
    damaged: int = 0
    torn: int = 0


class _Missing:
    """Units that did not arrive, by what is to be said of them."""

    def __init__(self) -> None:
        self.settled: list[Unit] = []
        self.unsettled: list[Unit] = []
        self.window = self.unmade = self.merged = 0


def judge(
    actors: Sequence[Actor], sightings: Sightings, circumstances: Circumstances | None = None
) -> Verdict:
    """Compare what the children attempted with what arrived."""
    around = circumstances or Circumstances()
    by_unit: defaultdict[Unit, list[Sighting]] = defaultdict(list)
    for sighting in sightings.records:
        by_unit[sighting.token, sighting.phase].append(sighting)
    expected = {unit: entry for actor in actors for unit, entry in actor.attempted.items()}
    missing = _find_missing(actors, by_unit.keys(), around)
    processes = _find_last_stats(actors)
    dropped: Counter[str] = Counter()
    for stats in processes.values():
        dropped.update(stats.dropped)
    is_merged = any(sighting.version is None for sighting in sightings.records)
    superseded = 0 if is_merged else sum(stats.superseded for stats in processes.values())
    # A start that was given up and whose end arrived is no loss, but it was counted.
    budget = max(0, dropped.total() + superseded - missing.merged) + around.damaged
    lost = max(0, len(missing.settled) - budget)
    budget = max(0, budget - len(missing.settled))
    silent = max(0, len(missing.unsettled) - budget)
    return Verdict(
        attempted=len(expected),
        stored=sum(unit in by_unit for unit in expected),
        settled=sum(len(actor.settled) for actor in actors),
        lost=lost,
        phantom=_count_phantoms(by_unit, expected) + max(0, sightings.unreadable - around.torn),
        duplicate=_count_duplicates(by_unit),
        changed=_count_changed(by_unit, expected),
        silent=silent + _count_unaccounted(actors, processes, around),
        window=missing.window,
        unmade=missing.unmade,
        resends=_count_resends(sightings.records),
        merged=missing.merged,
        dropped=dict(dropped),
        grown_mib=max((a.marks.get("grown_bytes", 0) for a in actors), default=0) / 2**20,
        complaints=tuple(_find_imbalances(processes)),
        examples=_name_examples(lost, silent, missing),
    )


def _find_missing(actors: Iterable[Actor], seen: Iterable[Unit], around: Circumstances) -> _Missing:
    missing = _Missing()
    arrived = set(seen)
    for actor in actors:
        killed_ns = around.killed_ns.get(actor.process, actor.marks.get(ABRUPT))
        for unit in actor.attempted:
            if unit in arrived:
                continue
            returned_ns = actor.returned_ns.get(unit)
            if unit[1] == "s" and (unit[0], "e") in arrived:
                missing.merged += 1
            elif unit in actor.settled:
                missing.settled.append(unit)
            elif returned_ns is None:
                missing.unmade += 1
            elif killed_ns is not None and returned_ns > killed_ns - around.window_ns:
                missing.window += 1
            else:
                missing.unsettled.append(unit)
    return missing


def _find_last_stats(actors: Iterable[Actor]) -> dict[str, Figures]:
    """Return the last accounts of each process that left any."""
    return {actor.process: actor.stats for actor in actors if actor.stats is not None}


def _count_phantoms(by_unit: Mapping[Unit, object], expected: Mapping[Unit, Entry]) -> int:
    # By token: the recorder ends as INTERRUPTED what a program left open.
    tokens = {token for token, _ in expected}
    return sum(1 for token, _ in by_unit if token not in tokens)


def _count_duplicates(by_unit: Mapping[Unit, Sequence[Sighting]]) -> int:
    ids: defaultdict[str, set[tuple[object, ...]]] = defaultdict(set)
    for (token, _), sightings in by_unit.items():
        ids[token].update(sighting.id for sighting in sightings)
    return sum(len(found) - 1 for found in ids.values())


def _count_changed(
    by_unit: Mapping[Unit, Sequence[Sighting]], expected: Mapping[Unit, Entry]
) -> int:
    changed = 0
    for unit, sightings in by_unit.items():
        entry = expected.get(unit)
        if entry is not None:
            changed += any(not _is_same(each, entry) for each in sightings)
    return changed


def _is_same(sighting: Sighting, entry: Entry) -> bool:
    if sighting.before != entry.before:
        return False
    return sighting.phase == "s" or sighting.after == entry.after


def _count_resends(sightings: Iterable[Sighting]) -> int:
    counts = Counter((*each.id, each.version) for each in sightings if each.version is not None)
    return sum(count - 1 for count in counts.values())


def _count_unaccounted(
    actors: Iterable[Actor],
    processes: Mapping[str, Figures],
    around: Circumstances,
) -> int:
    """Return how many records never entered the accounts of processes that ended orderly."""
    returned: Counter[str] = Counter()
    abrupt = set(around.killed_ns)
    for actor in actors:
        returned[actor.process] += len(actor.returned_ns)
        if ABRUPT in actor.marks:
            abrupt.add(actor.process)
    unaccounted = 0
    for process, stats in processes.items():
        if process not in abrupt:
            unaccounted += max(0, returned[process] - (stats.attempted - stats.adopted))
    return unaccounted


def _find_imbalances(processes: Mapping[str, Figures]) -> Iterable[str]:
    for process, stats in processes.items():
        settled = stats.delivered + stats.queued + stats.spooled + sum(stats.dropped.values())
        rest = stats.attempted - settled
        # Superseded starts are counted apart: within what was attempted, or beside it.
        if rest not in {0, stats.superseded}:
            yield f"{process}: the accounts are off by {rest}: {stats}"


def _name_examples(lost: int, silent: int, missing: _Missing) -> tuple[str, ...]:
    units = (missing.settled if lost else []) + (missing.unsettled if silent else [])
    return tuple(f"{token}/{phase}" for token, phase in units[:5])
