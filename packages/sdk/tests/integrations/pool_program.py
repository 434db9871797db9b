"""A program whose work is done by other processes: run with a start method and a folder."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from agenttrace import Tracer
from agenttrace.integrations import processes
from agenttrace.wrappers import trace_tool

FOLDER = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(os.environ["RECORDS"])
tracer = Tracer(exporter=f"jsonl:{FOLDER / f'{os.getpid()}.jsonl'}")


@trace_tool(tracer)
def square(number: int) -> int:
    """Do a pool's job."""
    return inner(number) ** 2


@trace_tool(tracer)
def inner(number: int) -> int:
    """Do a part of it."""
    return number


class Runner(multiprocessing.Process):
    """A process whose class says what it does; it is of the default start method."""

    def run(self) -> None:
        """Do something of its own."""
        square(10)


def main(method: str) -> None:
    """Do the work in every way there is, and print what the records are to be like."""
    os.environ["RECORDS"] = str(FOLDER)
    multiprocessing.set_start_method(method)
    original = ProcessPoolExecutor.submit, multiprocessing.process.BaseProcess.start
    processes.instrument(tracer)
    processes.instrument(tracer)
    with tracer.run("first") as run, ProcessPoolExecutor(2) as pool:
        with tracer.span("map") as mapped:
            assert list(pool.map(square, (1, 2, 3))) == [1, 4, 9]
        with tracer.span("submit") as submitted:
            assert pool.submit(square, 4).result() == 16
        with tracer.run("other") as other:
            assert pool.submit(square, 5).result() == 25
        with tracer.span("process") as started:
            child = multiprocessing.Process(target=square, args=(6,))
            runner = Runner()
            for process in (child, runner):
                process.start()
                assert "run" not in vars(process)
                process.join()
                assert process.exitcode == 0
    with ProcessPoolExecutor(1) as pool:
        assert pool.submit(tracer.propagate(square), 7).result() == 49
    processes.uninstrument(tracer)
    assert original == (ProcessPoolExecutor.submit, multiprocessing.process.BaseProcess.start)
    parents = {"1": mapped, "2": mapped, "3": mapped, "4": submitted, "6": started, "10": started}
    expected = {number: [run.run_id, span.span_id] for number, span in parents.items()}
    sys.stdout.write(json.dumps({**expected, "5": [other.run_id, None], "7": [None, None]}))


if __name__ == "__main__":
    main(sys.argv[1])
