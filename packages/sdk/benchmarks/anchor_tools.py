"""How each record and replay tool is used, by its own documentation: one class for each.

    python packages/sdk/benchmarks/anchor_tools.py TOOL SCENE FOLDER record|replay

plays one scene in this process and prints what was seen as one line of JSON, `{"seen", "bodies"}`
or `{"error"}`. Recording and replaying are processes of their own, as they are for a user.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import importlib
import inspect
import json
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anchor_scenes import SCENES, Seen, Stage, Tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONCURRENT: Final = ("R3 gather", "R4 race")  # where another way of use changes something


class AgentTrace:
    """Ours: `@trace_tool`, and the file that the exporter wrote."""

    distribution = "agenttrace"
    scenes: tuple[str, ...] = tuple(SCENES)
    not_offered: Final[dict[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        from agenttrace import Tracer  # noqa: PLC0415 -- the other tools' interpreter has none

        self.path = folder / "run.jsonl"
        self.new = Tracer

    @contextmanager
    def open(self, mode: str) -> Iterator[Stage]:
        """Yield the stage of one run, recorded or replayed."""
        from agenttrace.wrappers import trace_tool  # noqa: PLC0415 -- as above

        name = self.path.name if mode == "record" else "replays.jsonl"
        tracer = self.new(exporter=f"jsonl:{self.path.with_name(name)}")
        stage = Stage(wrap=trace_tool(tracer))
        if mode == "record":
            with tracer.run("scene"):
                yield stage
        else:
            with tracer.replay(str(self.path)), tracer.run("scene"):
                yield stage
        tracer.shutdown()


class Reeltime:
    """`@tape.tool` within `tape.session()`, as its quick start has it."""

    distribution = "reeltime"
    scenes: tuple[str, ...] = tuple(SCENES)
    not_offered: Final[dict[str, str]] = {}
    spans = False
    strictness = "default"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tape = importlib.import_module("reeltime")

    @contextmanager
    def open(self, mode: str) -> Iterator[Stage]:
        """Yield the stage of one session."""
        stage = Stage(wrap=self.tape.tool)
        if self.spans:
            stage.apart = self.tape.span
        how: dict[str, Any] = {}
        if mode == "replay":
            runs = sorted((self.folder / "tape").rglob("*.jsonl"))  # by time: replays come after
            how = {"replay": runs[0].stem, "strictness": self.strictness}
        with self.tape.session(mode, tape_dir=self.folder / "tape", **how):
            yield stage


class ReeltimeSpans(Reeltime):
    """As it says of concurrent calls: each in a `tape.span()` of its own."""

    scenes = CONCURRENT
    spans = True


class ReeltimeStrict(Reeltime):
    """With `--strict`: only exact matches."""

    scenes = CONCURRENT
    strictness = "strict"


class AgentTape:
    """`@agenttape.tool` within `use_cassette`."""

    distribution = "agenttape"
    scenes: tuple[str, ...] = tuple(SCENES)
    not_offered: Final[dict[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tape = importlib.import_module("agenttape")

    @contextmanager
    def open(self, mode: str) -> Iterator[Stage]:
        """Yield the stage of one cassette."""
        how = "record" if mode == "record" else "none"
        with self.tape.use_cassette("scene", mode=how, cassette_dir=self.folder):
            yield Stage(wrap=self.tape.tool)


class Vcr:
    """HTTP only: each tool is a POST to a local server, and the cassette has its defaults."""

    distribution = "vcrpy"
    scenes: tuple[str, ...] = tuple(SCENES)
    match_on: tuple[str, ...] = ("method", "scheme", "host", "port", "path", "query")
    not_offered: Final[dict[str, str]] = {
        "R10 types": "HTTP bodies, no values",
        "R11 errors": "HTTP bodies, no exceptions",
    }

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vcr = importlib.import_module("vcr")
        self.httpx = importlib.import_module("httpx")

    @contextmanager
    def open(self, mode: str) -> Iterator[Stage]:
        """Yield the stage of one cassette; while replaying, the server stands as it was."""
        tools: dict[str, Tool] = {}
        port = self.folder / "port"
        kept = int(port.read_text()) if port.exists() else 0
        with serve(tools, kept) as url:
            port.write_text(url.rpartition(":")[2])
            stage = Stage(wrap=lambda tool: self._ask(url, tools, tool))
            with self.vcr.use_cassette(
                str(self.folder / "scene.yaml"),
                record_mode="once" if mode == "record" else "none",
                match_on=self.match_on,
            ):
                yield stage

    def _ask(self, url: str, tools: dict[str, Tool], tool: Tool) -> Tool:
        name = tool.__name__
        tools[name] = tool

        @functools.wraps(tool)
        async def ask(*args: object) -> object:
            async with self.httpx.AsyncClient() as client:
                answer = await client.post(f"{url}/{name}", json=args)
                return answer.raise_for_status().json()

        async def listen(*args: object) -> Any:
            async with (
                self.httpx.AsyncClient() as client,
                client.stream("POST", f"{url}/{name}", json=args) as answer,
            ):
                try:
                    async for chunk in answer.aiter_text():
                        yield chunk
                except self.httpx.RemoteProtocolError as error:
                    raise RuntimeError("line cut") from error

        return listen if inspect.isasyncgenfunction(tool) else ask


class VcrBody(Vcr):
    """With the body among what must match."""

    scenes = CONCURRENT
    match_on = (*Vcr.match_on, "body")


class QuietServer(ThreadingHTTPServer):
    """Says nothing of a client that is gone: a cancelled call ends its connection."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Leave it to the client, which tells what it saw."""


@contextmanager
def serve(tools: dict[str, Tool], port: int) -> Iterator[str]:
    """Serve the tools by name on 127.0.0.1; a stream that breaks ends without its last chunk."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            args = json.loads(self.rfile.read(int(self.headers["content-length"])))
            tool = tools[self.path[1:]]
            self.send_response(200)
            if inspect.isasyncgenfunction(tool):
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                asyncio.run(self._send_chunks(tool, args))
                return
            body = json.dumps(asyncio.run(tool(*args))).encode()
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        async def _send_chunks(self, tool: Tool, args: list[object]) -> None:
            try:
                async for chunk in tool(*args):
                    data = str(chunk).encode()
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            except RuntimeError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: the table is what is printed."""

    with QuietServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


TOOLS: Final[dict[str, type[AgentTrace | Reeltime | AgentTape | Vcr]]] = {
    "AgentTrace": AgentTrace,
    "reeltime": Reeltime,
    "reeltime, a span a worker": ReeltimeSpans,
    "reeltime, strict": ReeltimeStrict,
    "agenttape": AgentTape,
    "vcrpy": Vcr,
    "vcrpy, body matched": VcrBody,
}


def play(tool: str, scene: str, folder: Path, mode: str) -> dict[str, object]:
    """Return what was seen; one call for both modes, so that call sites are the same."""
    stages: list[Stage] = []
    try:
        with TOOLS[tool](folder).open(mode) as stage:
            stages.append(stage)
            seen: Seen = asyncio.run(_run(SCENES[scene], stage))
    except BaseException as error:  # noqa: BLE001 -- whatever it is, it is the answer
        words = " ".join(str(error).split())
        return {"error": f"{type(error).__name__} {words}".strip(), "bodies": _count(stages)}
    return {"seen": seen, "bodies": _count(stages)}


async def _run(scene: Callable[[Stage], Any], stage: Stage) -> Seen:
    seen: Seen = await asyncio.wait_for(scene(stage), timeout=20)
    return seen


def _count(stages: list[Stage]) -> int:
    return sum(len(stage.bodies) for stage in stages)


def main() -> None:
    """Play one scene, print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("scene", choices=SCENES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("mode", choices=("record", "replay"))
    options = parser.parse_args()
    heard = play(options.tool, options.scene, options.folder, options.mode)
    sys.stdout.write(json.dumps(heard) + "\n")


if __name__ == "__main__":
    main()
