"""What came of a replayed program: the journals of its processes made one report."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from agenttrace.replay.errors import EXIT_DIVERGED
from agenttrace.replay.hints import spell_for_command
from agenttrace.replay.journal import judge
from agenttrace.replay.kinds import (
    INPUT_UNVERIFIED,
    Action,
    Divergence,
    DivergenceKind,
    Mode,
    Status,
)
from agenttrace.wire import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agenttrace.replay.policy import Policy
    from agenttrace.trace import RecordedRun


PROCESSES_UNCOUNTED: Final = "processes_uncounted"
"""The note of processes that were killed: what they were served is not in the counts."""


def fold_lines(
    lines: Sequence[dict[str, Any]],
    recordings: Sequence[RecordedRun],
    companions: Sequence[RecordedRun],
    policy: Policy,
    code: int,
) -> dict[str, Any]:
    """Return what the journals say, and what the program never came to, as `Report.describe` does.

    Each of the recordings has to be replayed; the program may begin their companions too.
    `code` is the program's own exit code. Where a process could not be replayed, there is `error`.
    """
    failed = next((line for line in lines if "error" in line), None)
    told = [line for line in lines if "divergence" in line]
    divergences: list[dict[str, Any]] = [line["divergence"] for line in told]
    codes = [(line["divergence"]["action"], int(line["exitCode"])) for line in told]
    is_stopped = any(action == Action.RAISE for action, _ in codes)
    if failed is None and not is_stopped:
        unfinished = [
            *_find_unfinished(lines, recordings, policy, code),
            *_find_unfinished(lines, companions, policy, code, is_optional=True),
        ]
        for missing in unfinished:
            divergences.append(missing.describe())
            codes.append((missing.action.value, judge(missing)))
    report = _sum_reports(lines, recordings, policy.mode)
    report["divergences"] = [_spell_hint(each) for each in divergences]
    uncounted = _count_silent(lines)
    if uncounted:
        report["notes"][PROCESSES_UNCOUNTED] = uncounted
    is_known = not (failed or uncounted or report["notes"].get(INPUT_UNVERIFIED))
    report["identical"] = is_known and not divergences and not report["liveCalls"]
    own = int(failed["exitCode"]) if failed is not None else _choose_code(codes, policy.mode)
    report["exitCode"] = own
    if failed is not None:
        report["error"] = str(failed["error"])
    return report


def _count_silent(lines: Sequence[dict[str, Any]]) -> int:
    """Return how many processes went by a recording and were killed before they told of it."""
    told = {line["process"] for line in lines if "report" in line}
    return len({line["process"] for line in lines if "claimed" in line} - told)


def _spell_hint(said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "hint": spell_for_command(said["hint"])} if "hint" in said else said


def _choose_code(codes: list[tuple[str, int]], mode: Mode) -> int:
    """Return the code of what stopped the replay, or else of what counts."""
    stopped = [code for action, code in codes if action == Action.RAISE]
    if stopped:
        return stopped[0]
    return EXIT_DIVERGED if mode is not Mode.CACHE and any(code for _, code in codes) else 0


def _find_unfinished(
    lines: Sequence[dict[str, Any]],
    recordings: Sequence[RecordedRun],
    policy: Policy,
    code: int,
    *,
    is_optional: bool = False,
) -> list[Divergence]:
    claimed = {line["claimed"] for line in lines if "claimed" in line}
    ended = {line["ended"]: line["status"] for line in lines if "ended" in line}
    found = []
    for run in recordings:
        interrupted = ended.get(run.run_id, RunStatus.INTERRUPTED) == RunStatus.INTERRUPTED
        if run.run_id not in claimed:
            if is_optional:
                continue
            hint = "does the program call tracer.run() with this name?"
            found.append(_miss(run, "the program never began this run", hint, policy))
        elif interrupted and run.status not in {RunStatus.STARTED, RunStatus.INTERRUPTED}:
            why = f"the program ended, with exit code {code}, before this run did"
            found.append(_miss(run, why, "something ends it early: os._exit, a signal", policy))
    return found


def _miss(run: RecordedRun, why: str, hint: str, policy: Policy) -> Divergence:
    missing = Divergence(DivergenceKind.MISSING_CALL, Action.RAISE, why, run.name, hint=hint)
    return missing._replace(action=policy.judge(missing))


def _sum_reports(
    lines: Sequence[dict[str, Any]], recordings: Sequence[RecordedRun], mode: Mode
) -> dict[str, Any]:
    """Return the sums of what each process said last."""
    last = {line["process"]: line["report"] for line in lines if "report" in line}
    reports = list(last.values())
    counts: Counter[str] = Counter(dict.fromkeys((status.value for status in Status), 0))
    notes: Counter[str] = Counter()
    for each in reports:
        counts.update(each["counts"])
        notes.update(each["notes"])
    saved = [each["saved"] for each in reports]
    return {
        "mode": mode.value,
        "sourceRunIds": reports[0]["sourceRunIds"]
        if reports
        else [run.run_id for run in recordings],
        "unfinishedRunIds": [run.run_id for run in recordings if not run.is_finished],
        "runIds": [run_id for each in reports for run_id in each["runIds"]],
        "identical": False,
        "exitCode": 0,
        "liveCalls": sum(each["liveCalls"] for each in reports),
        "liveCostUsd": _add_usd(each["liveCostUsd"] for each in reports),
        "counts": dict(counts),
        "divergences": [],
        "notes": dict(sorted(notes.items())),
        "saved": {
            "costUsd": _add_usd(each["costUsd"] for each in saved),
            "totalTokens": sum(each["totalTokens"] for each in saved),
            "durationMs": sum(each["durationMs"] for each in saved),
        },
    }


def _add_usd(amounts: Iterable[str]) -> str:
    return format(sum(map(Decimal, amounts), Decimal()), "f")
