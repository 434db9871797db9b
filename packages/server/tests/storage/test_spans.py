"""Reading spans."""

from __future__ import annotations

import pytest

from agenttrace_server.records import Span
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.spans import (
    BEFORE_ALL,
    list_children,
    list_spans,
    read_spans,
    read_tree,
    read_tree_columns,
)

from ..support.lines import Record, check_records, make_run, make_run_id, make_span, make_span_id
from ..support.own import append_records

RUN = make_run_id(0)


async def _store(database: Database, *spans: Record) -> None:
    await database.write(append_records, check_records([make_run(), *spans]))


def _link(number: int, parent: int | None) -> Record:
    if parent is None:
        return make_span(number)
    return make_span(number, parent_span_id=make_span_id(parent))


@pytest.mark.parametrize(
    "links",
    [
        [(0, None), (1, 0), (2, 1), (3, 0), (4, None), (5, 99)],
        [(n, n - 1 if n else None) for n in range(200)],
        [(0, 2), (1, 0), (2, 1), (3, 1), (4, 4)],
    ],
    ids=["tree", "deep", "circle"],
)
async def test_depth_alone_is_the_depth_in_the_tree(
    database: Database, links: list[tuple[int, int | None]]
) -> None:
    """A single span says the same depth as the whole tree, also when deep or in a circle."""
    await _store(database, *(_link(number, parent) for number, parent in links))
    tree = await database.read(read_tree, RUN)
    keys = [(span.run_id, span.span_id) for span in tree]
    singles = await database.read(read_spans, keys)
    assert [singles[key] for key in keys] == list(tree)
    page = await database.read(list_spans, RUN, first=200, after=BEFORE_ALL)
    assert {span.span_id: span for span in page.items} == {span.span_id: span for span in tree}


@pytest.mark.parametrize(
    ("links", "places"),
    [
        ([(0, 1), (1, 0), (2, 1)], ["cycle", "child", "child"]),
        ([(0, None), (1, 1), (2, 1)], ["root", "cycle", "child"]),
        ([(0, None), (1, 9), (2, 1)], ["root", "missing_parent", "child"]),
        ([(0, None), (1, None)], ["root", "root"]),
        ([(n, n - 1 if n else None) for n in range(80)], ["root", *["child"] * 79]),
        ([(n, n - 1 if n else 99) for n in range(80)], ["missing_parent", *["child"] * 79]),
    ],
    ids=["circle", "itself", "missing", "two roots", "deep", "deep, missing"],
)
async def test_a_span_says_why_it_stands_where_it_does(
    database: Database, links: list[tuple[int, int | None]], places: list[str]
) -> None:
    """In the tree, in a page and alone: only what was recorded at the top is a root."""
    await _store(database, *(_link(number, parent) for number, parent in links))
    tree = await database.read(read_tree, RUN)
    assert [span.placement for span in sorted(tree, key=lambda span: span.seq)] == places
    page = await database.read(list_spans, RUN, first=200, after=BEFORE_ALL)
    assert [span.placement for span in page.items] == places
    keys = [(span.run_id, span.span_id) for span in page.items]
    for key, place in zip(keys[:3], places, strict=False):
        assert (await database.read(read_spans, [key]))[key].placement == place


async def test_a_column_of_a_tree_is_that_of_the_whole(database: Database) -> None:
    """Each field alone, without the others that give the order, is that of the records."""
    await _store(database, *(_link(n, parent) for n, parent in [(3, 0), (0, None), (2, 3), (1, 0)]))
    tree = await database.read(read_tree, RUN)
    for name in Span._fields:
        alone = await database.read(read_tree_columns, RUN, [name])
        assert {name: [*alone[name]]} == {name: [getattr(span, name) for span in tree]}
    assert await database.read(read_tree_columns, make_run_id(99), ["name"]) == {"name": ()}


async def test_children_of_many_parents_come_at_once(database: Database) -> None:
    """Each parent gets its own page, whatever the others have."""
    links = [(0, None), (1, None), *[(n, 0) for n in range(2, 6)], (6, 1)]
    await _store(database, *(_link(number, parent) for number, parent in links))
    parents = [(RUN, make_span_id(n)) for n in (0, 1, 6)]
    found = await database.read(list_children, parents, first=3, after=BEFORE_ALL)
    seqs = [([span.seq for span in found[key].items], found[key].has_next) for key in parents]
    assert seqs == [([2, 3, 4], True), ([6], False), ([], False)]
    rest = await database.read(list_children, parents, first=3, after=(4, make_span_id(4)))
    assert [[span.seq for span in rest[key].items] for key in parents] == [[5], [6], []]
