"""The notebook's view: whole, harmless, and by itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from recordings import load, make_event, make_payload, make_run, make_span, span_id

from agenttrace.trace.html import MAX_ROWS

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    '"><b onmouseover=alert(1)>',
    "'><iframe srcdoc='x'>",
    "</style><script>alert(1)</script>",
    "</textarea></pre></details>",
    "{{7*7}}",
    "javascript:alert(1)",
]
TAGS = {"style", "div", "span", "details", "summary", "pre", "b"}
ATTRIBUTES = {"class", "style", "title"}


class Inspector(HTMLParser):
    """Reads HTML as a browser does, and keeps what is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.styles: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.styles += [value or "" for name, value in attrs if name == "style"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text.append(data)


def inspect(html: str) -> Inspector:
    """Return what is in a piece of HTML, of which every tag is closed."""
    inspector = Inspector()
    inspector.feed(html)
    inspector.close()
    assert inspector.open == []
    return inspector


def make_hostile_run(evil: str) -> list[dict[str, Any]]:
    """Return a run with a text at every place that a text can be."""
    return [
        make_run(
            name=evil,
            rev=1,
            status="ERROR",
            duration_ns=9_000_000,
            tags=[evil],
            correlation_id=evil,
            input=make_payload({evil: evil}),
            output=make_payload(evil),
            error={"type": evil, "message": evil},
        ),
        make_span(
            1,
            name=evil,
            model=evil,
            span_type="DECISION",
            status="ERROR",
            input=make_payload({evil: [evil]}),
            output=make_payload({"chosen": evil, "reason": evil}),
            error={"type": evil, "message": evil, "traceback": evil, "notes": [evil]},
        ),
        make_event(4, "state", {"key": evil, "value": {evil: evil}}, span_id=span_id(1)),
        make_event(5, evil, evil),
    ]


@pytest.mark.parametrize("evil", ATTACKS)
def test_recorded_text_is_only_ever_text(evil: str) -> None:
    """In names, keys, values, tags, errors and models: no tag and no attribute of its own."""
    found = inspect(load(make_hostile_run(evil))._repr_html_())
    assert found.tags <= TAGS
    assert found.attributes <= ATTRIBUTES
    assert all(re.fullmatch(r"[a-z:;.\d%\-]*", style.replace("em", "")) for style in found.styles)
    assert evil in "".join(found.text)


def test_nothing_is_loaded_and_nothing_runs() -> None:
    """No script, no address."""
    html = load(make_hostile_run("x"))._repr_html_()
    assert "<script" not in html
    assert "url(" not in html
    assert "http" not in html


def test_it_shows_what_the_text_shows() -> None:
    """Figures, states, errors, and the contents behind a click."""
    run = load(
        [
            make_run(rev=1, status="COMPLETED", duration_ns=12_000_000),
            make_span(
                1,
                name="ask",
                span_type="LLM_CALL",
                usage={"prompt_tokens": 7, "completion_tokens": 5, "source": "estimated"},
                cost={"usd": "0.01", "source": "rates"},
                input=make_payload({"q": "why"}),
            ),
            make_span(2, name="late", status="STARTED", duration_ns=None),
        ]
    )
    text = " ".join(inspect(run._repr_html_()).text)
    for part in ("agent", "COMPLETED", "12.0 ms", "ask", "~7→5", "~$0.01", '"q"', "unfinished"):
        assert part in text


def test_a_long_run_is_cut_and_says_so() -> None:
    """A notebook keeps what it shows."""
    run = load([make_span(n) for n in range(MAX_ROWS + 5)])
    assert "… and 5 more rows" in run._repr_html_()


def test_a_front_end_gets_both_forms() -> None:
    """Text where there is no HTML."""
    run = load([make_run()])
    bundle = run._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"text/plain": str(run), "text/html": run._repr_html_()}
