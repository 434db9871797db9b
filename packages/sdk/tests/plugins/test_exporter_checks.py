"""`check_plugin` on exporters: a sound one passes, and each fault shows in one of the scenarios."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from typing import Any, cast

import pytest

from agenttrace.plugins import (
    ConfigurationError,
    Exporter,
    ExporterSpec,
    ExportResult,
    Record,
    hookimpl,
)
from agenttrace.plugins.checks.samples import identify
from agenttrace.testing import Destination

from .conftest import find


class Store:
    """A destination that keeps the best snapshot of each record, and fails when it is told to."""

    def __init__(self) -> None:
        self.how = "ok"
        self.records: dict[object, Record] = {}

    def set_answer(self, how: str) -> None:
        self.how = how

    def keep(self, records: Iterable[Record]) -> None:
        for record in records:
            known: Any = self.records.get(identify(record), {})
            if record["type"] == "event" or record["rev"] >= known.get("rev", 0):
                self.records[identify(record)] = record


class Sound(Exporter):
    """An exporter without a fault; each test gives it one."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def export(self, records: Sequence[Record]) -> ExportResult:
        if self.store.how == "retry":
            return ExportResult.RETRY()
        if self.store.how == "reject":
            return ExportResult.REJECTED(dict.fromkeys(range(len(records)), "no"))
        self.store.keep(records)
        return ExportResult.DELIVERED


class Exporting:
    """A plugin with one exporter."""

    def __init__(self, kind: type[Sound], **fields: Any) -> None:
        self.store = Store()
        self.kind = kind
        self.fields = {"name": "acme", "schemes": ("acme",), **fields}

    def make(self, target: str, **_options: object) -> Exporter:
        if not target:
            raise ConfigurationError("acme needs a target")
        return self.kind(self.store)

    @hookimpl
    def agenttrace_exporters(self) -> list[ExporterSpec]:
        return [ExporterSpec(**{"summary": "s", "factory": self.make, **self.fields})]

    def destination(self) -> Destination:
        return Destination(target="x", read=self.store.records.values, answer=self.store.set_answer)


def find_in_exporter(kind: type[Sound], **fields: Any) -> list[str]:
    """Return the findings of a plugin with this exporter."""
    plugin = Exporting(kind, **fields)
    name = plugin.fields["name"]
    return find(plugin, destinations={name: plugin.destination()})


def test_a_sound_exporter_passes() -> None:
    """Through all answers of its destination, on one thread that is not the caller's."""
    threads = set()

    class Watched(Sound):
        def export(self, records: Sequence[Record]) -> ExportResult:
            threads.add((id(self), threading.get_ident()))
            return super().export(records)

    assert find_in_exporter(Watched) == []
    assert threading.get_ident() not in {thread for _, thread in threads}
    assert len(threads) == len({exporter for exporter, _ in threads})


class Raising(Sound):
    def export(self, records: Sequence[Record]) -> ExportResult:
        if self.store.how == "retry":
            raise OSError("away")
        return super().export(records)


class Silent(Sound):
    def export(self, records: Sequence[Record]) -> ExportResult:
        return cast("ExportResult", None)


class Lying(Sound):
    def export(self, records: Sequence[Record]) -> ExportResult:
        super().export(records)
        return ExportResult.DELIVERED


class Stubborn(Sound):
    def export(self, records: Sequence[Record]) -> ExportResult:
        result = super().export(records)
        return ExportResult.RETRY() if result.kind == "rejected" else result


class Hopeless(Sound):
    def export(self, records: Sequence[Record]) -> ExportResult:
        return ExportResult.RETRY()


class Miscounting(Sound):
    def export(self, records: Sequence[Record]) -> ExportResult:
        result = super().export(records)
        if result.kind == "rejected":
            return ExportResult.REJECTED({index + 1: "no" for index in range(len(records))})
        return result


class LastWins(Sound):
    def export(self, records: Sequence[Record]) -> ExportResult:
        result = super().export(records)
        if result.kind == "delivered":
            self.store.records.update({identify(record): record for record in records})
        return result


class Unsure(Sound):
    def flush(self, *, timeout_s: float) -> bool:
        return cast("bool", None)


class BadEnd(Sound):
    def shutdown(self, *, timeout_s: float) -> None:
        raise ValueError("x")


class OldSignature(Sound):
    def flush(self) -> bool:  # type: ignore[override]  # which is the fault
        return True


class Affine(Sound):
    """Opens on the thread that makes it what it uses on another."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.connection = sqlite3.connect(":memory:")

    def export(self, records: Sequence[Record]) -> ExportResult:
        self.connection.execute("SELECT 1")
        return super().export(records)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Raising, "acme, when every other attempt fails for now: it raised OSError: away; answer"),
        (Silent, "it raised TypeError: export() returned NoneType, not an ExportResult; answer"),
        (
            Lying,
            "records are not at the destination although it answered DELIVERED, such as (",
        ),
        (Stubborn, "everything is refused: it asks again for a batch that the destination refuses"),
        (Hopeless, "it asks again for a batch that the destination takes everything at last; ans"),
        (Miscounting, "it rejected the positions [6] of a batch of 6; count from 0"),
        (LastWins, "6 runs or spans are kept in an older snapshot, such as ('run', '0"),
        (Unsure, "flush(timeout_s=2) returned None when nothing was in its way; return True"),
        (BadEnd, "shutdown(timeout_s=2) raised ValueError: x; release everything"),
        (OldSignature, "it raised TypeError: OldSignature.flush() got an unexpected keyword"),
        (Affine, "it raised ProgrammingError: SQLite objects created in a thread can only be"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Affine leaves its connection behind
def test_each_fault_of_an_exporter_is_found(kind: type[Sound], expected: str) -> None:
    """By the scenario in which it shows."""
    findings = find_in_exporter(kind)
    assert [line for line in findings if expected in line], findings


def test_a_call_that_hangs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline that it was given, and some more, is all it gets."""
    gate = threading.Event()

    class Hanging(Sound):
        def flush(self, *, timeout_s: float) -> bool:
            return gate.wait()

    monkeypatch.setattr("agenttrace.plugins.checks.exporters.DEADLINE_S", 0.1)
    monkeypatch.setattr("agenttrace.plugins.checks.exporters.GRACE_S", 0.1)
    findings = find_in_exporter(Hanging)
    gate.set()
    assert "it raised TimeoutError: it took longer than 0.2 s; answer" in findings[0]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": "a:b"}, "exporter a:b: no text can pick this name; leave out colons"),
        ({"schemes": ("Acme",)}, "no text can begin with the scheme 'Acme'; write lower-case"),
        ({"schemes": ("acme://",)}, "no text can begin with the scheme 'acme://'; write lower"),
        ({"factory": lambda target: None}, "with options, its factory raised TypeError: "),
    ],
    ids=["name", "upper case", "separator", "no options"],
)
def test_what_no_user_can_pick_is_found(fields: dict[str, Any], expected: str) -> None:
    """A name with a colon ends there; a scheme is compared in lower case."""
    findings = find_in_exporter(Sound, **fields)
    assert [line for line in findings if expected in line], findings


def test_an_exporter_without_a_destination_is_a_finding() -> None:
    """What was not tried must not pass for sound; a destination for none is a slip."""
    plugin = Exporting(Sound)
    (unsent, unknown) = find(plugin, destinations={"amce": plugin.destination()})
    assert unsent.startswith("exporter acme: nothing was sent with it; pass destinations={'acme':")
    assert unknown.startswith("destination amce: the plugin has no such exporter;")
