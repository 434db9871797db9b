"""What comparing two captured values takes: processor time and the greatest memory.

    python packages/sdk/benchmarks/fields.py [--only chat] [--repeat 3]

Each case runs in a process of its own, so that its memory is its own. Time is the best of the
repetitions, of reading both values, aligning and listing the changes; `hash` is `hash_value` of
head alone. The same seed makes the same values.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from agenttrace.diff.fields import FieldRules, compare_values, hash_value, list_changes
from agenttrace.diff.lcs import match_sequences

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = [f"word{number}" for number in range(3000)]
LEVELS = 5000


def write_text(chance: random.Random, words: int) -> str:
    """Return a text of so many words."""
    return " ".join(chance.choices(WORDS, k=words))


def make_small(chance: random.Random) -> tuple[Any, Any]:
    """Return the arguments of a call, one of them another."""
    base = {"query": write_text(chance, 4), "limit": 5, "filters": ["a", "b"], "opts": {"x": 1.5}}
    return base, {**base, "limit": 6}


def make_chat(chance: random.Random) -> tuple[Any, Any]:
    """Return 200 messages, one injected at the front and one cut."""
    base = [{"role": "user", "content": write_text(chance, 100)} for _ in range(200)]
    head = [{"role": "system", "content": write_text(chance, 80)}, *map(dict, base)]
    head[120]["content"] = head[120]["content"][:280]
    return {"messages": base}, {"messages": head}


def make_other_chat(chance: random.Random) -> tuple[Any, Any]:
    """Return 200 messages that all differ."""
    sides = (
        [{"role": "user", "content": write_text(chance, 100)} for _ in range(200)] for _ in "ab"
    )
    base, head = sides
    return base, head


def make_embedding(chance: random.Random) -> tuple[Any, Any]:
    """Return two vectors of 1,536 numbers that share none."""
    base, head = ([chance.random() for _ in range(1536)] for _ in "ab")
    return base, head


def make_deep(chance: random.Random) -> tuple[Any, Any]:
    """Return 10,000 levels of objects and lists around a number that differs."""
    base, head = chance.random(), chance.random()
    sides: list[Any] = [base, head]
    for _ in range(LEVELS):
        sides = [{"a": [side]} for side in sides]
    return sides[0], sides[1]


def make_text(chance: random.Random) -> tuple[Any, Any]:
    """Return a log of 50 MB with one character more in its midst."""
    block = "".join(f"{write_text(chance, 10)}\n" for _ in range(10_000))
    base = (block * (50_000_000 // len(block) + 1))[:50_000_000]
    return {"log": base}, {"log": f"{base[:25_000_000]}!{base[25_000_000:]}"}


def make_documents(chance: random.Random) -> tuple[Any, Any]:
    """Return 200,000 documents, 34 MB as JSON, one of them new and one changed."""
    base = [
        {"id": at, "text": write_text(chance, 14), "score": chance.random()}
        for at in range(200_000)
    ]
    head = [*base[:1000], {"id": -1, "text": "new", "score": 0.0}, *base[1000:]]
    head[150_000] = {**head[150_000], "score": 2.0}
    return {"docs": base}, {"docs": head}


CASES: dict[str, Callable[[random.Random], tuple[Any, Any]]] = {
    "small": make_small,
    "chat": make_chat,
    "other chat": make_other_chat,
    "embedding": make_embedding,
    "deep": make_deep,
    "text": make_text,
    "documents": make_documents,
}
SEQUENCES = {"lcs 10,000 of 5": 5, "lcs 10,000 of 1,000": 1000, "lcs 10,000 of all": 10**9}


def take_time(run: Callable[[], object], repeat: int) -> float:
    """Return the least processor time of some runs, in milliseconds."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        run()
        times.append((time.process_time() - start) * 1000)
    return min(times)


def measure(name: str, repeat: int) -> str:
    """Return the row of a case, measured in this process."""
    chance = random.Random(6)  # noqa: S311 -- the same values each time
    if name in SEQUENCES:
        one, other = ([chance.randrange(SEQUENCES[name]) for _ in range(10_000)] for _ in "ab")
        spent_ms = take_time(lambda: match_sequences(one, other), repeat)
        return f"{name:20} {spent_ms:10.2f} ms"
    base, head = CASES[name](chance)
    made_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rules = FieldRules()
    delta = compare_values(base, head, rules)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - made_mib
    spent_ms = take_time(lambda: list_changes(compare_values(base, head, rules)), repeat)
    hash_ms = take_time(lambda: hash_value(head, rules), repeat)
    flags = [name for name in ("is_approximate", "is_coarse") if getattr(delta, name)]
    return (
        f"{name:20} {spent_ms:10.2f} ms {hash_ms:10.2f} ms {peak_mib:8.1f} MiB"
        f" {delta.changes:8} {' '.join(flags)}"
    ).rstrip()


def main() -> None:
    """Print a row for each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="one of: " + ", ".join([*CASES, *SEQUENCES]))
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the best counts")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.case, options.repeat)))
        return
    print(f"{'case':20} {'compare':>13} {'hash':>13} {'memory':>12} {'changes':>8}")
    for name in [options.only] if options.only else [*CASES, *SEQUENCES]:
        command = [sys.executable, __file__, "--case", name, "--repeat", str(options.repeat)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 -- this file
        print(json.loads(done.stdout), flush=True)


if __name__ == "__main__":
    main()
