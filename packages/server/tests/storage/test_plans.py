"""How the database gets at lists: along an index, never through a whole table or a sort of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from sqlalchemy import Connection, Select, select

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.storage import candidates, runs
from agenttrace_server.storage.candidates import list_probes
from agenttrace_server.storage.criteria import (
    AttributeCondition,
    NumberRange,
    RunFilter,
    ScoreCondition,
    SpanCondition,
)
from agenttrace_server.storage.deletion import list_old_runs
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.leases import has_silent_runs
from agenttrace_server.storage.orders import RunSort
from agenttrace_server.storage.runs import RunSlice, count_runs, list_forks, select_part
from agenttrace_server.storage.tables import RUN
from agenttrace_server.storage.usage import (
    Interval,
    UsageGroup,
    list_usage,
    read_workflows,
)

from ..support.dialects import ON_SQLITE
from ..support.lines import START_NS, check_records, make_run, make_run_id
from ..support.own import append_records
from ..support.plans import explain_query

INDEX_OF_ORDER: Final = {
    RunSort.START_TIME: "run_by_start",
    RunSort.DURATION: "run_by_duration",
    RunSort.COST: "run_by_cost",
    RunSort.TOKENS: "run_by_tokens",
    RunSort.SPANS: "run_by_spans",
    RunSort.ERRORS: "run_by_errors",
    RunSort.NAME: "run_by_name",
}
KEYS: Final[dict[RunSort, tuple[Any, ...]]] = {
    **{sort: (5, make_run_id(1)) for sort in RunSort},
    RunSort.NAME: ("a", START_NS, make_run_id(1)),
}
IN_PARTITION: Final = {"span_failed": "span_default_span_type_run_id_span_id_idx"}
# Each criterion alone: the index that its runs are looked up by (None: only gone along), and the
# one that a list from the newest goes along when they are many.
CRITERIA: Final[dict[str, tuple[RunFilter, str | None, str]]] = {
    "status": (RunFilter(DEFAULT_PROJECT, statuses=("ERROR",)), "run_by_status", "run_by_status"),
    "statuses": (
        RunFilter(DEFAULT_PROJECT, statuses=("ERROR", "STARTED")),
        "run_by_status",
        "run_by_start",
    ),
    "name": (RunFilter(DEFAULT_PROJECT, names=("a",)), "run_by_name", "run_by_name"),
    "names": (RunFilter(DEFAULT_PROJECT, names=("a", "b")), "run_by_name", "run_by_start"),
    "correlation": (
        RunFilter(DEFAULT_PROJECT, correlation_ids=("a",)),
        "run_by_correlation",
        "run_by_correlation",
    ),
    "tags": (RunFilter(DEFAULT_PROJECT, tags=("a", "b")), "run_tag_by_tag", "run_by_start"),
    "types": (RunFilter(DEFAULT_PROJECT, types=("LLM_CALL", "AGENT")), None, "run_by_start"),
    "models": (RunFilter(DEFAULT_PROJECT, models=("a",)), "model_usage_by_model", "run_by_start"),
    "text": (RunFilter(DEFAULT_PROJECT, text="a"), None, "run_by_start"),
    "error": (RunFilter(DEFAULT_PROJECT, has_error=True), "run_by_errors", "run_by_start"),
    "no error": (RunFilter(DEFAULT_PROJECT, has_error=False), None, "run_by_start"),
    "cost": (
        RunFilter(DEFAULT_PROJECT, cost_pico=NumberRange(1, 9)),
        "run_by_cost",
        "run_by_start",
    ),
    "duration": (
        RunFilter(DEFAULT_PROJECT, duration_ns=NumberRange(1, 9)),
        "run_by_duration",
        "run_by_start",
    ),
    "tokens": (
        RunFilter(DEFAULT_PROJECT, total_tokens=NumberRange(1, 9)),
        "run_by_tokens",
        "run_by_start",
    ),
    "start": (
        RunFilter(DEFAULT_PROJECT, started_from_ns=1, started_before_ns=9),
        "run_by_start",
        "run_by_start",
    ),
    "attribute": (
        RunFilter(DEFAULT_PROJECT, attributes=(AttributeCondition("a", ("b",)),)),
        "run_attribute_by_value",
        "run_by_start",
    ),
    "no attribute": (
        RunFilter(DEFAULT_PROJECT, attributes=(AttributeCondition("a", exists=False),)),
        None,
        "run_by_start",
    ),
    "score": (
        RunFilter(DEFAULT_PROJECT, scores=(ScoreCondition("a", low=0.5),)),
        "annotation_by_name",
        "run_by_start",
    ),
    "failed span": (
        RunFilter(
            DEFAULT_PROJECT,
            spans=(SpanCondition(types=("TOOL_CALL",), has_error=True, below=SpanCondition()),),
        ),
        "span_failed",
        "run_by_start",
    ),
    "span": (
        RunFilter(DEFAULT_PROJECT, spans=(SpanCondition(names=("a",)),)),
        None,
        "run_by_start",
    ),
    "span left open": (
        RunFilter(
            DEFAULT_PROJECT,
            spans=(SpanCondition(statuses=("INTERRUPTED",), below=SpanCondition()),),
        ),
        None,
        "run_by_start",
    ),
}


def _explain(connection: Connection, query: Select[Any]) -> list[str]:
    """Return the steps of a plan.

    PostgreSQL is told to go through no table and to sort nothing where it need not: tables that
    are empty say little about what an index can do.
    """
    if connection.dialect.name == "postgresql":
        for name in ("seqscan", "sort", "bitmapscan", "incremental_sort"):
            connection.exec_driver_sql(f"SET LOCAL enable_{name} = off")
    return explain_query(connection, query)


def _analyze(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE run")


def _find_whole_scans(plan: list[str]) -> list[str]:
    """Return the steps that read a table without an index, or sort what was read."""
    if any("cost=" in step for step in plan):
        whole = (re.search(r"Seq Scan on (?!store)|\bSort\b", step) for step in plan)
        return [step.string for step in whole if step]
    made = ("SCAN up_", "SCAN json_each", "SCAN (subquery", "SCAN store")  # one row
    return [
        step
        for step in plan
        if "USE TEMP B-TREE" in step
        or (step.startswith("SCAN") and "INDEX" not in step and not step.startswith(made))
    ]


async def _plan(
    database: Database, run_filter: RunFilter, sort: RunSort, **place: Any
) -> list[str]:
    part = RunSlice(sort, **{"descending": True, "count": 50, **place})

    def explain(connection: Connection) -> list[str]:
        return _explain(connection, select_part(connection, run_filter, part))

    return await database.read(explain)


def _is_along(plan: list[str], index: str) -> bool:
    steps = " ".join(f"{step} " for step in (plan if "cost=" in plan[0] else plan[:1]))
    found = re.search(rf"(USING INDEX|Index Scan Backward using|Index Scan using) {index} ", steps)
    return found is not None and _find_whole_scans(plan) == []


@pytest.mark.parametrize("descending", [True, False], ids=["down", "up"])
@pytest.mark.parametrize("place", ["first", "after", "last", "before"])
async def test_every_order_goes_along_its_index(
    database: Database, descending: bool, place: str
) -> None:
    """From either end, and on from a cursor, the next rows are found in their order.

    Of the project alone: what the others have costs it nothing.
    """
    astray = {}
    for sort, key in KEYS.items():
        plan = await _plan(
            database,
            RunFilter(DEFAULT_PROJECT),
            sort,
            descending=descending,
            backward=place in ("last", "before"),
            after=key if place == "after" else None,
            before=key if place == "before" else None,
        )
        is_own = any("project_id" in step and "Filter" not in step for step in plan)
        if not is_own or not _is_along(plan, INDEX_OF_ORDER[sort]):
            astray[sort] = plan
    assert astray == {}


@pytest.mark.parametrize("sort", RunSort, ids=str)
async def test_many_matches_are_found_in_the_order_of_the_list(
    database: Database, sort: RunSort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is full long before the index ends, and nothing is sorted."""
    monkeypatch.setattr(candidates, "MAX_CANDIDATES", -1)
    astray = {}
    for criterion, (run_filter, _, from_newest) in CRITERIA.items():
        plan = await _plan(database, run_filter, sort)
        index = from_newest if sort is RunSort.START_TIME else INDEX_OF_ORDER[sort]
        if not _is_along(plan, index):
            astray[criterion] = plan
    assert astray == {}


async def test_few_matches_are_looked_up_by_their_index(database: Database) -> None:
    """A rare value costs what it has rows, not what the store or the project has."""
    # All indexes of runs begin with the project: of an empty table, PostgreSQL takes any of them.
    runs = [make_run(n, status="COMPLETED", rev=1, name=f"n{n % 100}") for n in range(2_000)]
    await database.write(append_records, check_records(runs))
    await database.write(_analyze)
    astray = {}
    for criterion, (run_filter, expected, _) in CRITERIA.items():
        probes = [probe.limit(candidates.MAX_CANDIDATES) for probe in list_probes(run_filter)]
        assert len(probes) == (0 if expected is None else 1)
        for probe in probes:
            plan = await database.read(_explain, probe)
            names = (expected, IN_PARTITION.get(str(expected)))
            found = any(f" {name} " in f"{step} " for step in plan for name in names)
            if not found or _find_whole_scans(plan):
                astray[criterion] = plan
    assert astray == {}


@ON_SQLITE  # PostgreSQL knows how many rows there are, and chooses by that
async def test_a_list_of_candidates_reads_their_rows_only(database: Database) -> None:
    """The runs that were looked up are read by their ids."""

    def explain(connection: Connection) -> list[str]:
        ids = [make_run_id(1), make_run_id(2)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runs, "find_candidates", lambda *_: ids)
            part = RunSlice(RunSort.START_TIME, descending=True, count=50)
            query = runs.select_part(connection, RunFilter(DEFAULT_PROJECT, names=("a",)), part)
        return _explain(connection, query)

    plan = await database.read(explain)
    assert any(step.startswith("SEARCH run ") and "run_id=?" in step for step in plan), plan


Question = Callable[[Connection], object]
QUESTIONS: Final[dict[str, tuple[Question, str]]] = {
    "count": (lambda c: count_runs(c, RunFilter(DEFAULT_PROJECT)), "run_by_"),
    "count of a status": (
        lambda c: count_runs(c, RunFilter(DEFAULT_PROJECT, statuses=("ERROR",))),
        "run_by_status",
    ),
    "forks": (
        lambda c: list_forks(c, DEFAULT_PROJECT, [make_run_id(1)], limit=10),
        "run_by_source",
    ),
    "workflows": (lambda c: read_workflows(c, DEFAULT_PROJECT, ["c1"]), "run_by_correlation"),
    "usage by name": (
        lambda c: list_usage(
            c, RunFilter(DEFAULT_PROJECT, names=("a",)), Interval.DAY, (UsageGroup.NAME,)
        ),
        "run_by_name",
    ),
    "old runs": (
        lambda c: list_old_runs(c, DEFAULT_PROJECT, before_ns=9, after=(0, ""), limit=10),
        "run_by_start",
    ),
    "silent runs": (lambda c: has_silent_runs(c, before_ns=9), "run_open"),
}


@pytest.mark.parametrize("name", QUESTIONS)
async def test_other_questions_read_of_the_runs_what_they_ask_for(
    database: Database, name: str
) -> None:
    """Of one project, or open: nothing is gone through that a question is not about."""
    question, index = QUESTIONS[name]
    runs = [
        make_run(n, status="COMPLETED", rev=1, name=f"n{n % 100}", correlation_id=f"c{n}")
        for n in range(2_000)
    ]
    await database.write(append_records, check_records(runs))
    await database.write(_analyze)

    def explain(connection: Connection) -> list[str]:
        asked: list[Any] = []
        with pytest.MonkeyPatch.context() as patch:
            execute = connection.execute

            def note(statement: Any, *rest: Any, **more: Any) -> Any:
                asked.append(statement)
                return execute(statement, *rest, **more)

            patch.setattr(connection, "execute", note)
            question(connection)
        selects = [each for each in asked if isinstance(each, Select)]
        return [step for each in selects for step in _explain(connection, each)]

    plan = await database.read(explain)
    on_runs = [step for step in plan if re.search(r"(SEARCH|SCAN) run\b|Scan .*\bon run\b", step)]
    assert on_runs
    assert [step for step in on_runs if index not in step and "run_id=?" not in step] == []
    assert [
        step for step in plan if re.search(r"SCAN run\b(?!.*run_open)|Seq Scan on run\b", step)
    ] == []


async def test_a_plan_that_sorts_is_seen(database: Database) -> None:
    """The search for whole scans finds one where there is one."""
    plan = await database.read(_explain, select(RUN).order_by(RUN.c.older))
    assert len(_find_whole_scans(plan)) > 1
