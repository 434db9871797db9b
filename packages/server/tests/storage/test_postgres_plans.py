"""How PostgreSQL gets at rows: by index, in the partition of the run, in few statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Connection, Engine, event, text

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.storage import rows as rows_module
from agenttrace_server.storage.changes import read_changed_runs, read_run_changes
from agenttrace_server.storage.criteria import (
    AttributeCondition,
    NumberRange,
    RunFilter,
    SpanFilter,
)
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.events import list_events, read_body_head, read_events
from agenttrace_server.storage.long_texts import read_beginnings
from agenttrace_server.storage.partitions import list_days
from agenttrace_server.storage.payloads import read_heads, read_payloads
from agenttrace_server.storage.runs import list_model_usage, read_runs
from agenttrace_server.storage.spans import (
    BEFORE_ALL,
    list_children,
    list_spans,
    read_spans,
    read_tree,
)
from agenttrace_server.storage.statistics import FIRST_ROWS

from ..support.dialects import ON_POSTGRESQL
from ..support.lines import (
    Record,
    check_records,
    make_call,
    make_event,
    make_payload,
    make_run,
    make_span_id,
    make_timed_id,
)
from ..support.own import append_records

DAYS: Final = 3
RUNS_A_DAY: Final = 4
SPANS: Final = 400
TODAY: Final = datetime.now(UTC).date()
RUN_ID: Final = make_timed_id(TODAY, 1)
KEYS: Final = [(RUN_ID, make_span_id(n)) for n in range(0, SPANS, 8)]

NEW_BATCH: Final = 17
"""Statements that store a batch of a new run, with spans, texts, events, usage and the log."""
KNOWN_BATCH: Final = 14
"""The same for a run, spans and texts that are stored already."""

EU: Final = {"attributes": {"region": "eu"}}
DEAR_IN_EU: Final = SpanFilter(
    cost_pico=NumberRange(1), attributes=(AttributeCondition("region", ("eu",)),)
)

Question = Callable[[Connection], object]
Step = dict[str, Any]

QUESTIONS: Final[dict[str, Question]] = {
    "runs by id": lambda c: read_runs(c, [RUN_ID]),
    "a tree": lambda c: read_tree(c, RUN_ID),
    "spans by key": lambda c: read_spans(c, KEYS),
    "a page of spans": lambda c: list_spans(c, RUN_ID, first=50, after=BEFORE_ALL),
    "a page of spans by cost and attribute": lambda c: list_spans(
        c, RUN_ID, first=50, after=BEFORE_ALL, span_filter=DEAR_IN_EU
    ),
    "children": lambda c: list_children(c, KEYS, first=10, after=BEFORE_ALL),
    "payloads": lambda c: read_payloads(c, [(*key, "input") for key in KEYS]),
    "long texts": lambda c: read_beginnings(
        c, [*read_heads(c, [(*key, "input") for key in KEYS]).values()], max_bytes=100
    ),
    "a body": lambda c: read_body_head(c, RUN_ID, 1000),
    "events of spans": lambda c: list_events(c, KEYS, first=10, after_seq=-1),
    "events by key": lambda c: read_events(c, RUN_ID, [1000, 1001]),
    "usage by model": lambda c: list_model_usage(c, [RUN_ID]),
    "changes of a run": lambda c: read_run_changes(
        c, RUN_ID, after=10, until=None, limit=100, limit_bytes=10**6
    ),
    "changes of all runs": lambda c: read_changed_runs(
        c, RunFilter(DEFAULT_PROJECT), after=9_000, until=None, limit=100
    ),
    "a batch of records": lambda c: append_records(
        c, check_records(_make_batch(RUN_ID, spans=50, rev=2))
    ),
}


def _make_batch(run_id: str, *, spans: int, rev: int = 1) -> list[Record]:
    records = [
        make_run(status="COMPLETED", rev=rev),
        *(make_call(n, rev=rev, input=make_payload(rev), **EU) for n in range(spans)),
        *(make_event(1000 * rev + n, span=n) for n in range(spans // 4)),
    ]
    return [{**record, "run_id": run_id} for record in records]


@pytest.fixture
def explained(database: Database) -> Callable[[Question], Any]:
    """A store of some days; what is returned gives the steps that read a question's tables."""

    async def explain(question: Question) -> list[Step]:
        for day in range(DAYS):
            for number in range(RUNS_A_DAY):
                run_id = make_timed_id(TODAY - timedelta(days=day), number)
                records = check_records(_make_batch(run_id, spans=SPANS))
                await database.write(append_records, records)
        await database.write(_analyze)
        return await database.write(_explain, question)

    return explain


def _analyze(connection: Connection) -> None:
    connection.execute(text("ANALYZE"))


def _explain(connection: Connection, question: Question) -> list[Step]:
    asked: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *rest: object) -> None:
        asked.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    try:
        question(connection)
    finally:
        event.remove(connection, "before_cursor_execute", note)
    reads: list[Step] = []
    for statement, parameters in asked:
        if statement.lstrip().startswith(("SELECT", "WITH", "INSERT", "UPDATE")):
            one = parameters[0] if isinstance(parameters, list) else parameters
            found = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", one)
            (plan,) = found.scalar_one()
            reads += _list_reads(plan["Plan"])
    return reads


def _list_reads(step: Step) -> list[Step]:
    """Return the steps of a plan that read a table."""
    below = [read for inner in step.get("Plans", ()) for read in _list_reads(inner)]
    is_read = "Relation Name" in step and "Scan" in step["Node Type"]
    return [step, *below] if is_read else below


@ON_POSTGRESQL
@pytest.mark.parametrize("name", QUESTIONS)
async def test_no_question_reads_a_whole_table(
    explained: Callable[[Question], Any], name: str
) -> None:
    """Each step that reads a table looks up something in an index of it.

    The connection that writes never reads otherwise, however small a table is.
    """
    reads = await explained(QUESTIONS[name])
    assert reads
    without = [r for r in reads if not r.keys() & {"Index Cond", "Recheck Cond"}]
    # One table has one row, and these are empty here.
    small = ("store", "_default", "deleted_run")
    assert [r for r in without if not r["Relation Name"].endswith(small)] == []


@ON_POSTGRESQL
async def test_a_question_about_a_run_looks_into_one_partition(
    explained: Callable[[Question], Any], database: Database
) -> None:
    """The planner leaves out the other days."""
    reads = await explained(QUESTIONS["a tree"])
    assert len(await database.read(list_days)) == DAYS
    places = {read["Relation Name"] for read in reads if read["Relation Name"].startswith("span")}
    assert places == {f"span_{TODAY:%Y%m%d}"}


@pytest.fixture
def count_statements(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Sequence[Record]], Any]:
    """Store records; return how many statements that took."""

    async def count(records: Sequence[Record]) -> int:
        done: list[str] = []
        copy = rows_module._copy

        def note_copy(connection: Connection, table: Any, rows: Any) -> None:
            done.append(f"COPY {table.name}")
            copy(connection, table, rows)

        def note(_: object, __: object, statement: str, *rest: object) -> None:
            done.append(statement)

        monkeypatch.setattr(rows_module, "_copy", note_copy)
        engine: Engine = database._writer.engine
        event.listen(engine, "before_cursor_execute", note)
        await database.write(append_records, check_records(records))
        event.remove(engine, "before_cursor_execute", note)
        monkeypatch.undo()
        return len(done)

    return count


@ON_POSTGRESQL
async def test_a_batch_takes_a_fixed_number_of_statements(
    count_statements: Callable[[Sequence[Record]], Any],
) -> None:
    """Ten spans or a thousand, new or known: what grows is the rows of a statement."""
    ids = [make_timed_id(TODAY, n) for n in range(6)]
    await count_statements(_make_batch(ids[0], spans=4))  # makes the day
    await count_statements(_make_batch(ids[1], spans=FIRST_ROWS))  # finds it, and analyses it
    new = [await count_statements(_make_batch(i, spans=n)) for i, n in ((ids[2], 8), (ids[3], 400))]
    again = [
        await count_statements(_make_batch(ids[i], spans=n, rev=2)) for i, n in ((2, 8), (3, 400))
    ]
    assert (new, again) == ([NEW_BATCH] * 2, [KNOWN_BATCH] * 2)
