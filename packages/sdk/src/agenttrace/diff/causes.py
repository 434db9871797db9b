"""Why a difference may have begun: by rule, with the facts that the rule rests on."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agenttrace.diff.flags import shorten, shorten_apart, split_call
from agenttrace.diff.hashes import name_models
from agenttrace.diff.model import Cause, CauseKind, Evidence, Flag, Outcome
from agenttrace.diff.origins import asks_other_model, has_ended, starts_changed
from agenttrace.wire import Effect, RunStatus, SpanStatus, SpanType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agenttrace.diff.model import Row, RunRef, Side
    from agenttrace.diff.origins import Runs
    from agenttrace.trace.records import RecordedError, RecordedPayload, RecordedSpan

_HARMLESS: Final = frozenset({Effect.NONE, Effect.READ})
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,79}")

LOOP_CALLS: Final = 3
"""The same call with the same input, so many times: a loop."""

_LONE: Final = frozenset({Outcome.ADDED, Outcome.REMOVED, Outcome.MOVED})
_ABSENT: Final[dict[Outcome, Side]] = {Outcome.ADDED: "base", Outcome.REMOVED: "head"}
_AROUND: Final = frozenset({Outcome.WRAPPED, Outcome.UNWRAPPED, Outcome.RENAMED})
_USER_CODE: Final = frozenset({SpanType.AGENT, SpanType.CUSTOM})
_CALLED: Final = frozenset({SpanType.TOOL_CALL, SpanType.RETRIEVAL})
_SYSTEM_KEYS: Final = frozenset({"system", "instructions", "system_instruction", "system_prompt"})
_SYSTEM_ROLES: Final = frozenset({"system", "developer"})
_TOOL_KEYS: Final = frozenset({"tools", "functions"})
_MESSAGE_KEYS: Final = frozenset({"messages", "prompt", "input", "contents"})
_SHOWN_CALLS: Final = 3
_MAX_BYTES: Final = 1024 * 1024


class Context(NamedTuple):
    """What causes are found in.

    `effects` are as `find_effects` returns them, `lacking` the sides of which records are lost.
    """

    rows: Sequence[Row]
    base: RunRef
    head: RunRef
    effects: Mapping[str, int]
    lacking: frozenset[Side]


def find_cause(context: Context, number: int, place: int) -> Cause:
    """Return the cause of the row of this number, the origin at a place among the origins."""
    row = context.rows[number]
    cause = _find_kind(context, number, place)
    errors = [each for each in _show_errors(row) if each not in cause.evidence]
    return replace(
        cause,
        evidence=(*cause.evidence, *errors),
        action=offer_replay(row, context.effects),
    )


def explain_run(runs: Runs) -> Cause:
    """Return the cause of a difference that begins at the run itself."""
    base, head, flags = runs
    evidence = [
        Evidence(name, *_show_apart(getattr(base, name), getattr(head, name)))
        for flag, name in ((Flag.INPUT, "input"), (Flag.OUTPUT, "output"))
        if flag in flags
    ]
    if Flag.ERROR in flags:
        evidence += _compare_errors(base.error, head.error)
    if Flag.STATUS in flags:
        evidence.append(Evidence("status", base.status.value, head.status.value))
    if base.revision != head.revision:
        evidence.append(Evidence("revision", base.revision, head.revision))
    failed = [run.status is RunStatus.ERROR for run in (base, head)]
    if Flag.INPUT in flags:
        return Cause(CauseKind.CODE_OR_PROMPT_CHANGE, tuple(evidence), "run_input")
    if failed[0] != failed[1]:
        kind = CauseKind.NEW_FAILURE if failed[1] else CauseKind.FAILURE_GONE
        return Cause(kind, tuple(evidence), "run")
    return Cause(CauseKind.CODE_OR_PROMPT_CHANGE, tuple(evidence), "run_result")


def _find_kind(context: Context, number: int, place: int) -> Cause:
    rows, base, head = context.rows, context.base, context.head
    row = rows[number]
    if row.outcome in _ABSENT and _ABSENT[row.outcome] in context.lacking:
        return Cause(CauseKind.NOT_RECORDED, (_show_call(row),), _ABSENT[row.outcome])
    if row.outcome in _LONE:
        return _explain_call(rows, number)
    if row.outcome in _AROUND:
        return _explain_code(row, base, head, detail=row.outcome.value)
    if not starts_changed(row):
        return _explain_result(context, number, place)
    if Flag.INPUT not in row.flags:
        return _explain_config(row)
    return _explain_code(row, base, head, detail=_name_part(row))


def _explain_result(context: Context, number: int, place: int) -> Cause:
    """Explain a span that was given the same and ended otherwise."""
    row = context.rows[number]
    assert row.base_span is not None
    assert row.head_span is not None
    failed = [span.status is SpanStatus.ERROR for span in (row.base_span, row.head_span)]
    if failed[0] != failed[1]:
        kind = CauseKind.NEW_FAILURE if failed[1] else CauseKind.FAILURE_GONE
        return Cause(kind, _show_errors(row))
    if row.ref.span_type in _USER_CODE:
        return _explain_code(row, context.base, context.head, detail="result")
    same = (Evidence("input", "equal", "equal"), *_show_outputs(row))
    if row.ref.span_type is SpanType.LLM_CALL:
        kind, more = _explain_answer(context.rows, number, place)
        return Cause(kind, (*more, *same))
    is_decision = row.ref.span_type is SpanType.DECISION
    kind = CauseKind.AGENT_DECISION if is_decision else CauseKind.WORLD_CHANGED
    return Cause(kind, same)


def _explain_answer(
    rows: Sequence[Row], number: int, place: int
) -> tuple[CauseKind, tuple[Evidence, ...]]:
    """Explain a model that was asked the same and answered otherwise."""
    row = rows[number]
    assert row.base_span is not None
    assert row.head_span is not None
    if Flag.MODEL in row.flags:
        models = (name_models(span)[1:] for span in (row.base_span, row.head_span))
        shown = (" ".join(filter(None, each)) or None for each in models)
        return CauseKind.MODEL_VERSION, (Evidence("response_model", *shown),)
    changed = _list_changed_calls(rows, number, place)
    if changed:
        return CauseKind.AGENT_DECISION, changed
    return CauseKind.MODEL_NONDETERMINISM, ()


def _explain_config(row: Row) -> Cause:
    """Explain a model call that differs in its model or parameters alone."""
    detail = "params" if Flag.PARAMS in row.flags else "model"
    return Cause(CauseKind.CONFIG_CHANGE, (*_show_config(row), *_show_outputs(row)), detail)


def _show_config(row: Row) -> list[Evidence]:
    """Return the models that were asked for and the parameters, where they differ."""
    evidence: list[Evidence] = []
    assert row.base_span is not None
    assert row.head_span is not None
    one, other = _read_call(row.base_span), _read_call(row.head_span)
    if asks_other_model(row):
        names = [
            span.model or shorten(call[2])
            for span, call in ((row.base_span, one), (row.head_span, other))
        ]
        evidence.append(Evidence("model", *names))
    for key in sorted(one[1].keys() | other[1].keys()):
        if one[1].get(key) != other[1].get(key):
            shown = (shorten(call[1][key]) if key in call[1] else None for call in (one, other))
            evidence.append(Evidence(key, *shown))
    return evidence


def _explain_code(row: Row, base: RunRef, head: RunRef, *, detail: str) -> Cause:
    evidence = []
    if row.outcome is Outcome.RENAMED and row.base and row.head:
        evidence.append(Evidence("name", row.base.name, row.head.name))
    if row.base_span is not None and row.head_span is not None:
        hashes = row.base_span.fn_hash, row.head_span.fn_hash
        if hashes[0] != hashes[1]:
            evidence.append(Evidence("fn_hash", *hashes))
    if base.revision != head.revision:
        evidence.append(Evidence("revision", base.revision, head.revision))
    if Flag.INPUT in row.flags:
        evidence += _show_inputs(row)
    if asks_other_model(row) or (Flag.PARAMS in row.flags and row.head_span is not None):
        evidence += _show_config(row)
    kind = CauseKind.CODE_OR_PROMPT_CHANGE
    return Cause(kind, (*evidence, *_show_outputs(row)), detail)


def _explain_call(rows: Sequence[Row], number: int) -> Cause:
    """Explain a call that one side makes and the other does not, or makes elsewhere."""
    row = rows[number]
    if row.outcome is not Outcome.MOVED and _is_retried(row):
        kind = CauseKind.NEW_FAILURE if row.base is None else CauseKind.FAILURE_GONE
        counts = map(str, row.repeats or (0, 0))
        return Cause(kind, (Evidence("attempts", *counts), *_show_errors(row)), "retry")
    if row.repeats is not None and _is_loop(row.repeats):
        evidence: tuple[Evidence, ...] = (Evidence("same_call", *map(str, row.repeats)),)
        return Cause(CauseKind.LOOP, evidence)
    evidence = (_show_call(row),)
    before = _find_model_call(rows, number)
    if before is not None:
        evidence += (Evidence("llm_output_before", shorten(before.ref.name), "equal"),)
    return Cause(CauseKind.CONTROL_FLOW_CHANGE, evidence, row.outcome.value)


def _show_call(row: Row) -> Evidence:
    shown = (
        None if ref is None else f"{ref.span_type} {shorten(ref.name)}"
        for ref in (row.base, row.head)
    )
    return Evidence("call", *shown)


def _is_retried(row: Row) -> bool:
    """Tell whether a call of one side failed that both sides make: one of them again."""
    return row.ref.status is SpanStatus.ERROR and row.repeats is not None and all(row.repeats)


def _is_loop(repeats: tuple[int, int]) -> bool:
    few, many = sorted(repeats)
    return many >= LOOP_CALLS and many > few


def _list_changed_calls(rows: Sequence[Row], number: int, place: int) -> tuple[Evidence, ...]:
    """Return the calls that follow from a model call, up to the next, that one side makes so.

    What runs beside it is no answer to it, whatever differs there.
    """
    found: list[Evidence] = []
    for row in rows[number + 1 :]:
        if row.origin == place:
            found += _show_changed_call(row)
        elif not has_ended(rows[number], row):
            continue
        if row.ref.span_type is SpanType.LLM_CALL or len(found) == _SHOWN_CALLS:
            break
    return tuple(found)


def _show_changed_call(row: Row) -> Iterator[Evidence]:
    if row.outcome in _LONE or row.outcome in _AROUND:
        names = (None if ref is None else shorten(ref.name) for ref in (row.base, row.head))
        yield Evidence("call", *names)
    elif row.ref.span_type in _CALLED and Flag.INPUT in row.flags:
        assert row.base_span is not None
        assert row.head_span is not None
        inputs = _show_apart(row.base_span.input, row.head_span.input)
        yield Evidence(f"arguments of {shorten(row.ref.name)}", *inputs)


def _find_model_call(rows: Sequence[Row], number: int) -> Row | None:
    """Return the model call before a row, where both sides made it and it answered the same."""
    for row in reversed(rows[:number]):
        if row.ref.span_type is SpanType.LLM_CALL and has_ended(row, rows[number]):
            is_same = row.base is not None and row.head is not None
            return row if is_same and Flag.OUTPUT not in row.flags else None
    return None


def _name_part(row: Row) -> str:
    """Return which part of an input differs: `system_prompt`, `tools_schema`, `messages`, ….."""
    if row.ref.span_type is not SpanType.LLM_CALL or not (row.base_span and row.head_span):
        return "arguments"
    one, other = _read_call(row.base_span)[0], _read_call(row.head_span)[0]
    differing = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    systems = _list_system(one), _list_system(other)
    if differing & _SYSTEM_KEYS or systems[0] != systems[1]:
        return "system_prompt"
    if differing & _TOOL_KEYS:
        return "tools_schema"
    return "messages" if differing & _MESSAGE_KEYS else "arguments"


def _list_system(call: dict[str, Any]) -> list[Any]:
    messages = call.get("messages")
    if not isinstance(messages, list):
        return []
    return [
        message.get("content")
        for message in messages
        if isinstance(message, dict) and message.get("role") in _SYSTEM_ROLES
    ]


def _read_call(span: RecordedSpan) -> tuple[dict[str, Any], dict[str, Any], Any]:
    return split_call(None if span.input is None else span.input.value)


def _show_outputs(row: Row) -> tuple[Evidence, ...]:
    if Flag.OUTPUT not in row.flags or row.base_span is None or row.head_span is None:
        return ()
    return (Evidence("output", *_show_apart(row.base_span.output, row.head_span.output)),)


def _show_apart(
    base: RecordedPayload | None, head: RecordedPayload | None
) -> tuple[str | None, str | None]:
    """Return two values as short texts from where they part, large ones by their sizes."""
    sizes = [memoryview(each.text).nbytes for each in (base, head) if each is not None]
    if max(sizes, default=0) > _MAX_BYTES:
        return _show(base), _show(head)
    one, other = (None if each is None else each.value for each in (base, head))
    return shorten_apart(one, other)


def _show_inputs(row: Row) -> list[Evidence]:
    assert row.base_span is not None
    assert row.head_span is not None
    one, other = _read_call(row.base_span)[0], _read_call(row.head_span)[0]
    return [
        Evidence(f"input.{key}" if key else "input", *shorten_apart(one.get(key), other.get(key)))
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key)
    ]


def _show_errors(row: Row) -> tuple[Evidence, ...]:
    """Return the class and the text of the errors of both sides, where they are not the same."""
    if row.outcome not in _LONE and not row.flags & {Flag.ERROR, Flag.STATUS}:
        return ()
    errors = [None if span is None else span.error for span in (row.base_span, row.head_span)]
    return () if errors == [None, None] else _compare_errors(*errors)


def _compare_errors(
    base: RecordedError | None, head: RecordedError | None
) -> tuple[Evidence, Evidence]:
    errors = base, head
    classes = (None if error is None else shorten(error.type) for error in errors)
    messages = (
        None if error is None or error.message is None else shorten(error.message)
        for error in errors
    )
    return Evidence("class", *classes), Evidence("message", *messages)


def _show(payload: RecordedPayload | None) -> str | None:
    if payload is None:
        return None
    if memoryview(payload.text).nbytes > _MAX_BYTES:
        return f"{memoryview(payload.text).nbytes:,} bytes"
    return shorten(payload.value)


def find_effects(rows: Sequence[Row]) -> dict[str, int]:
    """Return what base's calls must be allowed to run live, each with the last `seq` it is for.

    A call with a plain name is told by it, any other by its effect on the world.
    """
    found: dict[str, int] = {}
    for row in rows:
        ref = row.base
        if ref is None or ref.effect in _HARMLESS or ref.span_type in _USER_CODE:
            continue
        name = f"{ref.span_type.value.partition('_')[0].lower()}:{ref.name}"
        allowed = name if _PLAIN.fullmatch(ref.name) else ref.effect.value
        found[allowed] = max(found.get(allowed, 0), ref.seq)
    return found


def offer_replay(row: Row, effects: Mapping[str, int]) -> str | None:
    """Return what would prove the cause: base up to there, and its calls made anew from there.

    What these may do to the world has to be allowed, or the replay stops at the first of them.
    """
    if row.base is None or row.head is None:
        return None
    allowed = [f" --allow {name}" for name, last in effects.items() if last >= row.base.seq]
    return (
        f"agenttrace replay BASE --live-from {row.base.seq}{''.join(sorted(allowed))} -- PROGRAM: "
        "does it differ again?"
    )
