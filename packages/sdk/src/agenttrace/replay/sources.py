"""What `tracer.replay()` may be given: a run, a file, a run's id, or several of them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from agenttrace.errors import ConfigurationError
from agenttrace.replay.errors import NotReplayableError
from agenttrace.replay.integrity import check_recording
from agenttrace.trace import FileSource, RecordedRun, Recording, RecordingError
from agenttrace.trace.sources import LAST, resolve_recording

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from agenttrace.trace import Problem

Source: TypeAlias = "RecordedRun | Recording | str | os.PathLike[str]"
DEFAULT_FILE: Final = "./traces.jsonl"
_RUN_ID: Final = re.compile(r"[0-9a-f]{4,32}\Z")


def load_recordings(
    source: Source | Sequence[Source], *, exporter: str | None, is_lenient: bool
) -> list[RecordedRun]:
    """Return the recorded runs that are meant, each fit to be replayed.

    A text is a JSONL file that holds one run, `FILE:RUN`, or a run's id, the beginning of one or
    `last` in the file that `exporter` (`jsonl:PATH`) names, else in ./traces.jsonl.

    Raises:
        NotReplayableError: there is none, or it cannot be replayed.
        ConfigurationError: the source is nothing of the kind.

    """
    given = list(source) if _is_several(source) else [source]
    found: list[RecordedRun] = []
    for each in given:
        for run, problems in _load(each, exporter):
            check_recording(run, problems, is_lenient=is_lenient)
            found.append(run)
    if not found:
        raise NotReplayableError("there is no run to replay: the source is empty")
    return found


def _is_several(source: object) -> TypeIs[Sequence[Source]]:
    return isinstance(source, Sequence) and not isinstance(source, str | Recording)


def _load(source: Source, exporter: str | None) -> list[tuple[RecordedRun, list[Problem]]]:
    if isinstance(source, RecordedRun):
        return [(source, [])]
    if isinstance(source, Recording):
        return [(run, source.problems) for run in source.runs]
    if not isinstance(source, str | os.PathLike):
        raise ConfigurationError(
            f"a replay's source is a run, a recording, a file or a run's id, not "
            f"{type(source).__name__}"
        )
    path, wanted = _find_file(os.fspath(source), exporter)
    with FileSource(path) as file:
        try:
            run = file.load_run(resolve_recording(file, wanted))
        except RecordingError as error:
            why = [f"line {each.line}: {each.message}" for each in file.problems[:1]]
            raise NotReplayableError("; ".join([str(error), *why])) from error
        return [(run, list(file.problems))]


def _find_file(text: str, exporter: str | None) -> tuple[str, str | None]:
    """Return a file and which of its runs; None for the only one."""
    if Path(text).expanduser().is_file():
        return text, None
    path, _, run = text.rpartition(":")
    if path and run and Path(path).expanduser().is_file():
        return path, run
    if text != LAST and not _RUN_ID.match(text.lower()):
        raise NotReplayableError(f"there is no recording {text}: neither a file nor a run's id")
    name, _, target = (exporter or "").partition(":")
    found = target if name.strip() == "jsonl" and target else DEFAULT_FILE
    if not Path(found).expanduser().is_file():
        raise NotReplayableError(
            f"there is no file {found} to look for run {text} in; give the recording's file"
        )
    return found, text
