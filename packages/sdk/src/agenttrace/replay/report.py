"""What a replay came to: what was served, what ran, where the code left its recording."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from agenttrace.replay.errors import EXIT_DIVERGED, find_exit_code
from agenttrace.replay.kinds import (
    INPUT_UNVERIFIED,
    SELECTOR_NESTED,
    SELECTOR_UNMET,
    TOLD_ONLY,
    Action,
    Mode,
    Status,
    spell,
)
from agenttrace.trace.totals import count_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.replay.kinds import Divergence
    from agenttrace.trace import RecordedSpan


_INNER: Final = (
    "a selector that means no call has no effect: is the name right? A call within one that is "
    "served is served with it; descend opens the outer one"
)
_NESTED: Final = (
    "a selector means a call and one within it, and both bodies run: within a call of live every "
    "call does; descend opens the outer one by its name, and serves what it calls"
)


class Report:
    """The account of one replay; it grows while the replay goes on.

    `source_run_ids` are the recordings, `run_ids` the new runs. `counts` has for each status how
    many spans ended with it; `live_calls` is how many calls ran, but for those that `descend`
    opened, `live_usd` what they cost, and `unpriced` the path of the first model call among them
    of which that is not known. `notes` says what was served although it was not the same to the
    letter: `defaults_added` and the like, and how often. `unfinished_run_ids` are those of the
    recordings that never ended, as their programs were killed, or go on.
    """

    def __init__(
        self, mode: str, source_run_ids: list[str], unfinished_run_ids: Iterable[str] = ()
    ) -> None:
        self.mode = mode
        self.source_run_ids = source_run_ids
        self.unfinished_run_ids = list(unfinished_run_ids)
        self.fatal: Divergence | None = None
        self.clear()

    def clear(self) -> None:
        """Forget what was counted, as a new process does; what stopped the replay stays."""
        self.run_ids: list[str] = []
        self.counts: Counter[Status] = Counter()
        self.live_calls = 0
        self.live_usd = Decimal(0)
        self.unpriced: str | None = None
        self.notes: Counter[str] = Counter()
        self.divergences: list[Divergence] = []
        self.saved_usd = Decimal(0)
        self.saved_tokens = 0
        self.saved_ns = 0

    @property
    def identical(self) -> bool:
        """Whether the code did what its recording says, to the last call, and nothing ran live.

        That is not known where an input was not recorded: then it is False, and `notes` say so.
        """
        is_certain = not self.notes[INPUT_UNVERIFIED] and self.fatal is None
        return is_certain and not (self.divergences or self.live_calls)

    @property
    def exit_code(self) -> int:
        """0 without a divergence that counts; 10, 11 or 12 as docs/replay.md says."""
        if self.fatal is not None:
            return find_exit_code(self.fatal)
        if self.mode == Mode.CACHE:
            return 0
        counting = [each for each in self.divergences if each.action is not Action.SERVE]
        return EXIT_DIVERGED if any(map(_counts, counting)) else 0

    def save(self, span: RecordedSpan, *, is_outermost: bool) -> None:
        """Count what a call that was not made again cost when it was recorded.

        Time counts of calls that no other served call holds.
        """
        if span.cost is not None:
            self.saved_usd += Decimal(span.cost.usd)
        if span.usage is not None:
            self.saved_tokens += count_tokens(span.usage) or 0
        if is_outermost and span.duration_ns is not None:
            self.saved_ns += span.duration_ns

    def describe(self) -> dict[str, Any]:
        """Return it as JSON data with the names of GraphQL."""
        return {
            "mode": self.mode,
            "sourceRunIds": self.source_run_ids,
            "unfinishedRunIds": self.unfinished_run_ids,
            "runIds": self.run_ids,
            "identical": self.identical,
            "exitCode": self.exit_code,
            "liveCalls": self.live_calls,
            "liveCostUsd": format(self.live_usd, "f"),
            "counts": {status.value: self.counts[status] for status in Status},
            "divergences": [each.describe() for each in self.divergences],
            "notes": dict(sorted(self.notes.items())),
            "saved": {
                "costUsd": format(self.saved_usd, "f"),
                "totalTokens": self.saved_tokens,
                "durationMs": self.saved_ns / 1_000_000,
            },
        }

    def __str__(self) -> str:
        return "\n".join(write_described(self.describe()))

    def __repr__(self) -> str:
        state = "identical" if self.identical else f"{len(self.divergences)} divergences"
        return f"<Report {state}, {self.counts[Status.REPLAYED]} replayed>"


def _counts(divergence: Divergence) -> bool:
    return divergence.kind not in TOLD_ONLY


def write_described(report: dict[str, Any]) -> list[str]:
    """Return what `Report.describe` gave as lines for people."""
    return [line for _, line in list_lines(report)]


def list_lines(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines of `write_described`, each after a word for what it says.

    The word is `counts`, `unfinished`, an action of a divergence, `recorded`, `came`, `hint`,
    `notes`, `saved`, `identical` or `different`.
    """
    counts = [f"{count} {status}" for status, count in report["counts"].items() if count]
    lines = [("counts", f"replay ({report['mode']}): {', '.join(counts) or 'no call was made'}")]
    for run_id in report["unfinishedRunIds"]:
        what = (
            "never ended (its program was killed, or goes on): it has nothing after that to serve"
        )
        lines.append(("unfinished", f"  recording {run_id} {what}"))
    for each in report["divergences"]:
        what = f"{each['kind']} at {each['path']}: {each['message']}"
        lines.append((each["action"], f"  {each['action']:<5} {what}"))
        if "at" in each:
            lines.append(("recorded", f"        - {spell(each['recorded'])}"))
            lines.append(("came", f"        + {spell(each['live'])}"))
        if "hint" in each:
            lines.append(("hint", f"        {each['hint']}"))
    if report["notes"]:
        notes = ", ".join(f"{name} {count}" for name, count in report["notes"].items())
        lines.append(("notes", f"  notes: {notes}"))
        if any(name.startswith(SELECTOR_UNMET) for name in report["notes"]):
            lines.append(("hint", f"        {_INNER}"))
        if any(name.startswith(SELECTOR_NESTED) for name in report["notes"]):
            lines.append(("hint", f"        {_NESTED}"))
    if report["liveCalls"]:
        live = f"{report['liveCalls']} calls, ${report['liveCostUsd']} as far as known"
        lines.append(("live", f"  live:  {live}"))
    saved = report["saved"]
    seconds = saved["durationMs"] / 1000
    figures = f"${saved['costUsd']}, {saved['totalTokens']:,} tokens, {seconds:.1f} s of calls"
    lines.append(("saved", f"  saved: {figures}"))
    is_identical = report["identical"]
    lines.append(("identical", "  identical") if is_identical else ("different", "  not identical"))
    return lines
