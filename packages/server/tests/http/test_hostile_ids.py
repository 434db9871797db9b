"""H24, H25: ids that are none, at every door that takes one, and what a file is named by."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from ..support.client import NDJSON, Client
from ..support.lines import dump_lines, make_payload, make_run, make_run_id, make_span, make_span_id
from ..support.thread import ServerThread

IDS = [
    *("../../etc/passwd", "a/b", "%2e%2e%2f", "..", ".", "CON", "nul.txt", "x" * 300, "a\nb"),
    *("a\r\nSet-Cookie: x=1", ";", "'", '"', "' OR 1=1--", "%", "_", "\\", "\0", "$(id)", "İ"),
    *("0" * 31, "0" * 33, "G" * 32, "A" * 32, " " + "a" * 31, "00000000000000000000000000000000"),
]
NAME = '../../x"; filename="evil.exe\u202etxt'
DOORS = (
    "/api/export/runs/{}",
    "/api/runs/{}/input",
    "/api/runs/" + make_run_id(0) + "/spans/{}/input",
    "/api/runs/" + make_run_id(0) + "/events/{}/body",
    "/api/runs/" + make_run_id(0) + "/{}",
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server with one run, whose texts are hostile and whose ids are not."""
    url = f"sqlite:///{tmp_path_factory.mktemp('filled') / 'agenttrace.db'}"
    with ServerThread(url) as server, Client(server.url) as client:
        hostile = make_payload(NAME)
        client.send([make_run(name=NAME), make_span(0, name=NAME, input=hostile)])
        yield client


@pytest.mark.parametrize("bad", IDS, ids=ascii)
@pytest.mark.parametrize("door", DOORS)
def test_h25_what_is_no_id_is_not_found(filled: Client, door: str, bad: str) -> None:
    """However it is spelt, it leads to no file, no other row and no failure: 404, as JSON."""
    answer = filled.http.get(filled.url + door.format(quote(bad, safe="")))
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert "set-cookie" not in answer.headers
    assert "root:" not in answer.text


@pytest.mark.parametrize("bad", IDS, ids=ascii)
def test_h25_what_is_no_id_is_no_run(filled: Client, bad: str) -> None:
    """GraphQL answers as for a run that does not exist."""
    query = "query($id: ID!) { run(id: $id) { id } node(id: $id) { id } span(id: $id) { id } }"
    assert filled.ask(query, id=bad) == {"run": None, "node": None, "span": None}


@pytest.mark.parametrize("bad", IDS[:-1], ids=ascii)
def test_h25_what_is_no_id_is_not_stored(filled: Client, bad: str) -> None:
    """A recorder hears it of the line; nothing is repaired."""
    lines = [{**make_run(1), "run_id": bad}, {**make_span(1), "span_id": bad}]
    answer = filled.http.post("/api/ingest", content=dump_lines(lines), headers=NDJSON)
    assert (answer.status_code, answer.json()["accepted"]) == (400, 0)
    assert len(answer.json()["errors"]) == 2


@pytest.mark.parametrize("text", ["%", "_", "\\", "a%", "' OR 1=1--", "[a-z]", "*", "x' --"])
def test_h25_a_filter_is_no_pattern(filled: Client, text: str) -> None:
    """Each of its characters is meant."""
    query = "query($f: RunFilter!) { runs(filter: $f) { totalCount } }"
    assert filled.ask(query, f={"name": [text]}) == {"runs": {"totalCount": 0}}
    assert filled.ask(query, f={"tags": [text]}) == {"runs": {"totalCount": 0}}


def test_h24_a_file_is_named_by_ids_alone(filled: Client) -> None:
    """Nothing recorded is in a header, whatever a run or step is called."""
    run_id, span_id = make_run_id(0), make_span_id(0)
    expected = {
        f"/api/export/runs/{run_id}": f"{run_id}.jsonl",
        f"/api/runs/{run_id}/spans/{span_id}/input": f"{run_id}-{span_id}-input.json",
    }
    for path, name in expected.items():
        answer = filled.http.get(path)
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "evil" not in str(answer.headers)
