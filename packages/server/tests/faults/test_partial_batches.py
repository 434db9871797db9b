"""Bad lines among good ones: the good ones are stored, whatever the bad ones are and where."""

from __future__ import annotations

from random import Random

from ..support.client import NDJSON, Client
from ..support.lines import dump_lines, make_run, make_run_id, make_span

LINES = 100
SEED = 20261125


def _make_bad(choose: Random, number: int) -> bytes:
    """Return a line that nobody can store: cut off, of another kind, or against the format."""
    line = dump_lines([make_span(number)]).strip()
    return choose.choice(
        [
            line[: choose.randrange(1, len(line))],
            b'"text"',
            b"\xff\xfe",
            line.replace(b'"span"', b'"spam"'),
            line.replace(b'"COMPLETED"', b'"DONE"'),
            line.replace(b'"seq": ', b'"seq": -1'),
        ]
    )


def test_the_good_lines_of_a_batch_are_stored_exactly(client: Client) -> None:
    """Of 100 lines 1 to 99 are bad, at places of chance: 200, and the store has just the others."""
    choose = Random(SEED)
    good: list[int] = []
    for bad_count in range(1, LINES):
        first = bad_count * LINES
        bad = set(choose.sample(range(1, LINES + 1), bad_count))
        lines = [
            _make_bad(choose, first + n) if n in bad else dump_lines([make_span(first + n)]).strip()
            for n in range(1, LINES + 1)
        ]
        answer = client.http.post("/api/ingest", content=b"\n".join(lines), headers=NDJSON)
        assert answer.status_code == 200, answer.text
        result = answer.json()
        assert (result["accepted"], result["rejected"]) == (LINES - bad_count, bad_count)
        assert {error["line"] for error in result["errors"]} == bad
        good += (first + n for n in range(1, LINES + 1) if n not in bad)
    client.send([make_run()])
    query = "query($id: ID!) { run(id: $id) { totals { spans } spanTree { seq } } }"
    run = client.ask(query, id=make_run_id(0))["run"]
    assert [span["seq"] for span in run["spanTree"]] == good
    assert run["totals"]["spans"] == len(good)
