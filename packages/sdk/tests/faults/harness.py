"""Children, sinks and real servers as processes, each ended by its own id; and the drain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

from .judge import WINDOW_NS, Circumstances, Verdict, judge
from .plan import Plan
from .side_file import read_side_files
from .sightings import Sightings, join, read_database, read_lines
from .sink import STORED, Order
from .switches import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

TESTS: Final = Path(__file__).resolve().parents[1]
DEADLINE_S: Final = 60.0
"""When the harness gives up on a process: a hang, not a measure."""

_QUIET_S: Final = 1.5
_HASTE: Final = 10
_HEIRS: Final = 2
_POLL_S: Final = 0.01
_SHOWN_CHARS: Final = 2_000


class Hang(AssertionError):  # noqa: N818 -- it is what it is called
    """A process did not do in time what it had to."""


def wait_until(condition: Callable[[], bool], *, what: str, timeout_s: float = DEADLINE_S) -> None:
    """Wait for a condition that another process brings about; raises `Hang` at the deadline."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            raise Hang(f"{what}: not within {timeout_s:g} s")
        pause.wait(_POLL_S)


class Program:
    """A process whose lines of output can be waited for."""

    def __init__(self, command: list[str], *, env: dict[str, str], errors: Path) -> None:
        self._errors = errors
        with errors.open("ab") as file:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, env=env
            )
        self.pid = self.process.pid
        self.lines: list[str] = []
        self._has_ended = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with _open(self.process.stdout) as output:
            for line in output:
                with self._news:
                    self.lines.append(line.decode().rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._has_ended = True
            self._news.notify_all()

    def wait_for(self, word: str, *, count: int = 1, timeout_s: float = DEADLINE_S) -> None:
        """Wait for that many lines that begin with `word`; raises `Hang`."""

        def is_there() -> bool:
            return sum(line.startswith(word) for line in self.lines) >= count

        with self._news:
            self._news.wait_for(lambda: self._has_ended or is_there(), timeout_s)
            if not is_there():
                raise Hang(f"no {count} lines {word!r} in {self.lines[-5:]}; {self.read_errors()}")

    def wait_for_more(self, word: str, count: int) -> None:
        """Wait for that many lines more that begin with `word`."""
        before = sum(line.startswith(word) for line in list(self.lines))
        self.wait_for(word, count=before + count)

    def order(self, text: str) -> None:
        """Write one line to its standard input."""
        stdin = _open(self.process.stdin)
        stdin.write(text.encode() + b"\n")
        stdin.flush()

    def release(self) -> None:
        """End its standard input: what it waits for."""
        _open(self.process.stdin).close()

    def send(self, number: signal.Signals) -> int:
        """Send it a signal; return the moment before, of the monotonic clock in ns."""
        moment_ns = time.monotonic_ns()
        self.process.send_signal(number)
        return moment_ns

    def wait(self, *, timeout_s: float = DEADLINE_S) -> int:
        """Return its exit code; raises `Hang`, after its end, when it does not end by itself."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.close()
            raise Hang(f"process did not end in {timeout_s:g} s; {self.read_errors()}") from None
        self._reader.join(timeout_s)
        return code

    @property
    def has_ended(self) -> bool:
        """Whether the process is no more."""
        return self.process.poll() is not None

    def read_errors(self) -> str:
        """Return what it has written to standard error."""
        return self._errors.read_text(errors="replace")[-_SHOWN_CHARS:]

    def close(self) -> None:
        """End it, if it is still there."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is self.process.stdout:
                self._reader.join(1)  # a child of its own may hold the pipe
            if pipe is not None and not (pipe is self.process.stdout and self._reader.is_alive()):
                try:
                    pipe.close()
                except OSError:  # what was written to a process that is gone
                    continue


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


class SinkProgram(Program):
    """The scripted server."""

    def __init__(self, folder: Path, *, env: dict[str, str], port: int = 0) -> None:
        command = [sys.executable, "-m", "faults.sink", os.fspath(folder), str(port)]
        super().__init__(command, env=env, errors=folder / "sink.err")
        self.stored = folder / STORED
        self.wait_for('{"port"')
        self.port = int(json.loads(self.lines[0])["port"])
        self.endpoint = f"http://127.0.0.1:{self.port}/api"

    def obey(self, mode: str, **details: Any) -> None:
        """Let it behave like this from now on; returns when it does."""
        before = sum(line.startswith('{"order"') for line in self.lines)
        self.order(json.dumps(Order(mode, **details)._asdict()))
        self.wait_for('{"order"', count=before + 1)

    def requests(self) -> list[dict[str, Any]]:
        """Return what it said of each request so far."""
        return [json.loads(line) for line in self.lines if line.startswith('{"mode"')]

    def wait_for_requests(self, count: int) -> None:
        """Wait until it was sent that many requests."""
        self.wait_for('{"mode"', count=count)


class Child(Program):
    """A recorded program; `name` is how its own process is called in its side files."""

    def __init__(self, plan: Plan, *, env: dict[str, str], errors: Path) -> None:
        # Not `-m`, which turns an interrupt into another exit code.
        command = [sys.executable, "-c", "from faults.child import main; main()", plan.write()]
        super().__init__(command, env=env, errors=errors)
        self.name = f"{plan.name}-{self.pid}"


class Stage:
    """One scenario's folder, settings and processes.

    `off` are the protections that its children do without; those that drain have them all.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: dict[str, str] | None = None,
        off: tuple[str, ...] = (),
        window_ns: int = WINDOW_NS,
    ) -> None:
        self.folder = folder
        self.off = off
        # Without a protection something is missing for good: whoever waits for it waits in vain.
        self._deadline_s = DEADLINE_S if not off else DEADLINE_S / _HASTE
        self._quiet_s = _QUIET_S if not off else _QUIET_S / _HASTE
        self.window_ns = window_ns
        self.side_files = folder / "side"
        self.side_files.mkdir(parents=True)
        self.state = folder / "state"
        self.settings = settings or {}
        self.killed_ns: dict[str, int] = {}
        self.complaints: list[str] = []
        self.exit_s = 0.0
        self.damaged = self.torn = 0
        self.stored: list[Callable[[], Sightings]] = []
        self._programs: list[Program] = []
        self._names = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for program in reversed(self._programs):
            program.close()

    def make_environment(self, *, off: Iterable[str] = ()) -> dict[str, str]:
        """Return the environment of this scenario's processes: a home of their own."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("AGENTTRACE_")}
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TESTS), env.get("PYTHONPATH")]))
        home = os.fspath(self.state)
        taken_out = dict(SETTINGS[name] for name in off if name in SETTINGS)
        return {**env, "HOME": home, "XDG_STATE_HOME": home, **self.settings, **taken_out}

    def start_sink(self, *, port: int = 0) -> SinkProgram:
        """Start a scripted server, whose file counts as what is stored."""
        folder = self.folder / f"sink{len(self._programs)}"
        folder.mkdir()
        sink = SinkProgram(folder, env=self.make_environment(), port=port)
        self._programs.append(sink)
        self.stored.append(lambda: read_lines(sink.stored))
        return sink

    def start_server(self, *, port: int = 0) -> tuple[Program, str]:
        """Start the real server on this scenario's database; return it and its endpoint."""
        database = self.folder / "agenttrace.db"
        code = "from agenttrace_server.cli import main; main()"
        command = [sys.executable, "-c", code, "serve", "--port", str(port)]
        command += ["--database-url", f"sqlite:///{database}"]
        errors = self.folder / "server.err"
        server = Program(command, env=self.make_environment(), errors=errors)
        self._programs.append(server)
        server.wait_for("  Stop")
        (line,) = (line for line in server.lines if "Dashboard" in line)
        self.stored = [lambda: read_database(database)]
        return server, f"{line.split()[1]}/api"

    def start_child(self, exporter: str, *, ready: bool = True, **details: Any) -> Child:
        """Start a child with a plan of these details."""
        self._names += 1
        details = {"off": self.off, "folder": os.fspath(self.side_files), **details}
        plan = Plan(f"c{self._names}", exporter=exporter, **details)
        errors = self.folder / f"{plan.name}.err"
        child = Child(plan, env=self.make_environment(off=plan.off), errors=errors)
        self._programs.append(child)
        if ready:
            child.wait_for("ready")
        return child

    def kill(self, child: Child) -> None:
        """Kill -9; what it made just before may be missing."""
        moment_ns = child.send(signal.SIGKILL)
        self.killed_ns[child.name] = moment_ns
        child.wait()

    def end(self, child: Child, *, code: int = 0) -> None:
        """Wait for a child's end; complain of another exit code, of a traceback, of a hang."""
        try:
            found = child.wait(timeout_s=self._deadline_s)
        except Hang as hang:
            self.complaints.append(str(hang))
            return
        ended_ns = time.monotonic_ns()
        if found != code:
            self.complaints.append(f"exit code {found}, expected {code}; {child.read_errors()}")
        for actor in read_side_files(self.side_files):
            if actor.process == child.name and "ending" in actor.marks:
                self.exit_s = max(self.exit_s, (ended_ns - actor.marks["ending"]) / 1e9)

    def judge(self) -> Verdict:
        """Return the verdict on what is there now."""
        around = Circumstances(self.killed_ns, self.window_ns, self.damaged, self.torn)
        found = join([read() for read in self.stored])
        verdict = judge(read_side_files(self.side_files), found, around)
        return verdict._replace(
            complaints=(*verdict.complaints, *self.complaints), exit_s=self.exit_s
        )

    def drain(self, endpoint: str) -> Verdict:
        """Let later processes deliver what others left, until nothing more comes; judge then."""
        verdict = self.judge()
        if self.off and self.complaints:
            return verdict
        for _ in range(_HEIRS):
            if not verdict.lost and not verdict.silent and not verdict.window:
                break
            child = self.start_child(endpoint, runs=1, spans=1, flush_s=10.0, end="wait", off=())
            child.wait_for("done")
            verdict = self._wait_for_quiet()
            child.release()
            self.end(child)
            if not verdict.lost and not verdict.silent:
                break  # what is in the window may be nowhere
        return self.judge()

    def _wait_for_quiet(self) -> Verdict:
        """Wait until all is there, or nothing more has come for a while."""
        verdict = self.judge()
        changed_s = time.monotonic()
        pause = threading.Event()
        while verdict.lost or verdict.silent or verdict.window:
            share = 1.0 if verdict.lost or verdict.silent else 1 / _HASTE
            if time.monotonic() - changed_s > self._quiet_s * share:
                break
            pause.wait(0.05)
            found = self.judge()
            if found.stored > verdict.stored:
                changed_s = time.monotonic()
            verdict = found
        return verdict
