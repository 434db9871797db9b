"""The records that plugins hand to the host. New fields come with a default, old ones stay."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.pipeline.export import Exporter
    from agenttrace.pipeline.processor import Processor
    from agenttrace.plugins.protocols import PriceTableLike
    from agenttrace.settings import Settings

_MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_CODEC: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_TYPE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What all records have: a name, by which users pick and the host tells apart."""

    name: str

    def check(self) -> None:
        """Raise TypeError when a field is not what it is declared as; the host calls it."""
        _check_texts(self, "name")

    def claims(self) -> tuple[str, ...]:
        """Return what may belong to one plugin only, beside the name."""
        return ()

    def without(self, texts: set[str]) -> Self:
        """Return this spec without some of its claims."""
        del texts
        return self


@dataclass(frozen=True, kw_only=True)
class ExporterSpec(Spec):
    """An exporter that users can pick by a text.

    `tracer.set_exporter("name:target")` calls `factory("target", **options)`, and a text that
    begins with one of `schemes`, as in `scheme://host`, calls it with the whole text. The factory
    imports what it needs; it raises `ConfigurationError` for a target that cannot be meant. The
    SDK passes `api_key=` when one is set, so a factory takes `**options` and ignores the unknown.
    """

    summary: str
    factory: Callable[..., Exporter]
    schemes: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise TypeError when a field is not what it is declared as; the host calls it."""
        _check_texts(self, "name", "summary")
        _check_functions(self, "factory")
        _check_tuple(self, "schemes", example="('acme',)")

    def claims(self) -> tuple[str, ...]:
        """Return the schemes."""
        return tuple(self.schemes)

    def without(self, texts: set[str]) -> Self:
        """Return this exporter without some of its schemes."""
        return replace(self, schemes=tuple(each for each in self.schemes if each not in texts))


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Spec):
    """A subcommand of `agenttrace`.

    `target` is `"package.module:attribute"`, imported only when the command runs: a function with
    typer annotations, or a `typer.Typer` for a group. `summary` is its line in `agenttrace --help`.
    """

    summary: str
    target: str

    def check(self) -> None:
        """Raise TypeError when a field is not what it is declared as; the host calls it."""
        _check_texts(self, "name", "summary", "target")


@dataclass(frozen=True, kw_only=True)
class IntegrationSpec(Spec):
    """A library whose calls are recorded once `tracer.instrument()` is called.

    `modules` are the importable names that must all exist: without them the integration is passed
    over, and only named ones are looked for, none is imported. `target` is the dotted name of a
    module with `instrument(tracer)` and `uninstrument(tracer)`, imported when it is turned on.
    Integrations are turned on by `(order, name)` and off the other way round.
    """

    summary: str
    modules: tuple[str, ...]
    target: str
    order: int = 0

    def check(self) -> None:
        """Raise TypeError when a field is not what it is declared as; the host calls it."""
        _check_texts(self, "name", "summary", "target")
        _check_order(self)
        _check_tuple(self, "modules", example="('acme_sdk',)", pattern=_MODULE, least=1)
        if not _MODULE.fullmatch(self.target):
            raise TypeError(
                f"IntegrationSpec.target is {_show(self.target)}; expected the dotted name of a "
                "module, such as 'acme_agenttrace.integration'"
            )


@dataclass(frozen=True, kw_only=True)
class ProcessorSpec(Spec):
    """A step that records pass before they are handed to exporters: sampling, enrichment.

    `factory(settings)` is called once for each tracer and returns a `Processor`, or None when it
    has nothing to do under these settings. Processors run by `(order, name)`.
    """

    summary: str
    factory: Callable[[Settings], Processor | None]
    order: int = 0

    def check(self) -> None:
        """Raise TypeError when a field is not what it is declared as; the host calls it."""
        _check_texts(self, "name", "summary")
        _check_functions(self, "factory")
        _check_order(self)


@dataclass(frozen=True, kw_only=True)
class CodecSpec(Spec):
    """How values of some types are written, and built again for a replay.

    `types` are `"module:Qualname"` texts, compared with a value's class and its bases without
    importing anything. `encode(value)` returns what JSON can hold, or other values, which are
    recorded in turn; it runs where a value is captured, so it is quick. `decode(content, type)`
    returns an equal value of that type. `version` is recorded beside the value and grows when
    `encode` writes another form: a recording is decoded by its own version only.
    """

    types: tuple[str, ...]
    encode: Callable[[object], object]
    decode: Callable[[object, type], object]
    version: int = 1
    summary: str = ""

    def check(self) -> None:
        """Raise TypeError when a field is not what it is declared as; the host calls it."""
        _check_texts(self, "name", "summary")
        _check_functions(self, "encode", "decode")
        _check_tuple(self, "types", example="('acme.money:Money',)", pattern=_TYPE, least=1)
        if not _CODEC.fullmatch(self.name):
            raise TypeError(
                f"CodecSpec.name is {_show(self.name)}; expected up to 64 letters, digits, '.', "
                "'_' and '-'"
            )
        if any(text.startswith("builtins:") for text in self.types):
            raise TypeError(f"CodecSpec.types is {_show(self.types)}; expected no built-in type")
        if type(self.version) is not int or self.version < 1:
            raise TypeError(f"CodecSpec.version is {_show(self.version)}; expected an int from 1")

    def claims(self) -> tuple[str, ...]:
        """Return the types."""
        return tuple(self.types)

    def without(self, texts: set[str]) -> Self:
        """Return this codec without some types; without any it still reads what it once wrote."""
        return replace(self, types=tuple(each for each in self.types if each not in texts))


@dataclass(frozen=True, kw_only=True)
class PriceTableSpec(Spec):
    """Prices of models, in US dollars.

    `factory()` is called once for each tracer, when the first price is looked for. Tables are asked
    by `(order, name)`; the first that knows a price is believed.
    """

    summary: str
    factory: Callable[[], PriceTableLike]
    order: int = 0

    def check(self) -> None:
        """Raise TypeError when a field is not what it is declared as; the host calls it."""
        _check_texts(self, "name", "summary")
        _check_functions(self, "factory")
        _check_order(self)


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """A plugin in use: its entry point's name, its distribution, and its hooks."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PluginFailure:
    """A plugin, or a part of one, that is not in use, and why; unknown texts are empty."""

    name: str
    distribution: str
    version: str
    error: str


def _check_texts(spec: Spec, *fields: str) -> None:
    for field in fields:
        value = getattr(spec, field)
        if type(value) is not str or (field == "name" and not value):
            raise TypeError(f"{_name(spec, field)} is {_show(value)}; expected a text")


def _check_functions(spec: Spec, *fields: str) -> None:
    for field in fields:
        value = getattr(spec, field)
        if not callable(value):
            raise TypeError(f"{_name(spec, field)} is {_show(value)}; expected a function")


def _check_order(spec: IntegrationSpec | ProcessorSpec | PriceTableSpec) -> None:
    if type(spec.order) is not int:
        raise TypeError(f"{_name(spec, 'order')} is {_show(spec.order)}; expected an int")


def _check_tuple(
    spec: Spec, field: str, *, example: str, pattern: re.Pattern[str] | None = None, least: int = 0
) -> None:
    texts = getattr(spec, field)
    is_list = type(texts) in {tuple, list} and len(texts) >= least
    if not is_list or not all(type(text) is str and text for text in texts):
        raise TypeError(
            f"{_name(spec, field)} is {_show(texts)}; expected a tuple of texts, such as {example}"
        )
    for text in texts:
        if pattern is not None and not pattern.fullmatch(text):
            raise TypeError(f"{_name(spec, field)} has {_show(text)}; expected such as {example}")


def _name(spec: Spec, field: str) -> str:
    return f"{type(spec).__name__}.{field}"


def _show(value: object) -> str:
    return repr(value)[:100]
