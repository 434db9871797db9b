"""One run against one as a report: its figures, and what changed from what to what."""

from __future__ import annotations

import pytest
from recordings import make_payload
from run_trees import OTHER_ID, Step, llm, make_run_of, tool

from agenttrace.cli.diff_text import write_diff
from agenttrace.cli.output import Screen
from agenttrace.diff.compare import compare_runs
from agenttrace.diff.formats import describe_runs, write_markdown
from agenttrace.diff.model import RunDiff

SECOND = 10**9


def explain(base: list[Step], head: list[Step], *, lasts: tuple[int, int] = (1, 1)) -> RunDiff:
    """Return the comparison of two runs that last so many seconds."""
    return compare_runs(
        make_run_of(base, duration_ns=lasts[0] * SECOND),
        make_run_of(head, run_id=OTHER_ID, duration_ns=lasts[1] * SECOND),
    )


def list_table(diff: RunDiff, title: str) -> list[tuple[str, ...]]:
    """Return the rows of a table of the report."""
    report = describe_runs(diff, base="a", head="b")
    (table,) = (each for each in report.tables if each.title == title)
    return list(table.rows)


def write_lines(diff: RunDiff) -> list[str]:
    """Return the lines of the terminal's text, without ids."""
    return list(write_diff(diff, Screen(), is_changed_only=False))


def test_the_duration_is_that_of_the_run() -> None:
    """Not the time in which a step ran: a run that waits between its steps takes longer."""
    step = [Step("work", 1)]
    diff = explain(step, step, lasts=(1, 3))
    (line,) = (line for line in write_lines(diff) if line.startswith("duration"))
    assert line.split(" · ")[0].replace("->", "→") == "duration 1.00 s → 3.00 s (+200 %)"
    assert " · busy time 0.50 ms" in line
    figures = {row[0]: row[1:] for row in list_table(diff, "Figures")}
    assert figures["duration"] == ("1.00 s", "3.00 s", "+200.0 %")
    assert figures["busy time"][:2] == ("0.50 ms", "0.50 ms")


def test_a_run_that_only_takes_longer_is_told() -> None:
    """Nothing else differs: it is the evidence; where the steps took longer, they say it."""
    step = [Step("work", 1)]
    diff = explain(step, step, lasts=(1, 3))
    assert diff.identical
    assert diff.performance is not None
    (fact,) = diff.performance.evidence
    assert (fact.name, fact.base, fact.head) == ("duration", "1.00 s", "3.00 s")
    assert explain(step, step).performance is None


def test_markdown_says_from_what_to_what() -> None:
    """Of each row the first three places, messages by what became of them; the run's own too."""
    messages = [{"role": "user", "content": "go"}]
    more = [*messages, {"role": "user", "content": "on"}]
    base = [
        llm("plan", {"messages": messages}, "yes"),
        tool("load", {"page": 1}, dict.fromkeys("abcde", 0)),
    ]
    head = [
        llm("plan", {"messages": more}, "yes"),
        tool("load", {"page": 1}, dict.fromkeys("abcde", 1)),
    ]
    rows = {row[1]: row[2:] for row in list_table(explain(base, head), "Changes")}
    assert rows["llm:plan"][1].startswith("input.messages[1] (injected): nothing -> ")
    assert rows["tool:load"][1] == (
        "output.a: 0 -> 1; output.b: 0 -> 1; output.c: 0 -> 1; and 2 more"
    )
    cities = [make_payload({"q": city}) for city in ("Oslo", "Rome")]
    diff = compare_runs(
        make_run_of([], input=cities[0]), make_run_of([], run_id=OTHER_ID, input=cities[1])
    )
    rows = {row[1]: row[2:] for row in list_table(diff, "Changes")}
    ((name, said),) = rows.items()
    assert name.startswith("run:")
    assert said == ("input", "input.q: Oslo -> Rome", "1")
    assert "Oslo" in write_markdown(describe_runs(diff, base="a", head="b"))


def test_of_rows_that_differ_in_many_ways_some_are_shown() -> None:
    """What differs alike is one row; the rest is a number, and says that it is not shown."""
    base = [tool("load", {"page": n}, "x") for n in range(10)]
    head = [tool("load", {"page": n}, f"y{n // 2}") for n in range(10)]
    rows = [row for row in list_table(explain(base, head), "Changes") if row[1] == "tool:load"]
    assert [row[3:] for row in rows] == [
        ("output: x -> y0", "2"),
        ("output: x -> y1", "2"),
        ("output: x -> y2", "2"),
        ("not shown", "4"),
    ]


@pytest.mark.parametrize("is_changed_only", [False, True])
def test_a_long_way_down_to_a_change_is_one_line(*, is_changed_only: bool) -> None:
    """Its ends are shown: thousands of rows in which nothing differs say nothing."""

    def nest(answer: str) -> list[Step]:
        steps = [tool("load", {"page": 1}, answer)]
        for level in range(100):
            steps = [Step(f"level{99 - level}", children=steps)]
        return steps

    diff = explain(nest("x"), nest("y"))
    lines = list(write_diff(diff, Screen(), is_changed_only=is_changed_only))
    rows = [line.strip().split()[0] for line in lines if line.strip().startswith("level")]
    assert rows == [f"level{n}" for n in (0, 1, 2, 3, 96, 97, 98, 99)]
    assert [line.strip()[-12:] for line in lines if line.endswith("unchanged")][
        -1
    ] == "92 unchanged"


def test_a_row_that_follows_says_what_differs() -> None:
    """In the terminal too: without it one has to ask for JSON."""
    base = [tool("search", {"q": "a"}, "Oslo"), tool("show", {"text": "Oslo"}, "Oslo")]
    head = [tool("search", {"q": "a"}, "Rome"), tool("show", {"text": "Rome"}, "Rome")]
    diff = explain(base, head)
    assert [row.is_propagated for row in diff.rows] == [False, True]
    lines = write_lines(diff)
    (place,) = (n for n, line in enumerate(lines) if "follows from #1" in line)
    assert lines[place + 1].replace("->", "→").strip() == "input.text: Oslo → Rome"
