"""What a recorder hears of a record that passes validation and still cannot be stored."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection

from agenttrace.wire.models import ValidRecord
from agenttrace_server.storage import writer as writer_module
from agenttrace_server.storage.append import Appended

from ..support.client import NDJSON, Client
from ..support.lines import dump_lines, make_run, make_run_id
from ..support.own import append_records


def test_the_line_comes_back_and_the_others_are_stored(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a 503, which would be sent again for ever: its number, a code and the reason."""

    def append(
        connection: Connection, records: Sequence[ValidRecord], *, project_id: str
    ) -> Appended:
        if any(record.run_id == make_run_id(1) for record in records):
            raise OverflowError("int too large")
        return append_records(connection, records, project_id=project_id)

    monkeypatch.setattr(writer_module, "append_records", append)
    runs = [dump_lines([make_run(number)]) for number in range(3)]
    body = b"\n".join([b"nonsense", *runs])
    answer = client.http.post("/api/ingest", content=body, headers=NDJSON)
    result = answer.json()
    assert (answer.status_code, result["accepted"], result["rejected"]) == (200, 2, 2)
    assert [(error["line"], error["code"]) for error in result["errors"]] == [
        (1, "invalid_json"),
        (4, "not_stored"),
    ]
    assert result["errors"][1]["message"] == (
        "the record could not be stored (OverflowError: int too large)"
    )
    assert client.ask("{ runs { totalCount } }") == {"runs": {"totalCount": 2}}
