"""`load_runs`: everything that a file or a list of records holds, as runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from agenttrace.encoding.payload import write_json
from agenttrace.trace.files import FileSource
from agenttrace.trace.reading import LineError, Problem, decode_line, split_lines
from agenttrace.trace.run import RecordedRun, RunCollector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Recording(NamedTuple):
    """What was loaded: `runs`, oldest first, and the lines that could not be read."""

    runs: list[RecordedRun]
    problems: list[Problem]


def load_runs(
    source: str | os.PathLike[str] | Iterable[bytes | str | Mapping[str, Any]],
) -> Recording:
    """Return all runs of a JSONL file, or of records: lines of NDJSON or wire dicts.

        load_runs("./traces.jsonl").runs[-1]         # in a notebook it shows itself
        load_runs(memory_exporter.records).runs

    A line that cannot be read is listed in `problems` with its number and stops nothing.

    Raises:
        RecordingError: when the file cannot be read, or none of its lines can.

    """
    if not isinstance(source, str | os.PathLike):
        return _load_records(source)
    with FileSource(source) as file:
        runs = [file.load_run(head.run_id) for head in reversed(file.list_heads())]
        return Recording(runs, file.problems)


def _load_records(records: Iterable[bytes | str | Mapping[str, Any]]) -> Recording:
    collector = RunCollector()
    problems: list[Problem] = []
    for line in split_lines(_write_texts(records)):
        try:
            record = decode_line(line)
        except LineError as error:
            problems.append(Problem(line.number, str(error), is_cut=not line.is_whole))
            continue
        collector.add(record)
    return Recording(collector.make_runs(), problems)


def _write_texts(records: Iterable[bytes | str | Mapping[str, Any]]) -> Iterator[bytes]:
    for record in records:
        if isinstance(record, bytes):
            yield record
        elif isinstance(record, str):
            yield record.encode("utf-8", "surrogatepass")
        else:
            yield write_json(record)
