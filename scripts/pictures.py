"""Write the pictures of docs/images: what `agenttrace diff` shows in a terminal.

    python scripts/pictures.py

An agent is recorded with a clock and ids that repeat, the real command compares its runs with
colours on, and what it prints becomes SVG. The same code gives the same bytes.
"""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.console import Console
from rich.text import Text

from agenttrace.encoding.payload import write_json
from agenttrace.testing import collect, make_tracer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agenttrace import Tracer

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = "docs/images"
COLUMNS: Final = 108
# As rich's own, but for fonts from elsewhere: a page must not ask other hosts for anything.
_FRAME: Final = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 16px; font-family: ui-monospace, Menlo, Consolas, monospace; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


class Picture(NamedTuple):
    """A picture: its file's name without `.svg`, and the arguments of `agenttrace diff`."""

    name: str
    arguments: tuple[str, ...]


PICTURES: Final = (
    Picture("diff-origin", ("main.jsonl", "prompt.jsonl")),
    Picture("diff-repeats", ("loop.jsonl", "colder.jsonl", "--changed")),
    Picture("diff-gates", ("runs-main.jsonl", "runs-branch.jsonl", "--gate", "gates.yaml")),
)
SHORT: Final = "You answer customers. Say only what the order says."
WARM: Final = "You answer customers. Be warm and reassuring."
GATES: Final = """\
structure: {added: 0, removed: 0}
outcome: same
metrics: {cost: {max_increase: 10%}, duration: {max_increase: 25%}}
require: ["tool:verify"]
"""


def answer_a_customer(tracer: Tracer, *, prompt: str, is_careful: bool, seed: int = 1) -> None:
    """Record an agent that looks an order up and answers; a careful one verifies what it says."""
    messages = [
        {"role": "system", "content": prompt},
        {"role": "user", "content": "Where is my order 1042?"},
    ]
    status = {"order": 1042, "status": "shipped", "carrier": "Posten"}
    said = "It was shipped with Posten." if is_careful else "It will arrive tomorrow!"
    with tracer.run("support-agent") as run, tracer.span("support", "AGENT"):
        call = {"messages": messages}
        _ask(tracer, "plan", call, said="look the order up", tokens=_vary(seed, 300))
        with tracer.span("orders.find", "TOOL_CALL", input={"order": 1042}) as span:
            span.set_output(status)
        context = [*messages, {"role": "tool", "content": str(status)}]
        tokens = _vary(seed, 480 if is_careful else 720)
        _ask(tracer, "answer", {"messages": context}, said=said, tokens=tokens)
        if is_careful:
            with tracer.span("verify", "TOOL_CALL", input={"text": said}) as span:
                span.set_output({"supported": True})
        run.set_output(said)


def summarize_pages(tracer: Tracer, *, temperature: float) -> None:
    """Record an agent that does the same for each of 42 pages."""
    with tracer.run("summaries"), tracer.span("summaries", "AGENT"):
        for page in range(42):
            with tracer.span("page", input={"page": page}):
                with tracer.span("pages.read", "TOOL_CALL", input={"page": page}) as span:
                    span.set_output(f"text of page {page}")
                call = {"messages": [], "temperature": temperature}
                _ask(tracer, "summarize", call, said="a summary", tokens=200)


def _ask(tracer: Tracer, name: str, call: object, *, said: str, tokens: int) -> None:
    with tracer.span(name, "LLM_CALL", input=call) as span:
        span.set_model("gpt-4.1-mini")
        span.set_usage(prompt_tokens=tokens, completion_tokens=tokens // 8)
        span.set_cost(f"{tokens * 4e-7:.7f}")
        span.set_output(said)


def _vary(seed: int, tokens: int) -> int:
    """Return about so many tokens: runs of one program never take the same."""
    chance = random.Random(seed * 1_000 + tokens)  # noqa: S311 -- figures of a picture
    return round(tokens * chance.lognormvariate(0, 0.1))


def record(folder: Path, programs: Mapping[str, Sequence[Callable[[Tracer], None]]]) -> None:
    """Write the runs of some programs, those of a name as one file; ids count on over all."""
    tracer, memory = make_tracer()
    taken = 0
    for name, each in programs.items():
        for program in each:
            program(tracer)
        records = collect(tracer, memory)
        lines = [write_json(record) + b"\n" for record in records[taken:]]
        (folder / f"{name}.jsonl").write_bytes(b"".join(lines))
        taken = len(records)
    tracer.shutdown()


def record_all(folder: Path) -> None:
    """Write every recording, and the gates, that a picture compares."""
    careful = partial(answer_a_customer, prompt=SHORT, is_careful=True)
    careless = partial(answer_a_customer, prompt=WARM, is_careful=False)
    programs: dict[str, list[Callable[[Tracer], None]]] = {
        "main": [careful],
        "prompt": [careless],
        "loop": [partial(summarize_pages, temperature=0.7)],
        "colder": [partial(summarize_pages, temperature=0.2)],
        "runs-main": [partial(careful, seed=seed) for seed in range(12)],
        "runs-branch": [partial(careless, seed=seed) for seed in range(12)],
    }
    record(folder, programs)
    (folder / "gates.yaml").write_text(GATES, encoding="utf-8")


def show(folder: Path, picture: Picture) -> str:
    """Return what the command prints in a terminal of some columns, with its escapes."""
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    environment |= {
        "AGENTTRACE_PLUGINS": "",
        "COLUMNS": str(COLUMNS),
        "FORCE_COLOR": "1",
        "PYTHONIOENCODING": "utf-8",
        "TERM": "xterm-256color",
    }
    command = [sys.executable, "-m", "agenttrace", "diff", *picture.arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    if done.returncode not in {0, 1, 3} or done.stderr:
        raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stderr.decode()}")
    return done.stdout.decode("utf-8")


def draw(picture: Picture, shown: str) -> str:
    """Return a terminal with a text in it as SVG."""
    console = Console(
        file=io.StringIO(), record=True, width=COLUMNS, force_terminal=True, highlight=False
    )
    console.print(Text.from_ansi(shown), soft_wrap=True)
    title = f"agenttrace diff {' '.join(picture.arguments)}"
    drawn = console.export_svg(title=title, code_format=_FRAME, unique_id=picture.name)
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def draw_all() -> dict[str, str]:
    """Return every picture by its path below the root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record_all(folder)
        return {
            f"{FOLDER}/{picture.name}.svg": draw(picture, show(folder, picture))
            for picture in PICTURES
        }


def main() -> int:
    """Write the pictures."""
    for name, drawn in draw_all().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(drawn, encoding="utf-8")
        print(f"{name}: {len(drawn.encode()):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
