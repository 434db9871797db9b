"""C14, C15: who is in one project sees nothing of another, whichever way they ask."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import httpx
import pytest

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.services import live
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.writer import Writer

from ..support.accounts import AccountsServer, Caller, open_socket
from ..support.client import NDJSON
from ..support.lines import (
    check_records,
    make_call,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)

OTHERS: Final = make_run_id(0)
"""Of the project that the caller is not in."""
OWN: Final = make_run_id(1)
NONE: Final = make_run_id(9)
"""Of nobody."""
PATIENCE_S: Final = 20


class World:
    """Two projects with runs of their own; `caller` is an admin of the second."""

    def __init__(self, accounts: AccountsServer) -> None:
        self.accounts = accounts
        self.first = accounts.operator
        second = accounts.add_project("second")
        self.caller = accounts.add("b@example.org", "ADMIN", by=second)
        shared: dict[str, Any] = {"correlation_id": "wf", "tags": ["t"], "attributes": {"k": "v"}}
        text = make_payload("zebra")
        for number, by in ((0, self.first), (1, self.caller)):
            records = [
                make_run(number, input=text, **shared),
                make_call(0, run=number, input=text),
                make_span(1, run=number, status="ERROR", output=text),
                make_event(5, run=number, span=0, body=text),
            ]
            answer = by.send(records)
            assert answer.json()["accepted"] == 4, answer.text
        annotate = 'mutation($r: ID!){annotateRun(runId:$r,annotation:{name:"a",score:1})'
        made = self.first.ask(annotate + "{annotation{id}}}", r=OTHERS)
        self.annotation = made["annotation"]["id"]


@pytest.fixture
def world(accounts: AccountsServer) -> World:
    """Two projects with runs."""
    return World(accounts)


def _ask_same(caller: Caller, query: str, **variables: Any) -> Any:
    """Ask for what is others' and for what nobody has: both answers are equal, to the byte."""
    texts = []
    for run_id in (OTHERS, NONE):
        named = {key: value.replace("RUN", run_id) for key, value in variables.items()}
        answer = caller.ask_raw(query, **named)
        assert answer.status_code < 500
        texts.append(answer.text.replace(run_id, "RUN"))
    assert texts[0] == texts[1]
    return json.loads(texts[0])


def test_c14_what_is_others_is_as_if_it_were_not(world: World) -> None:
    """By its id: a run, a span, a node; and nothing can be done to it."""
    span = f"RUN:{make_span_id(0)}"
    assert _ask_same(world.caller, "query($i: ID!){run(id:$i){id}}", i="RUN")["data"] == {
        "run": None
    }
    assert (
        _ask_same(world.caller, "query($i: ID!){node(id:$i){id}}", i="RUN")["data"]["node"] is None
    )
    steps = "query($i: ID!){replay(runId:$i){totalSteps steps{edges{node{index}}}}}"
    assert _ask_same(world.caller, steps, i="RUN")["data"] == {"replay": None}
    diff = "query($i: ID!, $o: ID!){diff(base:$i,head:$o){identical}}"
    for base, head in (("RUN", OWN), (OWN, "RUN")):
        assert _ask_same(world.caller, diff, i=base, o=head)["data"] == {"diff": None}
    for root in ("span", "node"):
        found = _ask_same(world.caller, f"query($i: ID!){{{root}(id:$i){{id}}}}", i=span)
        assert found["data"] == {root: None}
    said = '{name:"x",score:1}'
    for document in (
        f"mutation($i: ID!){{annotateRun(runId:$i,annotation:{said}){{errors{{code}}}}}}",
        'mutation($i: ID!){tagRun(runId:$i,tags:["x"]){errors{code}}}',
        'mutation($i: ID!){untagRun(runId:$i,tags:["t"]){errors{code}}}',
        "mutation($i: ID!){deleteRun(runId:$i){count errors{code}}}",
    ):
        (result,) = _ask_same(world.caller, document, i="RUN")["data"].values()
        assert result["errors"] == [{"code": "not_found"}]
    annotate = f"mutation($i: ID!){{annotateSpan(spanId:$i,annotation:{said}){{errors{{code}}}}}}"
    _ask_same(world.caller, annotate, i=span)
    delete = "mutation($i: [ID!]!){deleteRuns(runIds:$i){count}}"
    assert (
        world.caller.ask(delete, i=[OTHERS]) == world.caller.ask(delete, i=[NONE]) == {"count": 0}
    )
    take_back = "mutation($i: ID!){deleteAnnotation(id:$i){errors{code}}}"
    for annotation in (world.annotation, "0" * 32):
        assert world.caller.ask(take_back, i=annotation) == {"errors": [{"code": "not_found"}]}
    left = world.first.ask("query($i: ID!){run(id:$i){tags annotations{id}}}", i=OTHERS)
    assert left == {"tags": ["t"], "annotations": [{"id": world.annotation}]}


@pytest.mark.parametrize(
    "path",
    [
        "/api/export/runs/{run}",
        "/api/replay/runs/{run}",
        "/api/replay/runs/{run}?at=0",
        "/api/diff/runs?run_id_1={run}&run_id_2={run}",
        "/api/runs/{run}/input",
        "/api/runs/{run}/spans/{span}/input",
        "/api/runs/{run}/events/5/body",
    ],
)
def test_c14_nothing_of_it_can_be_taken_away(world: World, path: str) -> None:
    """By the doors that give texts and runs away: the same 404, to the byte."""

    def get(caller: Caller, run_id: str) -> httpx.Response:
        return caller.http.get(path.format(run=run_id, span=make_span_id(0)))

    assert get(world.first, OTHERS).status_code == 200
    assert get(world.caller, OWN).status_code == 200
    refused, unknown = get(world.caller, OTHERS), get(world.caller, NONE)
    assert refused.status_code == unknown.status_code == 404
    assert refused.content == unknown.content


def test_c14_no_list_has_it(world: World) -> None:
    """Runs, counts, filters, search, workflow, usage, forks, sources and links."""
    caller = world.caller
    ids = "{totalCount edges{node{id}}}"
    one = {"totalCount": 1, "edges": [{"node": {"id": OWN}}]}
    assert caller.ask(f"{{runs{ids}}}") == one
    for criterion in (
        'tags:["t"]',
        'correlationId:["wf"]',
        'attributes:[{key:"k",value:["v"]}]',
        "hasError:true",
        "spans:[{type:[LLM_CALL]}]",
        'text:"e"',
        "orderBy",
    ):
        wanted = f"filter:{{{criterion}}}" if criterion != "orderBy" else "orderBy:{field:COST}"
        assert caller.ask(f"{{runs({wanted}){ids}}}") == one, criterion
    sides = "base{runIds} head{runIds}"
    compared = caller.ask(f'{{compare(base:{{}},head:{{tags:["t"]}}){{{sides}}}}}')
    assert compared == {"base": {"runIds": [OWN]}, "head": {"runIds": [OWN]}}
    found = caller.ask('{search(text:"zebra"){edges{node{run{id}}}}}')
    assert {edge["node"]["run"]["id"] for edge in found["edges"]} <= {OWN}
    workflow = caller.ask('{workflow(correlationId:"wf"){totals{spans} runs{totalCount}}}')
    assert workflow == {"totals": {"spans": 2}, "runs": {"totalCount": 1}}
    by_model = caller.ask('{workflow(correlationId:"wf"){usageByModel{calls}}}')
    assert by_model == {"usageByModel": [{"calls": 1}]}
    for groups in ("[MODEL]", "[NAME]", "[TAG]"):
        usage = caller.ask(f"{{usage(interval:DAY,groupBy:{groups}){{calls}}}}")
        assert [bucket["calls"] for bucket in usage] == [1], groups


def test_c14_what_a_run_names_of_others_is_not_shown(world: World) -> None:
    """A run says that it re-executes another: of one that is others' nothing is found."""
    fork = make_run(2, replayed_from=OTHERS, links=[{"run_id": OTHERS}])
    assert world.caller.send([fork]).status_code == 200
    query = "query($i: ID!){run(id:$i){replayedFrom{id} links{run{id}} forks{id}}}"
    found = world.caller.ask(query, i=make_run_id(2))
    assert found == {"replayedFrom": None, "links": [{"run": None}], "forks": []}
    assert world.first.ask(query, i=OTHERS)["forks"] == []


def test_c14_a_replay_shows_nothing_of_others(world: World) -> None:
    """Whoever records says what a span was served from; of others' run it is as of none."""
    query = "query($i: ID!){replay(runId:$i){step(index:0){replay{sourceSpanId sourceSpan{id}}}}}"
    marks = {"agenttrace.replay.source_span_id": make_span_id(0)}
    found = []
    for number, recording in ((2, OTHERS), (3, NONE), (4, OWN)):
        span = make_span(0, run=number, seq=0, end_seq=1, attributes=marks)
        assert world.caller.send([make_run(number, replayed_from=recording), span]).is_success
        found.append(world.caller.ask(query, i=make_run_id(number))["step"]["replay"])
    gone = {"sourceSpanId": make_span_id(0), "sourceSpan": None}
    own = {**gone, "sourceSpan": {"id": f"{OWN}:{make_span_id(0)}"}}
    assert found == [gone, gone, own]


def test_c14_where_a_run_parts_from_others_is_not_told(world: World) -> None:
    """A breakpoint that names a run of another project is refused as one of no run."""
    query = (
        "query($i: ID!, $o: ID!){replay(runId:$i){find(from:-1,direction:FORWARD,"
        "breakpoints:[{diverges:$o}]){index}}}"
    )
    refused = _ask_same(world.caller, query, i=OWN, o="RUN")
    (error,) = refused["errors"]
    assert error["message"] == "diverges: there is no run 'RUN'"
    assert world.caller.ask(query, i=OWN, o=OWN) == {"find": None}


def test_c14_nobody_follows_it(world: World) -> None:
    """Neither in the list as it changes, nor by its id: not what is there, nor what comes."""
    init = {"authorization": f"Bearer {world.caller.credential}"}
    events = "subscription($i: ID!){runEvents(runId:$i){events{__typename}}}"
    changes = "subscription{runChanges(after:null){changes{runId kind}}}"
    with open_socket(world.accounts.url, init=init) as socket:
        assert json.loads(socket.recv(PATIENCE_S)) == {"type": "connection_ack"}
        for number, (query, variables) in enumerate(((events, {"i": OTHERS}), (changes, {}))):
            payload = {"query": query, "variables": variables}
            message = {"id": str(number), "type": "subscribe", "payload": payload}
            socket.send(json.dumps(message))
            first = json.loads(socket.recv(PATIENCE_S))
            assert first["type"] == "next", first
            (batch,) = first["payload"]["data"].values()
            assert [*batch.values()] == [[]]
        world.first.send([make_span(7)])
        assert world.first.ask("mutation($i: ID!){deleteRun(runId:$i){count}}", i=OTHERS)
        world.caller.send([make_span(7, run=1)])
        told = json.loads(socket.recv(PATIENCE_S))
        assert told["id"] == "1", told
        assert [c["runId"] for c in told["payload"]["data"]["runChanges"]["changes"]] == [OWN]


def test_c14_a_cursor_does_not_tell_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many changes it has: the first batch ends where that of no run ends."""
    monkeypatch.setattr(live, "MAX_BATCH_CHANGES", 2)
    init = {"authorization": f"Bearer {world.caller.credential}"}
    events = "subscription($i: ID!){runEvents(runId:$i){cursor events{__typename}}}"
    batches = []
    with open_socket(world.accounts.url, init=init) as socket:
        assert json.loads(socket.recv(PATIENCE_S)) == {"type": "connection_ack"}
        for run_id in (OTHERS, NONE):
            payload = {"query": events, "variables": {"i": run_id}}
            socket.send(json.dumps({"id": run_id, "type": "subscribe", "payload": payload}))
            batches.append(json.loads(socket.recv(PATIENCE_S))["payload"])
    assert batches[0] == batches[1]


def test_c15_records_of_others_runs_are_refused(world: World) -> None:
    """One who knows an id adds nothing to the run: also not to one that was deleted."""
    before = world.first.http.get(f"/api/export/runs/{OTHERS}").content
    lines = [make_span(3), make_run(0, rev=9, name="mine"), make_run(5)]
    answer = world.caller.send(lines).json()
    codes = [error["code"] for error in answer["errors"]]
    assert (answer["accepted"], codes) == (1, ["run_not_found", "run_not_found"])
    said = {"v": 1, "type": "tags", "run_id": OTHERS, "tags": ["evil"]}
    tagged = world.caller.http.post("/api/ingest", content=json.dumps(said), headers=NDJSON)
    assert [error["code"] for error in tagged.json()["errors"]] == ["not_found"]
    assert world.first.http.get(f"/api/export/runs/{OTHERS}").content == before
    world.first.ask("mutation($i: ID!){deleteRun(runId:$i){count}}", i=OTHERS)
    late = world.caller.send([make_span(4)]).json()
    assert [error["code"] for error in late["errors"]] == ["run_not_found"]
    own = world.first.send([make_span(4)]).json()
    assert [error["code"] for error in own["errors"]] == ["run_deleted"]


def test_c15_a_key_that_only_records_says_nothing_of_runs(world: World) -> None:
    """Scores and tags are people's, or of programs that may change runs."""
    said = {"v": 1, "type": "tags", "run_id": OTHERS, "tags": ["mine"]}
    body = json.dumps(said)
    for scope, codes in (("INGEST", ["forbidden"]), ("WRITE", [])):
        key = world.accounts.use_key(scope)
        answer = key.http.post("/api/ingest", content=body, headers=NDJSON).json()
        assert [error["code"] for error in answer["errors"]] == codes
    assert world.first.ask("query($i: ID!){run(id:$i){tags}}", i=OTHERS) == {"tags": ["t", "mine"]}


def test_c15_the_header_decides_between_the_projects_of_an_account(world: World) -> None:
    """Who is in two is in one of them at a time."""
    world.accounts.put("b@example.org", "VIEWER", by=world.first)
    here = world.accounts.log_in("b@example.org", "second")
    there = world.accounts.log_in("b@example.org", "default")
    query = "{runs{edges{node{id}}}}"
    assert here.ask(query)["edges"] == [{"node": {"id": OWN}}]
    assert there.ask(query)["edges"] == [{"node": {"id": OTHERS}}]
    assert there.ask_raw('mutation{deleteRuns(runIds:["0"]){count}}').status_code == 403
    nowhere = world.accounts.call(here.credential, "nowhere")
    assert nowhere.ask_raw(query).status_code == 403


def test_deleting_in_one_project_takes_nothing_from_another(world: World) -> None:
    """Not by filter, and not out of its usage."""
    gone = world.caller.ask('mutation{deleteRuns(filter:{tags:["t"]}){count}}')
    assert gone == {"count": 1}
    assert world.first.ask("{runs{totalCount}}") == {"totalCount": 1}
    assert world.first.ask("{usage(interval:DAY){calls}}") == [{"calls": 1}]
    assert world.caller.ask("{usage(interval:DAY){calls}}") == []


async def test_groups_of_two_projects_are_committed_apart(database: Database) -> None:
    """Records that wait together keep their projects; what a project was first to send, it has."""
    writer = Writer(database, on_commit=lambda _appended: None)
    sent = [(0, DEFAULT_PROJECT), (1, "b"), (0, DEFAULT_PROJECT), (1, "b"), (0, "b"), (2, "b")]
    jobs = [
        asyncio.create_task(writer.append(check_records([make_run(run)]), project))
        for run, project in sent
    ]
    await asyncio.sleep(0)  # all wait before it begins
    writer.start()
    codes = [[refusal.code for refusal in await job] for job in jobs]
    await writer.close()
    assert codes == [[], [], [], [], ["run_not_found"], []]
