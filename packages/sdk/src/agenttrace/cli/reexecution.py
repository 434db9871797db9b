"""What `agenttrace replay … -- PROGRAM` does: fetch a recording, run the program, report."""

from __future__ import annotations

import tempfile
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import typer

from agenttrace.cli.filters import Wanted as WantedRuns
from agenttrace.cli.output import EXIT_CANNOT_START, EXIT_NO_DATA, Screen, warn
from agenttrace.cli.replay_text import write_report
from agenttrace.cli.shapes import print_json
from agenttrace.cli.sources import RunFinder, find_file, is_url
from agenttrace.cli.targets import replace_file
from agenttrace.errors import ConfigurationError
from agenttrace.replay.errors import EXIT_NOT_REPLAYABLE, NotReplayableError
from agenttrace.replay.freezing import read_kinds
from agenttrace.replay.integrity import check_recording
from agenttrace.replay.plans import read_new_runs
from agenttrace.replay.policy import DEFAULT_EFFECTS, Policy
from agenttrace.replay.programs import Ended, Recordings, replay_program
from agenttrace.trace import FileSource
from agenttrace.trace.sources import RecordingError, RunNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.trace import RecordedRun
    from agenttrace.trace.sources import RunSource

_ANY: Final = WantedRuns(
    statuses=frozenset(),
    names=(),
    tags=frozenset(),
    correlation_ids=frozenset(),
    since_ns=None,
    has_error=None,
)
_MAX_COMPANIONS: Final = 32
_MAX_SEEN: Final = 1_000


class Wanted(NamedTuple):
    """Which runs are replayed by which program, and the file for the new runs."""

    runs: Sequence[str]
    file: str | None
    program: Sequence[str]
    output: str | None
    as_json: bool


def replay_command(wanted: Wanted, given: dict[str, Any]) -> int:
    """Replay a program and tell the report; return the exit code.

    Raises:
        ConfigurationError: an option cannot be meant.
        RecordingError: there is no folder for the new runs.

    """
    options = read_options(given)
    runs, file, program, output, as_json = wanted
    if output is not None:
        check_output(Path(output), runs, find_file(file))
    with tempfile.TemporaryDirectory(prefix="agenttrace-replay-") as name:
        folder = Path(name)
        try:
            recordings = fetch_recordings(runs, file, folder, mode=options["mode"])
        except (NotReplayableError, RecordingError) as error:
            code = EXIT_NO_DATA if _is_of_server(error, file) else EXIT_NOT_REPLAYABLE
            return _refuse(str(error), code, as_json=as_json)
        try:
            ended = replay_program(program, recordings, options, folder, has_own_output=not as_json)
        except OSError as error:
            return _refuse(describe_start(program, error), EXIT_CANNOT_START, as_json=as_json)
        tell_reports(ended, as_json=as_json)
        if output is not None:
            try:
                write_new_runs(folder, Path(output))
            except OSError as error:  # what the replay came to says more
                warn(f"cannot write {output}: {error.strerror or error}")
                return ended.exit_code or EXIT_NO_DATA
    return ended.exit_code


def check_output(output: Path, runs: Sequence[str], file: str) -> None:
    """Refuse a file for the new runs that is what is replayed, or that has no folder.

    Raises:
        RecordingError: there is no folder.
        typer.BadParameter: it is what is replayed.

    """
    if not output.parent.is_dir():
        raise RecordingError(f"cannot write {output}: there is no folder {output.parent}")
    for each in (file, *runs, *(run.rpartition(":")[0] for run in runs)):
        path = Path(each).expanduser()
        if each and path.is_file() and output.exists() and path.samefile(output):
            raise typer.BadParameter(
                f"{output} is what is replayed; write to another file", param_hint="'--output'"
            )


def write_new_runs(folder: Path, output: Path) -> None:
    """Write what the program recorded into a file, which is replaced when all is there.

    Raises:
        OSError: when it cannot be written.

    """
    with replace_file(output) as file:
        for line in read_new_runs(folder):
            file.write(line)


def _is_of_server(error: Exception, file: str | None) -> bool:
    """Tell whether a server was the obstacle, and not the run that was asked for."""
    is_missing = isinstance(error, NotReplayableError | RunNotFoundError)
    return file is not None and is_url(file) and not is_missing


def _refuse(message: str, code: int, *, as_json: bool) -> int:
    if as_json:
        print_json({"error": message, "exitCode": code})
    warn(message)
    return code


def describe_start(program: Sequence[str], error: OSError) -> str:
    """Return that a program cannot be started, and why."""
    return f"cannot start {program[0]}: {error.strerror or error}"


def read_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return what the options of a command are to `tracer.replay()`.

    Raises:
        ConfigurationError: for one that cannot be meant; before anything runs.

    """
    allow_io = given.get("allow_io") or []
    options = {
        "mode": given["mode"],
        "live": given.get("live") or [],
        "descend": given.get("descend") or [],
        "allow_effects": [*DEFAULT_EFFECTS, *(given.get("allow") or [])],
        "max_live_calls": given.get("max_live_calls"),
        "max_live_cost": given.get("max_live_cost"),
        "on": dict(map(_read_answer, given.get("on") or [])),
    }
    Policy(**options)
    rest = {
        "ignore": given.get("ignore") or [],
        "mask": given.get("mask") or [],
        "live_from": _read_step(given.get("live_from")),
        "stream_timing": _read_timing(given.get("stream_timing") or "zero"),
        "guard_io": "*" not in allow_io and ({"allow": allow_io} if allow_io else True),
        "freeze": _read_freeze(given.get("freeze")),
    }
    return {**options, **rest}


def _read_answer(text: str) -> tuple[str, str]:
    kind, separator, action = text.partition("=")
    if not separator:
        raise ConfigurationError(f"--on {text!r}; expected KIND=ACTION, as input_changed=warn")
    return kind, action


def _read_step(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdigit() and len(text) < _ID_CHARS else text


_ID_CHARS: Final = 16


def _read_timing(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _read_freeze(text: str | None) -> list[str] | None:
    if text is None:
        return None
    names = [] if text == "none" else [each.strip() for each in text.split(",")]
    return sorted(read_kinds(names))


def fetch_recordings(
    runs: Sequence[str], file: str | None, folder: Path, *, mode: str
) -> Recordings:
    """Write the lines of each run into a file of `folder`: the replay itself needs no server.

    Other runs of their workflows go along as companions, the nearest in time first: the program may
    begin those as well.

    Raises:
        RecordingError: when one cannot be found or read.
        NotReplayableError: when one cannot be replayed.

    """
    is_lenient = mode in {"lenient", "cache"}
    found = Recordings([], [])
    with closing(RunFinder(file)) as finder:
        main = [finder.find_recording(run) for run in runs]
        seen = {run_id for _, run_id in main}
        if len(seen) < len(main):
            raise NotReplayableError("the same run is named twice; name each once")
        for source, run_id in main:
            recorded = source.load_run(run_id)
            check_recording(recorded, source.problems, is_lenient=is_lenient)
            found.main.append(_fetch(source, run_id, folder))
            for each in _find_companions(source, recorded):
                companion = None if each in seen else source.load_run(each)
                seen.add(each)
                if companion is not None and _is_companion(companion, is_lenient=is_lenient):
                    found.companions.append(_fetch(source, each, folder))
    return found


def _fetch(source: RunSource, run_id: str, folder: Path) -> Path:
    path = folder / f"{run_id}.jsonl"
    with path.open("wb") as bundle:
        for line in source.read_lines(run_id):
            bundle.write(line + b"\n")
    return path


def _is_companion(run: RecordedRun, *, is_lenient: bool) -> bool:
    if run.replayed_from is not None:
        return False
    try:
        check_recording(run, (), is_lenient=is_lenient)
    except NotReplayableError:
        return False
    return True


def _find_companions(source: RunSource, run: RecordedRun) -> list[str]:
    """Return the ids of other runs that share the run's correlation id, the nearest first."""
    wanted = run.correlation_id
    if wanted is None:
        return []
    if isinstance(source, FileSource):
        found = [each for each in source.summarize_runs() if each.correlation_id == wanted]
    else:
        from agenttrace.cli.server import ServerSource  # noqa: PLC0415 -- files need no HTTP client

        assert isinstance(source, ServerSource)
        found = list(
            islice(
                source.iterate_summaries(_ANY._replace(correlation_ids=frozenset({wanted}))),
                _MAX_SEEN,
            )
        )
    found = [each for each in found if each.run_id != run.run_id]
    found.sort(key=lambda each: abs(each.start_ns - run.start_ns))
    return [each.run_id for each in found[:_MAX_COMPANIONS]]


def tell_reports(ended: Ended, *, as_json: bool) -> None:
    """Print what a replay came to: on standard error, or as JSON on standard output."""
    if as_json:
        shown: Any = ended.reports[0] if len(ended.reports) == 1 else {"reports": ended.reports}
        print_json({**shown, "exitCode": ended.exit_code, "programExitCode": ended.code})
    screen = Screen(is_error=True)
    for report in ended.reports:
        if "error" in report:
            warn(report["error"])
        elif not as_json:
            screen.write(write_report(report, screen))
    if not ended.reports:
        warn(
            "nothing was replayed: the program made no agenttrace.Tracer, or was ended before its "
            "time; is agenttrace installed for its Python?"
        )
