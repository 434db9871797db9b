"""A program that is recorded, and that tests kill.

It says a word a line on standard output: `ready` when it begins, `run` after each run, `safe` when
the recorder has all so far in safety, `done` when its work is over.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import switches
from .judge import ABRUPT
from .plan import Plan, read_plan
from .side_file import Entry
from .workload import Workload, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess

    from agenttrace import Tracer

HANDLED_EXIT: Final = 3
SYS_EXIT: Final = 7
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_AFTER_THE_RECORDER: Final = 1  # multiprocessing's finalizers of higher priority run first


class _Inherited:
    """What a forked child finds of its parent's."""

    tracer: Tracer | None = None


def main() -> None:
    """Do what the plan on the command line says."""
    plan = read_plan(sys.argv[1])
    _set_signals(plan)
    for module in plan.imports:
        import_module(module)
    report = _Report()
    atexit.register(report.write)  # before the recorder's own hook, so it runs after that
    tracer = make_tracer(plan)
    _Inherited.tracer = tracer
    work = Workload(plan, tracer, Path(plan.folder))
    report.follow(work, tracer)
    if plan.signals == "late":
        _handle_signals()
    say("ready")
    if plan.signals == "asyncio":
        import asyncio

        asyncio.run(_work_in_loop(work))
    else:
        _work(plan, tracer, work)
    if plan.flush_s:
        if tracer.flush(timeout_s=plan.flush_s):
            work.settle(0)
        work.file.mark("flushed")
    if plan.settle_s:
        say("settled" if work.settle(plan.settle_s) else "unsettled")
    if plan.measures_memory:
        work.report_memory()
    work.file.save_stats(tracer)
    say("done")
    _end(plan, work)


class _Report:
    """Writes the last accounts of this process, after the recorder's own end."""

    def __init__(self) -> None:
        self._write: Callable[[], None] | None = None

    def follow(self, work: Workload, tracer: Tracer) -> None:
        """Report on this tracer in the child's side file."""
        pid = os.getpid()

        def write() -> None:
            if os.getpid() == pid:
                work.file.save_stats(tracer)
                work.file.mark("closed")

        self._write = write

    def write(self) -> None:
        """Write the accounts."""
        if self._write is not None:
            self._write()


def make_tracer(plan: Plan) -> Tracer:
    """Return a tracer as a program makes one, without the protections that are switched off."""
    from agenttrace import Tracer

    switches.turn_off(plan.off)
    tracer = Tracer()
    if plan.exporter:
        tracer.set_exporter(plan.exporter)
    switches.turn_off_late(plan.off)
    return tracer


def _set_signals(plan: Plan) -> None:
    for number in SIGNALS:  # what nohup or a shell's background job has ignored stays so otherwise
        is_interrupt = number is signal.SIGINT
        signal.signal(number, signal.default_int_handler if is_interrupt else signal.SIG_DFL)
    if plan.signals == "handler":
        _handle_signals()
    elif plan.signals == "ignored":
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _handle_signals() -> None:
    def leave(_number: int, _frame: object) -> None:
        say("handled")
        sys.exit(HANDLED_EXIT)

    for number in SIGNALS:
        signal.signal(number, leave)


async def _work_in_loop(work: Workload) -> None:
    """Record until the loop's own handler hears a signal."""
    import asyncio

    stopped = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    count = 0
    while not stopped.is_set():
        work.record_run(count)
        count += 1
        await asyncio.sleep(0)
    say("handled")
    sys.exit(HANDLED_EXIT)


def _work(plan: Plan, tracer: Tracer, work: Workload) -> None:
    if plan.stays_open:
        token = f"r.{work.file.actor}.open"
        work.file.attempt([Entry(token, "s")])
        with tracer.run(token):
            work.file.take_return(token, "s")
            work.record_all()
            say("open")
            sys.stdin.read()
        return
    threads = [
        threading.Thread(target=lambda: Workload(plan, tracer, Path(plan.folder)).record_all())
        for _ in range(plan.threads - 1)
    ]
    for thread in threads:
        thread.start()
    if plan.start_method == "os.fork":
        _fork(plan, tracer)
    work.record_all()
    for thread in threads:
        thread.join()
    if plan.start_method and plan.start_method != "os.fork":
        _multiply(plan)


def _fork(plan: Plan, tracer: Tracer) -> None:
    """Fork children one after the other, while the threads of this process record."""
    own = plan._replace(name=f"{plan.name}_fork", threads=1, runs=2)
    codes = []
    for _ in range(plan.processes):
        pid = os.fork()
        if pid == 0:
            try:
                _record_forked(own, tracer)
            finally:
                os._exit(1)
        codes.append(os.waitpid(pid, 0)[1])
    say(f"forked {sum(map(bool, codes))}")


def _record_forked(plan: Plan, tracer: Tracer) -> None:
    work = Workload(plan, tracer, Path(plan.folder))
    work.record_all()
    if plan.flush_s:
        tracer.flush(timeout_s=plan.flush_s)
        work.settle(0)
        work.file.save_stats(tracer)
    else:
        work.file.mark(ABRUPT)
    os._exit(0)


def _multiply(plan: Plan) -> None:
    import multiprocessing  # not above: the recorder ends otherwise where it is imported

    own = plan._replace(name=f"{plan.name}_{plan.start_method}", threads=1, processes=0)
    if plan.start_method == "pool":
        context = multiprocessing.get_context("fork")
        with context.Pool(2, maxtasksperchild=1) as pool:
            pool.map(record_as_process, [own] * plan.processes, chunksize=1)
            pool.close()
            pool.join()
        return
    kind: type[BaseProcess] = multiprocessing.get_context(plan.start_method).Process  # type: ignore[attr-defined]  # each context has its own
    processes = [kind(target=record_as_process, args=(own,)) for _ in range(plan.processes)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    say(f"joined {sum(bool(process.exitcode) for process in processes)}")


def record_as_process(plan: Plan) -> None:
    """Record in a process of multiprocessing's, and write its accounts after the recorder's end."""
    from multiprocessing import util

    tracer = _Inherited.tracer or make_tracer(plan)
    work = Workload(plan, tracer, Path(plan.folder))
    util.Finalize(None, work.file.save_stats, args=(tracer,), exitpriority=_AFTER_THE_RECORDER)
    work.record_all()


def _end(plan: Plan, work: Workload) -> None:
    if plan.end == "wait":
        sys.stdin.read()
    work.file.mark("ending")
    if plan.end == "os_exit":
        work.file.mark(ABRUPT)
        os._exit(0)
    if plan.end == "sys_exit":
        sys.exit(SYS_EXIT)
    if plan.end == "raise":
        raise RuntimeError("the program fails")
