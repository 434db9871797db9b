"""Comparing stored runs: by the SDK's library, kept while they are asked for."""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import msgspec

from agenttrace.diff import Flag, RunDiff, compare_runs
from agenttrace.diff.contents import list_changes
from agenttrace.diff.hashes import keep_content, list_errors
from agenttrace.diff.rows import find_parents
from agenttrace.trace.records import RecordedError
from agenttrace_server.errors import InvalidArgumentError, TooSlowError
from agenttrace_server.records import PayloadKind
from agenttrace_server.services.loading import load_run
from agenttrace_server.storage import diffs
from agenttrace_server.storage.steps import read_version

if TYPE_CHECKING:
    from agenttrace.diff import Rules
    from agenttrace.diff.fields import Change
    from agenttrace.trace.run import RecordedRun
    from agenttrace.wire import JsonValue
    from agenttrace_server.storage.engine import Database

MAX_SPANS: Final = 20_000
"""Of a run that is compared here."""

MAX_TEXTS_BYTES: Final = 128 * 1024 * 1024
"""Of both runs together: they are in memory while they are compared."""

MAX_KEPT_ROWS: Final = 200_000
"""Of all comparisons that are kept, but for the one that was asked for last; about 200 MB."""

MAX_KEPT: Final = 256
"""Comparisons: those of runs without spans have no rows, and anybody can ask for others."""

MAX_COMPARE_S: Final = 8.0
MAX_AT_ONCE: Final = 2

_Key: TypeAlias = "tuple[str, int, str, int, Rules]"


@dataclass(frozen=True, slots=True)
class KeptDiff:
    """A comparison of two runs as they were, its rows without recorded values.

    `parents` has for each row the number of the row that it is shown below, `depths` how deep.
    """

    diff: RunDiff
    parents: list[int | None]
    depths: list[int]


class DiffService:
    """Compares runs as they are in the store's last commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[_Key, KeptDiff] = OrderedDict()
        self._made: dict[_Key, asyncio.Task[KeptDiff]] = {}
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self.max_compare_s = MAX_COMPARE_S
        """How long a comparison may take once both runs are read."""

    async def compare(self, base_id: str, head_id: str, rules: Rules) -> KeptDiff:
        """Return what differs from one run to another as they are now.

        Made once for a state of both runs: who asks for the same meanwhile waits for the same.

        Raises:
            GoneError: one of them is not there any more.
            InvalidArgumentError: they are too large to be compared here.
            TooSlowError: it takes too long.

        """
        versions = [await self._database.read(read_version, each) for each in (base_id, head_id)]
        key = (base_id, versions[0], head_id, versions[1], rules)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        task = self._made.get(key)
        if task is None:
            task = self._made[key] = asyncio.create_task(self._make(key))
            task.add_done_callback(lambda _: self._made.pop(key, None))
        return await asyncio.shield(task)

    async def _make(self, key: _Key) -> KeptDiff:
        base_id, _, head_id, _, rules = key
        await self._check_sizes(base_id, head_id)
        async with self._turns:
            base = await load_run(self._database, base_id)
            head = await load_run(self._database, head_id)
            made = await asyncio.to_thread(_compare, base, head, rules, self.max_compare_s)
        self._kept[key] = made
        while len(self._kept) > 1 and (
            len(self._kept) > MAX_KEPT or self._count_rows() > MAX_KEPT_ROWS
        ):
            self._kept.popitem(last=False)
        return made

    async def _check_sizes(self, base_id: str, head_id: str) -> None:
        sizes = await self._database.read(diffs.measure_runs, [base_id, head_id])
        hint = "compare them with agenttrace diff, which needs no server"
        most = max(size.spans for size in sizes)
        if most > MAX_SPANS:
            raise InvalidArgumentError(f"a run has {most} spans, over {MAX_SPANS}; {hint}")
        texts_bytes = sum(size.texts_bytes for size in sizes)
        if texts_bytes > MAX_TEXTS_BYTES:
            raise InvalidArgumentError(
                f"the runs have {texts_bytes} bytes of recorded values, over {MAX_TEXTS_BYTES}; "
                f"{hint}"
            )

    def _count_rows(self) -> int:
        return sum(len(kept.diff.rows) for kept in self._kept.values())


_PARTS: Final = {
    PayloadKind.INPUT: frozenset({Flag.INPUT, Flag.PARAMS, Flag.MODEL}),
    PayloadKind.OUTPUT: frozenset({Flag.OUTPUT}),
    PayloadKind.ERROR: frozenset({Flag.ERROR}),
    PayloadKind.ATTRIBUTES: frozenset({Flag.ATTRIBUTES}),
}


def list_changed_parts(flags: frozenset[Flag]) -> list[str]:
    """Return which recorded values of a row, or of the runs themselves, differ."""
    return [part.value for part, said in _PARTS.items() if flags & said]


class StoredValue(NamedTuple):
    """A recorded value as JSON text, and what JSON has no type for in it, by JSON pointer.

    `text` is None of a value that is too large to be looked into.
    """

    text: str | None
    types_json: str | None = None


async def compare_values(
    part: str, base: StoredValue | None, head: StoredValue | None, rules: Rules
) -> tuple[Change, ...]:
    """Return what differs between two recorded values; None is one that is not there.

    Nothing is said of one that is too large.
    """
    if any(each is not None and each.text is None for each in (base, head)):
        return ()
    return await asyncio.to_thread(_compare_values, part, base, head, rules)


def _compare_values(
    part: str, base: StoredValue | None, head: StoredValue | None, rules: Rules
) -> tuple[Change, ...]:
    one, other = (_read_part(part, each) for each in (base, head))
    types = [_read_types(part, each) for each in (base, head)]
    return list_changes(one, other, rules, base_types=types[0], head_types=types[1])


def _read_part(part: str, value: StoredValue | None) -> dict[str, JsonValue]:
    """Return a value as the library compares it: of an error and attributes what is content."""
    if value is None or value.text is None:
        return {}
    found: JsonValue
    if part == PayloadKind.ERROR:
        found = list_errors(read_error(value.text))
    else:
        found = _read_value(value.text)
        if part == PayloadKind.ATTRIBUTES:
            found = keep_content(found) if isinstance(found, dict) else {}
    return {part: found} if found or part in {PayloadKind.INPUT, PayloadKind.OUTPUT} else {}


def read_error(text: str) -> RecordedError | None:
    """Return a stored error; None of one that cannot be read."""
    try:
        return msgspec.json.decode(text, type=RecordedError)
    except (msgspec.DecodeError, RecursionError):
        return None


def _read_types(part: str, value: StoredValue | None) -> dict[str, JsonValue]:
    """Return types by pointers that begin with the part."""
    types = {} if value is None or value.types_json is None else _read_value(value.types_json)
    if not isinstance(types, dict):
        return {}
    return {f"/{part}{pointer}": described for pointer, described in types.items()}


def _read_value(text: str) -> JsonValue:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # nested too deeply: as it stands
        return text


def _compare(base: RecordedRun, head: RecordedRun, rules: Rules, max_s: float) -> KeptDiff:
    """Compare two runs on a thread of its own, and keep no recorded value of them."""
    until_s = time.monotonic() + max_s

    def tick() -> None:
        if time.monotonic() > until_s:
            raise TooSlowError(
                f"the comparison took over {max_s:g} s and was ended; compare the runs with "
                "agenttrace diff, which takes the time that it needs"
            )

    diff = compare_runs(base, head, rules, tick=tick)
    rows = tuple(replace(row, base_span=None, head_span=None) for row in diff.rows)
    light = replace(
        diff,
        rows=rows,
        base=replace(diff.base, input=None, output=None, error=None),
        head=replace(diff.head, input=None, output=None, error=None),
    )
    parents = find_parents(rows)
    depths: list[int] = []
    for parent in parents:
        depths.append(0 if parent is None else depths[parent] + 1)
    return KeptDiff(light, parents, depths)
