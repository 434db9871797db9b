"""The command line of the example: what it takes and what it prints."""

from __future__ import annotations

import argparse
import sys
import textwrap
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from research.claims import number_citations
from research.search import list_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from research.claims import Claim

DEFAULT_QUESTION: Final = "What happens when an exception is raised in a finally clause?"
DEFAULT_ENDPOINT: Final = "http://127.0.0.1:8000/api"
DEFAULT_FILE: Final = Path("data/research_traces.jsonl")
MAX_CORRELATION_CHARS: Final = 128  # the wire format's limit
WIDTH: Final = 92


class UsageError(Exception):
    """A command line that cannot be followed. The message says what and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for; None where it does not say."""

    question: str
    folder: Path | None
    endpoint: str
    file: Path
    correlation_id: str
    pace_s: float
    cost_per_prompt_token: float | None
    cost_per_completion_token: float | None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; --help lists what there is.")


def parse_options(arguments: Sequence[str]) -> Options:
    """Read the command line; UsageError for one that cannot be followed."""
    given = _build_parser().parse_args(arguments)
    if not list_words(given.question):
        raise UsageError(f"QUESTION {given.question!r} has no word to search for; ask for a thing.")
    return Options(
        question=given.question.strip(),
        folder=given.folder,
        endpoint=given.endpoint.rstrip("/"),
        file=given.out,
        correlation_id=given.correlation_id,
        pace_s=given.pace,
        cost_per_prompt_token=given.cost_per_prompt_token,
        cost_per_completion_token=given.cost_per_completion_token,
    )


def _build_parser() -> _Parser:
    parser = _Parser(
        prog="research_agent.py",
        description="Answer a question from text, and record every step.",
        epilog="A model is asked when OPENAI_API_KEY or OPENAI_BASE_URL is set (OPENAI_MODEL names "
        "it); otherwise a local extractive summariser writes.",
    )
    add = parser.add_argument
    add(
        "question", metavar="QUESTION", nargs="?", default=DEFAULT_QUESTION, help="what to find out"
    )
    add("--folder", type=Path, help="read the text files below this folder, not Python's documents")
    add("--endpoint", default=DEFAULT_ENDPOINT, help="where a server may be (%(default)s)")
    add("--out", type=Path, default=DEFAULT_FILE, help="the file to add the trace to (%(default)s)")
    add(
        "--correlation-id",
        type=_correlation_id,
        default=f"research-{uuid.uuid4().hex[:12]}",
        help="what joins this run and the fact checker's (default: a new one)",
    )
    add("--pace", type=_amount, default=0.0, metavar="SECONDS", help="wait between steps, to watch")
    for kind in ("prompt", "completion"):
        add(
            f"--cost-per-{kind}-token", type=_amount, metavar="USD", help="a rate, to record a cost"
        )
    return parser


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount; it takes 0 or more")
    return amount


def _correlation_id(text: str) -> str:
    # A recorder would cut a longer one, and runs that were to be told apart might be joined.
    if not text.strip() or len(text) > MAX_CORRELATION_CHARS:
        given = "blank ones" if text.isspace() else str(len(text))
        message = f"it takes 1 to {MAX_CORRELATION_CHARS} characters, not {given}"
        raise argparse.ArgumentTypeError(message)
    return text


def say(step: str) -> None:
    """Print a progress line, where a person watches; nothing in a pipe."""
    if sys.stderr.isatty():
        print(f"  · {step}", file=sys.stderr)


def print_answer(question: str, claims: Sequence[Claim], *, written_by: str) -> None:
    """Print the answer's sentences and, by number, what they cite."""
    _print_wrapped(question)
    lines, sources = number_citations(claims)
    print()
    for line in lines or ["The text that was read does not answer this."]:
        _print_wrapped(line, indent="  ")
    print("\nSources" if sources else "")
    for number, source in enumerate(sources, 1):
        print(f"  [{number}] {source}")
    print(f"Written by {written_by}\n")


def _print_wrapped(text: str, *, indent: str = "") -> None:
    print(textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent))
