"""`diff` and `compare` of runs that were made to break them: an answer, or a refusal in words."""

from __future__ import annotations

import pytest
from hostile_runs import make_hostile_pair
from recordings import RUN_ID
from run_trees import OTHER_ID

from ..support.client import Client
from ..support.dialects import ON_SQLITE

DIFF = """query($b: ID!, $h: ID!) { diff(base: $b, head: $h) {
    verdict identical counts { changed } origins { path cause { kind evidence { base head } } }
    warnings { code message } firstDivergence { path }
    rows(filter: {changed: true}) { totalCount edges { node {
        depth outcome base { name } head { name } changes { kind path base head } } } } } }"""
COMPARE = """query { compare(base: {name: "agent"}, head: {}, options: {first: 9}) {
    base { runIds } head { runIds names } structure { key } warnings { code message } } }"""


@ON_SQLITE
@pytest.mark.parametrize("kind", ["cycle", "deep", "evil", "numbers", "open"])
def test_every_run_has_an_answer(client: Client, kind: str) -> None:
    """With rows, places and values, as any JSON can have them."""
    base, head = make_hostile_pair(kind)
    for records in (base, head):
        taken = client.send(records)
        assert (taken["rejected"], taken.get("errors", [])) == (0, [])
    found = client.ask(DIFF, b=RUN_ID, h=OTHER_ID)["diff"]
    assert found["verdict"] == ("INCOMPLETE" if kind == "open" else "DIFFERENT")
    assert found["rows"]["totalCount"] >= 1
    if kind == "numbers":
        (change, *_) = found["rows"]["edges"][0]["node"]["changes"]
        assert (change["path"], change["base"][:3], len(change["base"])) == (
            *("output[0]", "100"),
            401,
        )
    compared = client.ask(COMPARE)["compare"]
    assert sorted(compared["head"]["runIds"]) == sorted([RUN_ID, OTHER_ID])
