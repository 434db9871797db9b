"""A comparison of two runs as sentences and tables."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from agenttrace.diff.contents import (
    list_contents,
    list_run_contents,
    show_failure,
    show_run_failure,
)
from agenttrace.diff.formats.numbers import show_figure, show_percent
from agenttrace.diff.formats.report import Report, Table
from agenttrace.diff.groups.keys import TYPE_WORDS
from agenttrace.diff.model import INCOMPLETE_CODES, Outcome
from agenttrace.diff.repeats import fold_origins
from agenttrace.diff.sided import describe_contents
from agenttrace.diff.verdicts import Verdict, describe_verdict, find_verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agenttrace.diff.contents import Contents
    from agenttrace.diff.gates.model import GateReport
    from agenttrace.diff.model import Cause, Row, RunDiff
    from agenttrace.diff.rules import Rules

_DURATION: Final = "duration_ns"
_FIGURES: Final = (
    ("cost_usd", "cost", "USD"),
    ("total_tokens", "tokens", "tokens"),
    ("prompt_tokens", "prompt tokens", "tokens"),
    ("completion_tokens", "completion tokens", "tokens"),
    (_DURATION, "duration", "ms"),  # of the run
    ("wall_ns", "busy time", "ms"),  # in which at least one span ran
    ("spans", "spans", ""),
    ("calls", "calls", ""),
    ("errors", "errors", ""),
    ("retries", "retries", ""),
)
_NS_PER_MS: Final = 1_000_000
_MAX_CHANGES: Final = 3
"""So many places are shown of a row."""

_MAX_WAYS: Final = 3
"""In so many ways rows of a kind are shown to differ."""

_MAX_LOOKED: Final = 1_000
"""So many rows are looked into."""


def describe_runs(
    diff: RunDiff, *, base: str, head: str, gates: GateReport | None = None
) -> Report:
    """Return the report of one run against one: the rows that changed.

    What follows from them is a number, but for spans that newly fail.
    """
    return Report(
        title="Comparison of two runs",
        base=base,
        head=head,
        summary=tuple(_summarize(diff)),
        gates=gates,
        tables=(_list_origins(diff), _list_rows(diff), _list_figures(diff)),
        warnings=tuple(warning.message for warning in diff.warnings),
        findings=tuple(_list_findings(diff)),
        missing=tuple(_list_missing(diff)),
    )


def _list_findings(diff: RunDiff) -> Iterator[tuple[str, str]]:
    for folded in fold_origins(diff.origins):
        more = f", and {folded.more} more like this" if folded.more else ""
        facts = "; ".join(_say_fact(*fact) for fact in _list_facts(folded.origin.cause))
        said = f"{_say_cause(folded.origin.cause)}{more}"
        yield f"differs at {folded.origin.path}", f"{said}: {facts}" if facts else said
    failures = Counter(
        (_name_row(row), show_failure(row), diff.origins[row.origin].path)
        for row in diff.rows
        if row.fails_newly and row.origin is not None
    )
    for (name, failure, path), times in failures.items():
        more = f", {times} times" if times > 1 else ""
        yield f"fails: {name}", f"{failure}, follows from {path}{more}"


def _list_missing(diff: RunDiff) -> Iterator[str]:
    if find_verdict(diff) is Verdict.NO_SPANS:
        yield describe_verdict(diff)
    for warning in diff.warnings:
        if warning.code in INCOMPLETE_CODES:
            yield warning.message


def _summarize(diff: RunDiff) -> Iterator[str]:
    about = ": the same calls with the same content"
    yield describe_verdict(diff) + (about if find_verdict(diff) is Verdict.IDENTICAL else "")
    if diff.run_flags:
        verb = "differs" if len(diff.run_flags) == 1 else "differ"
        yield f"of the run itself: {', '.join(sorted(diff.run_flags))} {verb}"
    failure = show_run_failure(diff)
    if failure is not None:
        yield f"the run fails: {failure}"
    found = diff.first_divergence
    if found is not None:
        where = f"{found.path} ({found.side} {found.span_id})" if found.span_id else found.path
        yield f"it begins at {where}: {_say_cause(found.cause)}"


def _say_cause(cause: Cause) -> str:
    name = cause.kind.value if cause.detail is None else f"{cause.kind.value} ({cause.detail})"
    return name.replace("_", " ")


def _list_origins(diff: RunDiff) -> Table:
    rows = [
        (
            folded.origin.path,
            _say_cause(folded.origin.cause),
            "; ".join(_say_fact(*fact) for fact in _list_facts(folded.origin.cause)),
            str(folded.propagated),
            str(1 + folded.more),
        )
        for folded in fold_origins(diff.origins)
    ]
    columns = ("span", "cause", "evidence", "follow from it", "times")
    return Table("Where it begins", columns, tuple(rows))


def _list_facts(cause: Cause) -> Iterator[tuple[str, str | None, str | None]]:
    for fact in cause.evidence:
        yield fact.name, fact.base, fact.head


def _say_fact(name: str, base: str | None, head: str | None) -> str:
    if base is None and head is None:
        return name
    if base == head:
        return f"{name}: {base}"
    return f"{name}: {base or '(none)'} -> {head or '(none)'}"


def _list_rows(diff: RunDiff) -> Table:
    changed = [row for row in diff.rows if row.self_changed]
    shown = [row for row in changed if not row.is_propagated or row.fails_newly]
    told = tuple(_tell_rows(shown, diff.rules))
    if diff.run_flags:
        flags = ", ".join(sorted(flag.value for flag in diff.run_flags))
        changes = _say_contents(list_run_contents(diff))
        told = (("changed", f"run:{diff.head.name}", flags, changes, "1"), *told)
    folded = len(changed) - len(shown)
    verb = "row follows" if folded == 1 else "rows follow"
    note = f"{folded:,} more {verb} from these" if folded else None
    return Table("Changes", ("outcome", "span", "what", "from what to what", "times"), told, note)


def _tell_rows(rows: Iterable[Row], rules: Rules) -> Iterator[tuple[str, ...]]:
    """Yield rows that differ alike as one; of a kind that differs in many ways the first few."""
    kinds: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        kind = row.outcome.value, _name_row(row), _say_row(row)
        kinds.setdefault(kind, []).append(row)
    left = _MAX_LOOKED
    for kind, alike in kinds.items():
        looked = [row for row in alike if row.flags][:left]
        left -= len(looked)
        changes = Counter(_say_contents(list_contents(row, rules)) for row in looked)
        shown = list(changes.items())[:_MAX_WAYS]
        for said, times in shown:
            yield (*kind, said, str(times))
        rest = len(alike) - sum(times for _, times in shown)
        if rest:
            yield (*kind, "not shown" if alike[0].flags else "", str(rest))


def _say_contents(found: Iterable[Contents]) -> str:
    """Return the first few places that differ, and what stands there on each side."""
    facts = list(describe_contents(found))
    said = [
        fact.title
        if fact.base is None
        else f"{fact.title}: {fact.base}"
        if fact.head is None
        else f"{fact.title}: {fact.base} -> {fact.head}"
        for fact in facts[:_MAX_CHANGES]
    ]
    more = [f"and {len(facts) - _MAX_CHANGES} more"] if len(facts) > _MAX_CHANGES else []
    return "; ".join([*said, *more])


def _name_row(row: Row) -> str:
    return f"{TYPE_WORDS[row.ref.span_type]}:{row.ref.name}"


def _say_row(row: Row) -> str:
    said = sorted(flag.value for flag in row.flags)
    if row.outcome is Outcome.RENAMED and row.base is not None:
        said.append(f"was {row.base.name}")
    if row.covers:
        said.append(f"around {row.covers}")
    if row.reason is not None:
        said.append(row.reason)
    failure = show_failure(row)
    if failure is not None:
        said.append(f"fails: {failure}")
    return ", ".join(said)


def _list_figures(diff: RunDiff) -> Table:
    rows = []
    for name, title, unit in _FIGURES:
        delta = diff.duration if name == _DURATION else diff.aggregates.total.get(name)
        if delta.base is None and delta.head is None:
            continue
        before, after = (
            None if value is None else float(value) / (_NS_PER_MS if unit == "ms" else 1)
            for value in (delta.base, delta.head)
        )
        percent = show_percent(delta.percent)
        rows.append((title, show_figure(before, unit), show_figure(after, unit), percent))
    return Table("Figures", ("figure", "base", "head", "change"), tuple(rows))
