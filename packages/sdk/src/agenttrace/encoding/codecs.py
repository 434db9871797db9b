"""Codecs of programs and plugins: what turns an object into plain content, and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from agenttrace.encoding.entry import respell
from agenttrace.encoding.known_codecs import find_known, load_known
from agenttrace.encoding.objects import name_class, read_mro, spell_class
from agenttrace.encoding.tree import OPAQUE, Tag, Tree
from agenttrace.errors import ConfigurationError
from agenttrace.wire import Fidelity

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.encoding.freeze import Walk
    from agenttrace.encoding.layouts import Layout

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class CodecSpec(Protocol):
    """What a codec is: `encode` gives plain content for an object, `decode` the object for it.

    `types` spell the classes as `module:Qualname`; they are matched without importing anything,
    and hold for the classes that extend them too. `decode(content, cls)` returns an object of
    `cls`. `version` is that of the content: a recording is decoded by its own version only.
    """

    @property
    def name(self) -> str:
        """What the codec is called in recordings."""

    @property
    def types(self) -> tuple[str, ...]:
        """The classes, each as `module:Qualname`."""

    @property
    def version(self) -> int:
        """The version of the content."""

    @property
    def encode(self) -> Callable[[Any], object]:
        """What makes content of an object."""

    @property
    def decode(self) -> Callable[[Any, type], object]:
        """What makes an object of content, and of its class."""


class Codec:
    """A codec in use."""

    __slots__ = ("name", "spec", "version")

    def __init__(self, spec: CodecSpec) -> None:
        self.spec = spec
        self.name = spec.name
        self.version = spec.version

    def read(self, walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
        """Return the tree of what `encode` makes of the value; it runs on the caller's thread."""
        walk.hurry()  # it may take long
        try:
            content = self.spec.encode(value)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 -- a codec is someone else's code
            return walk.mark(Tag(OPAQUE, name_class(layout.cls)), Fidelity.OPAQUE)
        tree = walk.read(content, depth)
        described = f"codec {self.name} {self.version} {layout.spelled}"
        return Tag(
            "codec",
            tree,
            f"{self.name} {layout.short}",
            type=described if layout.is_found else layout.shown(),
        )


class Registry:
    """The codecs by the classes that they are for. Safe on any thread."""

    def __init__(self) -> None:
        self._by_class: dict[str, Codec] = {}
        self._by_name: dict[str, Codec] = {}
        self._known: dict[str, Codec] = {}

    def add(self, spec: CodecSpec) -> None:
        """Use a codec from now on; one of the same name is replaced.

        Raises:
            ConfigurationError: for a name or a class that cannot be meant.

        """
        if not _NAME.fullmatch(spec.name):
            raise ConfigurationError(
                f"codec name {spec.name!r}; expected up to 64 letters, digits, '.', '_' and '-'"
            )
        for spelled in spec.types:
            module, _, name = spelled.partition(":")
            if not module or not name or module == "builtins":
                raise ConfigurationError(
                    f"codec {spec.name!r} is for {spelled!r}; expected 'module:Class', of a class "
                    "that is not built in"
                )
        self.remove(spec.name)
        codec = Codec(spec)
        # Replaced, not changed: another thread may be reading them.
        self._by_name = {**self._by_name, spec.name: codec}
        self._by_class = {**self._by_class, **dict.fromkeys(map(respell, spec.types), codec)}
        _forget_layouts()

    def remove(self, name: str) -> None:
        """Stop using the codec of this name, if there is one."""
        codec = self._by_name.get(name)
        if codec is None:
            return
        self._by_name = {key: each for key, each in self._by_name.items() if each is not codec}
        self._by_class = {key: each for key, each in self._by_class.items() if each is not codec}
        _forget_layouts()

    def find(self, cls: type) -> Codec | None:
        """Return the codec for a class: its own, or that of the nearest base."""
        for base in read_mro(cls):
            spelled = spell_class(base)
            if spelled is None:
                continue
            codec = self._by_class.get(spelled)
            known = find_known(spelled) if codec is None else None
            codec = codec if known is None else self._load_known(known)
            if codec is not None:
                return codec
        return None

    def find_named(self, name: str) -> Codec | None:
        """Return the codec of this name."""
        return self._by_name.get(name) or self._load_known(name)

    def _load_known(self, name: str) -> Codec | None:
        """Return the SDK's own codec of this name, the same each time."""
        if name not in self._known:
            spec = load_known(name)
            if spec is None:
                return None
            self._known.setdefault(name, Codec(spec))  # another thread may have been here
        return self._known[name]


def _forget_layouts() -> None:
    from sys import modules  # noqa: PLC0415 -- as below

    # Only where values were read already: registering a codec imports nothing.
    layouts = modules.get("agenttrace.encoding.layouts")
    if layouts is not None:
        layouts.forget_layouts()


REGISTRY: Final = Registry()
"""The process's own: what a program or a plugin registers holds for every tracer."""


class _Given:
    __slots__ = ("decode", "encode", "name", "types", "version")

    def __init__(
        self,
        *,
        name: str,
        types: tuple[str, ...],
        encode: Callable[[Any], object],
        decode: Callable[[Any, type], object],
        version: int,
    ) -> None:
        self.name = name
        self.types = types
        self.encode = encode
        self.decode = decode
        self.version = version


def register_codec(
    cls: type,
    *,
    name: str,
    encode: Callable[[Any], object],
    decode: Callable[[Any, type], object],
    version: int = 1,
) -> None:
    """Record objects of `cls`, and of classes that extend it, by what `encode` makes of them.

    `encode(value)` returns plain content, or objects that are recorded in turn; it runs where the
    value is captured, so it should be quick, and what it raises leaves the value opaque.
    `decode(content, cls)` returns an equal object of `cls`, for replay.

    Raises:
        ConfigurationError: for a name that cannot be meant, or a class that is built in.

    """
    spelled = spell_class(cls)
    if spelled is None:
        raise ConfigurationError("a codec is for a class that has a name")
    REGISTRY.add(_Given(name=name, types=(spelled,), encode=encode, decode=decode, version=version))
