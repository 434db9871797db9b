"""The contract of exporters: every record is accounted for, whatever the destination answers."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from agenttrace.errors import ConfigurationError
from agenttrace.pipeline.batch import RecordBatch, encode_records
from agenttrace.pipeline.export import ExportResult
from agenttrace.plugins.calls import describe_error
from agenttrace.plugins.checks.caller import GRACE_S, Caller
from agenttrace.plugins.checks.samples import identify, make_runs
from agenttrace.wire import rank_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from agenttrace.pipeline.export import Exporter
    from agenttrace.plugins.checks.findings import Findings
    from agenttrace.plugins.specs import ExporterSpec
    from agenttrace.wire import Record

Answer: TypeAlias = Literal["ok", "retry", "reject"]
Identity: TypeAlias = tuple[object, ...]

BATCHES: Final = 20
FLUSH_EVERY: Final = 7
DEADLINE_S: Final = 2.0
MAX_ATTEMPTS: Final = 50
_NAME: Final = re.compile(r"[^\s:]+")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where an exporter under test sends its records: the author's stand-in for the real thing.

    `target` is what the factory is given. `read()` returns the records that have arrived, in any
    order; of a run or span all snapshots, or the best. `answer(how)` makes the destination take
    what comes (`"ok"`), fail for now (`"retry"`), or refuse for good (`"reject"`). A destination
    that cannot be read, or cannot fail, has None; then so much less is known.
    """

    target: str
    read: Callable[[], Iterable[Mapping[str, object]]] | None = None
    answer: Callable[[Answer], None] | None = None


def check_exporters(
    specs: Iterable[ExporterSpec],
    destinations: Mapping[str, Destination],
    *,
    findings: Findings,
) -> None:
    """Check each exporter's names, its factory, and what it does with its author's destination."""
    known = set()
    for spec in specs:
        known.add(spec.name)
        where = f"exporter {spec.name}"
        _check_names(where, spec, findings)
        _check_empty_target(where, spec, findings)
        destination = destinations.get(spec.name)
        if destination is None:
            findings.add(
                where,
                "nothing was sent with it",
                f"pass destinations={{{spec.name!r}: Destination(target=…, read=…)}}",
            )
        else:
            _try_exporter(where, spec, destination, findings)
    for name in sorted(destinations.keys() - known):
        findings.add(f"destination {name}", "the plugin has no such exporter", "correct its name")


def _check_names(where: str, spec: ExporterSpec, findings: Findings) -> None:
    if not _NAME.fullmatch(spec.name):
        findings.add(where, "no text can pick this name", "leave out colons and spaces")
    for scheme in spec.schemes:
        if not _SCHEME.fullmatch(scheme):
            findings.add(
                where,
                f"no text can begin with the scheme {scheme!r}",
                "write lower-case letters, digits, +, . and -, without '://'",
            )


def _check_empty_target(where: str, spec: ExporterSpec, findings: Findings) -> None:
    try:
        exporter = spec.factory("", api_key=None)
    except ConfigurationError:
        return  # it needs a target, and says so
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 -- a plugin's factory may raise anything
        findings.add(
            where,
            f"without a target, or with options, its factory raised {describe_error(error)}",
            "take (target, **options), and raise ConfigurationError for a target that cannot be "
            "meant",
        )
        return
    if hasattr(exporter, "shutdown"):
        with findings.catch(where, "shutdown() before any export()", "release what there is"):
            Caller().call(partial(exporter.shutdown, timeout_s=DEADLINE_S))


def _try_exporter(
    where: str, spec: ExporterSpec, destination: Destination, findings: Findings
) -> None:
    """Send records through all answers that a destination may give."""
    mixed: list[Answer] = ["ok", "ok", "retry", "reject"]
    choose = random.Random(1).choice  # noqa: S311 -- the same trial each time
    scenarios: dict[str, Iterator[Answer]] = {"everything is taken": _repeat("ok")}
    if destination.answer is not None:
        scenarios |= {
            "every other attempt fails for now": _take_turns("retry", "ok"),
            "everything is refused": _repeat("reject"),
            "the answers are mixed": (choose(mixed) for _ in range(BATCHES * MAX_ATTEMPTS)),
        }
    for number, (title, answers) in enumerate(scenarios.items()):
        place = f"{where}, when {title}"
        with findings.catch(place, "it", "answer with an ExportResult in time"):
            trial = _Trial(place, spec, destination, findings)
            trial.run(make_runs(BATCHES, first=1 + number * BATCHES), answers)
    if destination.answer is not None:
        destination.answer("ok")


class _Trial:
    """A new exporter before a destination that answers in one way."""

    def __init__(
        self, where: str, spec: ExporterSpec, destination: Destination, findings: Findings
    ) -> None:
        self._where = where
        self._destination = destination
        self._findings = findings
        self._caller = Caller()
        self._exporter: Exporter = spec.factory(destination.target, api_key=None)
        self._sent: dict[Identity, Mapping[str, object]] = {}
        self._delivered: set[Identity] = set()
        self._rejected: set[Identity] = set()

    def run(self, batches: list[list[Record]], answers: Iterator[Answer]) -> None:
        """Send the batches, then some again, and compare what was said with what arrived."""
        for number, batch in enumerate(batches, 1):
            self._deliver(batch, answers)
            if number % FLUSH_EVERY == 0:
                self._flush()
        for batch in batches[:3]:
            if self._delivered.issuperset(map(identify, batch)):
                # After a crash or a lost answer the same batch comes again.
                self._deliver(batch, _repeat("ok"))
                # And what a file held may come last: it must not hide what is newer.
                self._deliver(batch[:2], _repeat("ok"))
        self._flush()
        self._close()
        self._balance()
        self._caller.close()

    def _deliver(self, batch: list[Record], answers: Iterator[Answer]) -> None:
        """Send one batch as a pipeline does: again and again while the exporter asks for it."""
        for record in batch:
            _keep_best(self._sent, record)
        lines = encode_records(batch)
        answer: Answer = "ok"
        for _ in range(MAX_ATTEMPTS):
            answer = next(answers)
            self._answer(answer)
            result: object = self._caller.call(partial(self._exporter.export, RecordBatch(lines)))
            if not isinstance(result, ExportResult):
                raise TypeError(f"export() returned {type(result).__name__}, not an ExportResult")
            if result.kind != "retry":
                self._settle(batch, result)
                return
            if answer == "reject":
                break
        state = "refuses for good" if answer == "reject" else "takes everything at last"
        self._findings.add(
            self._where,
            f"it asks again for a batch that the destination {state}",
            "answer REJECTED({position: reason}) for what will never be taken, RETRY only for what "
            "may be taken later",
        )

    def _settle(self, batch: list[Record], result: ExportResult) -> None:
        outside = [index for index in result.reasons if not 0 <= index < len(batch)]
        if outside:
            self._findings.add(
                self._where,
                f"it rejected the positions {outside} of a batch of {len(batch)}",
                "count from 0 within the batch",
            )
        for index, record in enumerate(batch):
            chosen = self._rejected if index in result.reasons else self._delivered
            chosen.add(identify(record))

    def _flush(self) -> None:
        self._answer("ok")
        flush = getattr(self._exporter, "flush", None)
        if flush is None:
            return
        answer = self._caller.call(
            partial(flush, timeout_s=DEADLINE_S), timeout_s=DEADLINE_S + GRACE_S
        )
        if answer is not True and (type(answer) is not bool or not self._rejected):
            self._findings.add(
                self._where,
                f"flush(timeout_s={DEADLINE_S:g}) returned {answer!r} when nothing was in its way",
                "return True once what export() took is durable, False when that did not succeed",
            )

    def _close(self) -> None:
        shutdown = getattr(self._exporter, "shutdown", None)
        if shutdown is None:
            return
        with self._findings.catch(
            self._where,
            f"shutdown(timeout_s={DEADLINE_S:g})",
            "release everything within timeout_s",
        ):
            self._caller.call(
                partial(shutdown, timeout_s=DEADLINE_S), timeout_s=DEADLINE_S + GRACE_S
            )

    def _balance(self) -> None:
        arrived: dict[Identity, Mapping[str, object]] = {}
        if self._destination.read is None:
            return
        for record in self._destination.read():
            if identify(record) in self._sent:
                _keep_best(arrived, record)
        lost = sorted(self._delivered - arrived.keys(), key=str)
        if lost:
            self._findings.add(
                self._where,
                f"{len(lost)} of {len(self._sent)} records are not at the destination although "
                f"it answered DELIVERED, such as {lost[0]}",
                "answer DELIVERED only once a record is taken; what stays behind is RETRY",
            )
        older = [
            key
            for key, record in arrived.items()
            if key in self._delivered and _rank(record) < _rank(self._sent[key])
        ]
        if older:
            self._findings.add(
                self._where,
                f"{len(older)} runs or spans are kept in an older snapshot, such as {older[0]}",
                "keep the best snapshot of each id (the merge law of docs/wire-format.md): a "
                "terminal one wins over STARTED, then the higher rev",
            )

    def _answer(self, how: Answer) -> None:
        if self._destination.answer is not None:
            self._destination.answer(how)


def _rank(record: Mapping[str, object]) -> tuple[bool, int]:
    return rank_snapshot(str(record.get("status", "")), int(str(record.get("rev", 0))))


def _keep_best(records: dict[Identity, Mapping[str, object]], record: Mapping[str, object]) -> None:
    key = identify(record)
    if key not in records or _rank(record) > _rank(records[key]):
        records[key] = record


def _repeat(answer: Answer) -> Iterator[Answer]:
    while True:
        yield answer


def _take_turns(*answers: Answer) -> Iterator[Answer]:
    while True:
        yield from answers
