"""Runs whose every line can be read, made to break who does; in pairs that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from recordings import RUN_ID, make_payload, make_run, make_span, span_id
from run_trees import OTHER_ID

if TYPE_CHECKING:
    from collections.abc import Callable

EVIL: Final = "\x1b]0;owned\x07\x1b[2J\u202e\x9b2J\u2066\u2028|<b>&'\"%\r\n::error::x"
"""Escapes of terminals, marks that turn text round, and what XML, Markdown and GitHub read."""

EVIL_VALUE: Final = f"{EVIL}\x00"
"""The same with what a name may not have and a value may."""

LEVELS: Final = 5_000
Records = list[dict[str, Any]]


def make_ended(run_id: str, **fields: Any) -> dict[str, Any]:
    """Return a run that has ended."""
    return make_run(run_id, **{"rev": 1, "status": "COMPLETED", "complete": True, **fields})


def make_cycle(run_id: str, said: str) -> Records:
    """Return spans that are their own ancestors, by themselves or in a ring, and an orphan."""
    spans = [
        make_span(n, parent_span_id=span_id(n % 5 + 1), output=make_payload(said))
        for n in range(1, 6)
    ]
    spans += [make_span(9, parent_span_id=span_id(9)), make_span(10, parent_span_id=span_id(77))]
    return [make_ended(run_id), *({**span, "run_id": run_id} for span in spans)]


def make_deep(run_id: str, said: str) -> Records:
    """Return a chain of 5,000 levels, of which two differ."""
    spans = [
        make_span(
            n,
            run_id=run_id,
            parent_span_id=None if n == 1 else span_id(n - 1),
            name="level",
            output=make_payload(said if n in {LEVELS // 2, LEVELS} else n),
        )
        for n in range(1, LEVELS + 1)
    ]
    return [make_ended(run_id), *spans]


def make_evil(run_id: str, said: str) -> Records:
    """Return texts in every place that holds one; half of a surrogate pair as the wire has it."""
    lone = {"$text": "7aCA"}  # U+D800, as UTF-8 would write it
    text = EVIL + said
    error = {"type": EVIL, "message": text, "traceback": EVIL, "notes": [EVIL]}
    messages = [{"role": "user", "content": text}]
    typed = {"codec": "typed", "types": {"": EVIL}}
    call = make_span(
        1,
        run_id=run_id,
        name=EVIL,
        span_type="LLM_CALL",
        status="ERROR",
        model=text,
        input=make_payload({EVIL_VALUE: lone, "messages": messages}),
        output=make_payload({text: [EVIL_VALUE, said, lone]}) | typed,
        error=error,
        attributes={EVIL: text},
    )
    tool = make_span(2, run_id=run_id, name=text, span_type="TOOL_CALL", replay_key=EVIL)
    fields = {
        "name": EVIL,
        "tags": [EVIL],
        "error": error,
        "output": make_payload(EVIL_VALUE + said),
    }
    return [make_ended(run_id, status="ERROR", **fields), call, tool]


def make_nested(run_id: str, said: str) -> Records:
    """Return a value of 900 lists in one another: of a file it is read, no server takes it."""
    value: Any = said
    for _ in range(900):
        value = [value]
    return [make_ended(run_id), make_span(1, run_id=run_id, output=make_payload(value))]


def make_large(run_id: str, said: str) -> Records:
    """Return a payload of almost what a line may be."""
    output = make_payload(said * (15 * 2**20 // len(said)))
    return [make_ended(run_id), make_span(1, run_id=run_id, output=output)]


def make_numbers(run_id: str, said: str) -> Records:
    """Return the largest numbers that pass, and one of 400 digits, which JSON has no limit for."""
    span = make_span(
        1,
        run_id=run_id,
        output=make_payload([10**400 + len(said), 1e308, -(2**64)]),
        start_ns=2**63 - 1,
        end_ns=2**63 - 1,
        duration_ns=2**63 - 1,
        seq=2**31 - 1,
        end_seq=2**31 - 1,
        usage={"source": "reported", "total_tokens": 2**31 - 1},
        cost={"source": "reported", "usd": f"999999.{'9' * 40}"},
    )
    return [make_ended(run_id), span]


def make_open(run_id: str, said: str) -> Records:
    """Return a run that is still running, with a span that is."""
    done = make_span(1, run_id=run_id, output=make_payload(said))
    still = make_span(2, run_id=run_id, status="STARTED", rev=0)
    for name in ("end_ns", "duration_ns", "end_seq"):
        del still[name]
    return [make_run(run_id), done, still]


MAKERS: Final[dict[str, Callable[[str, str], Records]]] = {
    "cycle": make_cycle,
    "deep": make_deep,
    "evil": make_evil,
    "nested": make_nested,
    "large": make_large,
    "numbers": make_numbers,
    "open": make_open,
}


def make_hostile_pair(kind: str) -> tuple[Records, Records]:
    """Return two runs of a kind that differ in what they say."""
    return MAKERS[kind](RUN_ID, "one"), MAKERS[kind](OTHER_ID, "other")
