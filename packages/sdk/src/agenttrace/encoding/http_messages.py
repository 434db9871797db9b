"""Codecs for the requests, responses, headers and URLs of httpx, and of its fork httpx2.

The errors of the OpenAI and Anthropic SDKs hold these. Nothing of httpx is imported: its classes
are there where an object of them is. What is kept is what httpx itself keeps when it pickles one,
and of `extensions` what is plain data: how a request is closed and which socket it went over are
no content. Names of headers stand beside their values, as redaction looks for them.
"""

from __future__ import annotations

from contextlib import suppress
from sys import modules
from typing import Any, Final

from agenttrace.encoding.known_codecs import make_codecs
from agenttrace.encoding.objects import read_dict, read_mro

_MODULES: Final = frozenset({"httpx", "httpx2"})
MAX_REQUEST_BYTES: Final = 16 * 1024
"""A longer body of a request is left out: it is the prompt, which its call has recorded already,
and an error that holds it twice would be too long to be kept. Whoever reads it in a replay is told
by httpx that it was not read."""

_REQUEST: Final = ("method", "url", "headers")
_RESPONSE: Final = ("status_code", "headers", "history", "next_request", "default_encoding")
_RESPONSE_STATE: Final = ("_request", "_encoding", "_num_bytes_downloaded")
_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None)})


def _encode_request(request: Any) -> object:
    own = _read_own(request)
    content = {name: own[name] for name in _REQUEST}
    body = own.get("_content")
    if type(body) is bytes and len(body) <= MAX_REQUEST_BYTES:
        content["content"] = _show_body(body)
    return content | _pick_extensions(own)


def _decode_request(content: Any, cls: type) -> object:
    made = _restore(cls, {name: content[name] for name in _REQUEST}, content)
    made.extensions = content.get("extensions", {})
    return made


def _encode_response(response: Any) -> object:
    own = _read_own(response)
    body = own.get("_content")
    if body is None and not own["is_closed"]:
        raise ValueError("its body is still to come")
    content = {name: own[name] for name in _RESPONSE}
    if type(own["default_encoding"]) is not str:
        content["default_encoding"] = "utf-8"  # a function of the program's
    content |= {name[1:]: own[name] for name in _RESPONSE_STATE if name in own}
    with suppress(RuntimeError):  # it is known when a response is closed; httpx2 has it elsewhere
        content["elapsed"] = _find_base(type(response), "Response").elapsed.fget(response)
    if type(body) is bytes:
        content["content"] = _show_body(body)
    return content | _pick_extensions(own)


def _decode_response(content: Any, cls: type) -> object:
    state = {name: content[name] for name in _RESPONSE} | {"is_stream_consumed": True}
    kept = (*_RESPONSE_STATE, "_elapsed")
    state |= {name: content[name[1:]] for name in kept if name[1:] in content}
    made = _restore(cls, state, content)
    made.extensions = content.get("extensions", {})
    return made


def _encode_headers(headers: Any) -> object:
    return [[raw.decode("latin-1"), value.decode("latin-1")] for raw, value in _read_raw(headers)]


def _decode_headers(content: Any, cls: type) -> object:
    pairs = [tuple(part.encode("latin-1", "replace") for part in pair) for pair in content]
    return _make(cls, "Headers", pairs)


def _encode_url(url: Any) -> object:
    # An object, so that a password that is taken out of the text leaves it a URL.
    return {"url": _find_base(type(url), "URL").__str__(url)}


def _decode_url(content: Any, cls: type) -> object:
    return _make(cls, "URL", content["url"])


def _find_base(cls: type, name: str) -> Any:
    """Return the class of httpx's own that this one is or extends."""
    return next(
        base for base in read_mro(cls) if base.__module__ in _MODULES and base.__qualname__ == name
    )


def _make(cls: type, name: str, argument: object) -> Any:
    """Return an object made by httpx; no code of a class that extends its own runs."""
    made: Any = object.__new__(cls)
    _find_base(cls, name).__init__(made, argument)
    return made


def _restore(cls: type, state: dict[str, Any], content: Any) -> Any:
    """Return a request or response with this state, as httpx makes it of its pickled one."""
    made: Any = object.__new__(cls)
    base: Any = next(base for base in read_mro(cls) if base.__module__ in _MODULES)
    _check_state(state, modules[base.__module__])
    body = content.get("content")
    if body is not None:
        state["_content"] = body.encode() if type(body) is str else body
    base.__setstate__(made, state)
    if body is not None:
        made.stream = modules[base.__module__].ByteStream(state["_content"])
    return made


def _check_state(state: dict[str, Any], web: Any) -> None:
    """Refuse what no request or response holds: a recording may say anything."""
    kinds = {"method": str, "status_code": int, "url": web.URL, "headers": web.Headers}
    for name, each in state.items():
        if name in kinds and not isinstance(each, kinds[name]):
            raise TypeError(f"{name} is a {type(each).__name__}")


def _read_own(value: object) -> dict[str, Any]:
    own = read_dict(value)
    assert own is not None  # these classes have no slots
    return own


def _read_raw(headers: Any) -> list[tuple[bytes, bytes]]:
    raw: list[tuple[bytes, bytes]] = _find_base(type(headers), "Headers").raw.fget(headers)
    return raw


def _show_body(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _pick_extensions(own: dict[str, Any]) -> dict[str, object]:
    """Return what is plain of the extensions: the HTTP version and the reason, the timeouts."""
    found = {name: each for name, each in own["extensions"].items() if _is_plain(each)}
    return {"extensions": found} if found else {}


def _is_plain(value: object) -> bool:
    parts = value.values() if type(value) is dict else [value]
    return all(type(part) in _PLAIN for part in parts)


CODECS: Final = make_codecs(
    ("httpx-request", _encode_request, _decode_request),
    ("httpx-response", _encode_response, _decode_response),
    ("httpx-headers", _encode_headers, _decode_headers),
    ("httpx-url", _encode_url, _decode_url),
)
