"""The contract that plugins are held to holds for the exporters of this package as well."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agenttrace.plugins import builtin
from agenttrace.testing import Destination, check_plugin

from .conftest import Answer, Server

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest

    from agenttrace.plugins import Record


def test_the_built_in_plugin_passes(
    tmp_path: Path,
    server: Server,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What we ask of others holds for ourselves, with a real file and a real HTTP server."""
    file = tmp_path / "traces.jsonl"
    arrived: list[bytes] = []
    status = {"now": 200}

    def answer(request: Any) -> Answer:
        if status["now"] != 200:
            return Answer(status["now"], b"")
        arrived.extend(request.lines)
        return Answer(200, json.dumps({"accepted": len(request.lines)}).encode())

    def read(lines: Iterable[bytes]) -> list[Record]:
        return [json.loads(line) for line in lines]

    server.answer = answer
    statuses = {"ok": 200, "retry": 503, "reject": 400}
    check_plugin(
        builtin,
        destinations={
            "jsonl": Destination(
                target=str(file), read=lambda: read(file.read_bytes().splitlines())
            ),
            "http": Destination(
                target=server.endpoint,
                read=lambda: read(arrived),
                answer=lambda how: status.update(now=statuses[how]),
            ),
            "console": Destination(target=""),
            "memory": Destination(target=""),
        },
    )
    capsys.readouterr()
