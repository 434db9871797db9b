"""The codecs that come with the SDK: which classes they are for, and where each is loaded from.

Their modules are imported at the first object of such a class, and none of them imports the
library that it is for. What a program or a plugin registers for a class counts before these.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    _Row: TypeAlias = tuple[str, Callable[[Any], object], Callable[[Any, type], object]]

_NAMES: Final = {
    **{
        f"{module}:{cls}": f"httpx-{cls.lower()}"
        for module in ("httpx", "httpx2")
        for cls in ("Request", "Response", "Headers", "URL")
    },
    "requests.models:Response": "requests-response",
    "requests.models:PreparedRequest": "requests-request",
    "requests.structures:CaseInsensitiveDict": "requests-headers",
    "urllib.error:HTTPError": "urllib-http-error",
    "pydantic_core._pydantic_core:ValidationError": "pydantic-validation-error",
}
_MODULES: Final = {  # by the beginning of a codec's name
    "httpx": "agenttrace.encoding.http_messages",
    "requests": "agenttrace.encoding.requests_messages",
    "urllib": "agenttrace.encoding.urllib_errors",
    "pydantic": "agenttrace.encoding.validation_errors",
}
_KNOWN: Final = frozenset(_NAMES.values())


class KnownCodec(NamedTuple):
    """A codec of the SDK's own; see `encoding.codecs.CodecSpec`."""

    name: str
    types: tuple[str, ...]
    encode: Callable[[Any], object]
    decode: Callable[[Any, type], object]
    version: int = 1


def make_codecs(*rows: _Row) -> tuple[KnownCodec, ...]:
    """Return the codecs of a module: each row has a name and the two functions."""
    return tuple(
        KnownCodec(name, spell_types(name), encode, decode) for name, encode, decode in rows
    )


def find_known(spelled: str) -> str | None:
    """Return the name of the codec for the class `module:Qualname`, None when there is none."""
    return _NAMES.get(spelled)


def load_known(name: str) -> KnownCodec | None:
    """Return the codec of this name, None when it is none of the SDK's own."""
    if name not in _KNOWN:
        return None
    module = import_module(_MODULES[name.partition("-")[0]])
    codecs: tuple[KnownCodec, ...] = module.CODECS
    return next(codec for codec in codecs if codec.name == name)


def spell_types(name: str) -> tuple[str, ...]:
    """Return the classes that the codec of this name is for."""
    return tuple(spelled for spelled, each in _NAMES.items() if each == name)
