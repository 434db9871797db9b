"""Redaction of whole records: whatever part of one a secret is put into, no line holds it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace import Tracer
from agenttrace.plugins import encode_records
from agenttrace.redaction import Redactor
from agenttrace.settings import Settings
from agenttrace.testing import MemoryExporter, collect
from agenttrace.wrappers import trace_llm, trace_tool

from .corpus import make_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def use_everywhere(tracer: Tracer, secret: str, shown: str) -> None:
    """Put a secret into each part of a run, its spans, events and errors."""

    @trace_tool(tracer)
    def call(text: str, *, headers: dict[str, str]) -> dict[str, Any]:
        raise ConnectionError(f"refused {text}", {"seen": text}) from ValueError(text)

    @trace_llm(tracer)
    def stream(text: str) -> Iterator[str]:
        yield text

    with tracer.run(
        f"run {shown}", tags=[shown], attributes={"a": shown, "api_key": secret}, input={"q": shown}
    ) as run:
        with tracer.span(f"span {shown}", input=[shown], attributes={"b": [shown]}) as span:
            span.set_attribute("http.request.header.authorization", secret)
            span.set_attribute("odd", {"password": secret})
            span.set_output((shown, {"token": secret}))
            span.add_event(f"event {shown}", {"body": shown})
            error = ValueError(shown)
            error.add_note(shown)
            error.state = {"secret": secret}  # type: ignore[attr-defined]  # as programs do
            span.record_exception(error)
        with pytest.raises(ConnectionError):
            call(shown, headers={"Authorization": secret})
        list(stream(shown))
        tracer.decision("pick", options=[shown], chosen=shown, reason=shown)
        tracer.state("password", secret)
        tracer.state("key", {"password": secret})
        run.set_output({"deep": [{"cookie": secret}]})


def record(
    use: Callable[[Tracer], None], *, redactor: Any = None, settings: Settings | None = None
) -> tuple[bytes, Tracer]:
    """Return all lines of what `use` records."""
    memory = MemoryExporter()
    tracer = Tracer(exporter=memory, settings=settings or Settings(), redactor=redactor)
    use(tracer)
    lines = b"\n".join(encode_records(collect(tracer, memory)))
    tracer.shutdown(timeout_s=5)
    return lines, tracer


@pytest.mark.parametrize(("secret", "shown"), make_secrets(random.Random(3))[:24])
def test_no_line_holds_a_secret(secret: str, shown: str) -> None:
    """Names, tags, attributes, inputs, outputs, events, messages, tracebacks, notes, causes."""
    lines, _ = record(lambda tracer: use_everywhere(tracer, secret, shown))
    first = secret.partition("\n")[0].encode()
    assert lines.count(b"[redacted:") > 20
    where = lines.find(first)
    assert where < 0, lines[max(0, where - 200) : where + 100]


def test_without_redaction_they_are_there() -> None:
    """What the test above looks for is written where redaction is off."""
    secret, shown = make_secrets(random.Random(3))[0]
    lines, _ = record(
        lambda tracer: use_everywhere(tracer, secret, shown), settings=Settings(redact="off")
    )
    assert lines.count(secret.encode()) > 20


def test_a_tracer_takes_a_rule() -> None:
    """A function of the program's is asked beside the built-in rules; its failures are counted."""

    def hide(key: str | None, value: Any) -> Any:
        if value == "fail":
            raise LookupError
        return "[mine]" if key == "customer" else value

    def use(tracer: Tracer) -> None:
        with tracer.run("agent", input={"customer": "c-1", "x": "fail", "password": "pw-1234"}):
            pass

    lines, tracer = record(use, redactor=hide)
    assert (
        b'{"customer":"[mine]","x":"[redacted:failed]","password":"[redacted:password]"}' in lines
    )
    assert tracer.stats().errors["redactor"] > 0
    lines, _ = record(use, redactor=Redactor(keys=["customer"]))
    assert b'"customer":"[redacted:key]"' in lines
