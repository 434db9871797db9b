"""What an operation may be: a limit for everything that makes a small document dear."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from websockets.sync.client import connect

from agenttrace_server.graphql import loaders
from agenttrace_server.graphql.costs import LIST_SIZES, measure_cost
from agenttrace_server.graphql.documents import MAX_DOCUMENT_BYTES, MAX_TOKENS, count_tokens
from agenttrace_server.graphql.execution import MAX_OBJECTS
from agenttrace_server.graphql.limits import measure_document
from agenttrace_server.graphql.schema import make_schema
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Lexer,
    OperationDefinitionNode,
    Source,
    TokenKind,
    get_introspection_query,
    get_named_type,
    is_leaf_type,
    parse,
)

from ..support.bombs import BOMBS, make_flat_bomb, make_fragment_bomb
from ..support.client import PROTOCOL, TIMEOUT_S, Client
from ..support.lines import make_call, make_payload, make_run, make_run_id, make_span_id
from ..support.thread import ServerThread

_INVALID = ("circle", "unknown fragment")
"""These are no limit's business: validation refuses them."""


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """The schema of a server in development."""
    return make_schema()._schema


@pytest.mark.parametrize("name", BOMBS)
def test_c28_c29_c30_c31_a_bomb_is_refused(shared_client: Client, name: str) -> None:
    """422 like all that validation finds, with one message: the limit, and what was found."""
    text, message = BOMBS[name]
    answer = shared_client.http.post("/graphql", json={"query": text})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert message in error["message"]
    assert "data" not in answer.json()
    if name not in _INVALID:
        assert error["extensions"] == {"code": "LIMIT_EXCEEDED"}


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("runChanges { " + "cursor " * 201 + "}", "201 fields in one selection set"),
        ("runChanges { " + " ".join(f"a{n}: cursor" for n in range(31)) + "}", "31 aliases"),
        ("runChanges { cursor " + "@include(if: true)" * 51 + "}", "51 directives"),
        ("runChanges { " + "a " * 2_000 + "}", "2006 tokens"),
        ("runChanges { changes { run " + "{ replayedFrom " * 10 + "{ id }" + "}" * 12, "14 levels"),
        (
            "runChanges { changes { run { spans(first: 9999999) { edges { cursor } } } } }",
            "costs 500000101",
        ),
    ],
    ids=lambda text: text[:40],
)
def test_c30_a_bomb_over_a_socket_ends_its_own_operation(
    shared_server: ServerThread, selection: str, message: str
) -> None:
    """The same limits hold there; the socket goes on."""
    text = f"subscription {{ {selection} }}"
    with connect(shared_server.websocket_url, subprotocols=[PROTOCOL]) as opened:
        opened.send('{"type": "connection_init"}')
        opened.recv(TIMEOUT_S)
        opened.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": text}}))
        answer = json.loads(opened.recv(TIMEOUT_S))
        assert (answer["type"], answer["id"]) == ("error", "1")
        assert message in answer["payload"][0]["message"]
        opened.send('{"type": "ping"}')
        assert json.loads(opened.recv(TIMEOUT_S)) == {"type": "pong"}


@pytest.mark.parametrize("make", [make_fragment_bomb, make_flat_bomb])
@pytest.mark.parametrize("count", [5, 19, 30, 50])
def test_c30_each_selection_is_looked_at_once(make: Any, count: int) -> None:
    """However often a fragment is spread: what is visited grows with the text, no faster."""
    figures = measure_document(parse(make(count)))
    assert (
        figures.visited == {make_fragment_bomb: 4 * count - 1, make_flat_bomb: 2 * count + 2}[make]
    )


def test_c28_c29_c30_documents_at_the_limits_are_answered(shared_client: Client) -> None:
    """A limit is the last figure that is allowed."""
    aliases = "{ server {" + " ".join(f"a{n}: version" for n in range(30)) + "} }"
    assert len(shared_client.ask(aliases)["server"]) == 30
    deep = '{ run(id: "a") ' + "{ replayedFrom " * 10 + "{ id }" + " }" * 11
    assert shared_client.ask(deep) == {"run": None}
    directives = "{ server {" + "version @include(if: true) " * 50 + "} }"
    assert "errors" not in shared_client.ask_raw(directives)
    roots = "{" + "__typename " * 20 + "}"
    assert shared_client.ask(roots) == {"__typename": "Query"}
    tokens = "{ __typename " + "#\n" * 500 + "@skip(if: false) " + "}"
    assert count_tokens(tokens)[0] <= MAX_TOKENS
    assert shared_client.ask(tokens) == {"__typename": "Query"}
    padded = "{ __typename }"
    assert shared_client.ask(padded + " " * (MAX_DOCUMENT_BYTES - len(padded)))


@pytest.mark.parametrize(
    "text",
    ['"""a \\""" { """ {', '"a \\" {" {', "# {\n{", "{ ... @a(b: -1.5e+3, c: $d) ! }", '"{\n{'],
)
def test_c30_tokens_are_counted_as_the_lexer_does(text: str) -> None:
    """Texts and comments hide brackets; what the lexer stops at does not matter."""
    lexer, tokens, nesting = Lexer(Source(text + " ")), 0, 0
    if text != '"{\n{':
        while (token := lexer.advance()).kind is not TokenKind.EOF:
            tokens += 1
            nesting += token.kind is TokenKind.BRACE_L or token.kind is TokenKind.PAREN_L
        assert count_tokens(text) == (tokens, nesting)
    else:
        assert count_tokens(text)[1] >= nesting


@pytest.mark.parametrize(
    "query",
    [
        get_introspection_query(),
        get_introspection_query(
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
        ),
        '{ __type(name: "Run") { fields { name type { name fields { name } } } } }',
    ],
    ids=["plain", "full", "by hand"],
)
def test_the_introspection_of_tools_is_answered(shared_client: Client, query: str) -> None:
    """Its queries are deeper than any other: nine levels of `ofType`."""
    assert shared_client.ask(query)


@pytest.mark.parametrize(
    ("query", "variables", "cost"),
    [
        ("{ server { version } }", {}, 1),
        ("{ runs { edges { cursor } } }", {}, 51),
        ("{ runs(last: 7) { edges { node { id } } } }", {}, 15),
        ("query($n: Int) { runs(first: $n) { edges { cursor } } }", {"n": 9}, 10),
        ("query($n: Int) { runs(first: $n) { edges { cursor } } }", {"n": 9.0}, 10),
        ("query($n: Int) { runs(first: $n) { edges { cursor } } }", {"n": float("inf")}, 51),
        ("query($n: Int = 8) { runs(first: $n) { edges { cursor } } }", {}, 9),
        ("query($n: Int = 8) { runs(first: $n) { edges { cursor } } }", {"n": None}, 51),
        ("query($n: Int) { runs(first: $n) { edges { cursor } } }", {"n": "9"}, 51),
        ("{ runs(first: -5) { edges { cursor } } }", {}, 1),
        ("{ runs(first: 2) { ...C } } fragment C on RunConnection { edges { cursor } }", {}, 3),
        ('{ run(id: "a") { spanTree { usage { source } } } }', {}, 101),
        ("{ nothing { nothing { id } } }", {}, 0),
    ],
)
def test_c31_what_an_operation_costs(
    schema: GraphQLSchema, query: str, variables: dict[str, Any], cost: int
) -> None:
    """An object is 1, a list what is asked for of it; variables and defaults count."""
    document = parse(query)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    assert measure_cost(schema, document, operation, variables) == cost


def _list_unpaged(schema: GraphQLSchema) -> set[str]:
    """Return the fields that hold lists of objects without taking `first` or `last`."""
    return {
        f"{kind.name}.{name}"
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and kind.name[:2] != "__"
        for name, field in kind.fields.items()
        if "[" in str(field.type)
        and not is_leaf_type(get_named_type(field.type))
        and not {"first", "last"} & {*field.args}
        and name != "edges"
    }


def test_every_list_without_pages_has_a_cost(schema: GraphQLSchema) -> None:
    """None counts as one object by an oversight."""
    assert _list_unpaged(schema) == {*LIST_SIZES}


def _get_distinct(errors: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {
        (re.split(r" in lists| \d+; ", error["message"])[0], error["extensions"]["code"])
        for error in errors
    }


@pytest.mark.parametrize(
    "selection",
    [
        "links { run { links { run { links { runId } } } } }",
        "links { run { links { run { links { run { name } } } } } }",
        "forks { replayedFrom { forks { replayedFrom { forks { links { runId } } } } } }",
    ],
)
def test_lists_within_lists_end_at_a_limit(client: Client, selection: str) -> None:
    """Sizes are known when the lists are: an answer of millions of objects is cut short."""
    links = [{"run_id": make_run_id(n)} for n in range(60)]
    for run in range(60):
        client.send([make_run(run, links=links, replayed_from=make_run_id(0))])
    query = f"query($id: ID!) {{ run(id: $id) {{ {selection} }} }}"
    (error,) = _get_distinct(client.ask_raw(query, id=make_run_id(0))["errors"])
    assert error in {
        ("the operation costs", "LIMIT_EXCEEDED"),
        (f"the answer would have over {MAX_OBJECTS} objects", "INVALID_ARGUMENT"),
    }
    assert client.ask("{ runs { totalCount } }") == {"runs": {"totalCount": 60}}


def test_the_texts_of_an_answer_are_bounded(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too much is not even read; the rest of the answer is there, and says so."""
    monkeypatch.setattr(loaders, "MAX_TEXT_BYTES", 10_000)
    client.send([make_run(), *(make_call(n, input=make_payload("x" * 3_000)) for n in range(4))])
    page = "run(id: $id) { spans(first: %d) { edges { node { name input { json } } } } }"
    head = "query($id: ID!) {"
    few = client.ask(f"{head} {page % 3} }}", id=make_run_id(0))
    assert len(few["run"]["spans"]["edges"]) == 3
    answer = client.ask_raw(f"{head} {page % 4} }}", id=make_run_id(0))
    assert [edge["node"]["input"] for edge in answer["data"]["run"]["spans"]["edges"]] == [None] * 4
    assert "texts that are asked for have" in answer["errors"][0]["message"]
    # What is asked for beside each other counts together.
    other = f'span(id: "{make_run_id(0)}:{make_span_id(3)}") {{ input {{ json }} }}'
    both = client.ask_raw(f"{head} {page % 3} {other} }}", id=make_run_id(0))
    assert "errors" in both
