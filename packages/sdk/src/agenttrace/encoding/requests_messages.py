"""Codecs for the requests, responses and headers of the library requests.

As `http_messages`: nothing of the library is imported, and what is kept is what it keeps when it
pickles a response, the cookies as a list. A response that is still to be read is opaque.
"""

from __future__ import annotations

from sys import modules
from typing import Any, Final

from agenttrace.encoding.http_messages import MAX_REQUEST_BYTES
from agenttrace.encoding.known_codecs import make_codecs
from agenttrace.encoding.objects import read_dict

_RESPONSE: Final = (
    "status_code",
    "url",
    "headers",
    "history",
    "encoding",
    "reason",
    "elapsed",
    "request",
)
_REQUEST: Final = ("method", "url", "headers")
_HEADERS: Final = "CaseInsensitiveDict"


def _encode_response(response: Any) -> object:
    own = _read_own(response)
    body = own["_content"]
    if body is False and own["raw"] is not None:
        raise ValueError("its body is still to come")
    content = {name: own.get(name) for name in _RESPONSE}
    return content | {"content": _show_body(body), "cookies": _list_cookies(own["cookies"])}


def _decode_response(content: Any, cls: type) -> object:
    state = {name: content[name] for name in _RESPONSE}
    _check_kinds(state, status_code=int, url=str, headers=_find("structures", _HEADERS))
    state["_content"] = _read_body(content["content"])
    state["cookies"] = _make_jar(content["cookies"])
    made: Any = object.__new__(cls)
    _find("models", "Response").__setstate__(made, state)
    made._next = None  # noqa: SLF001 -- as its __init__ has it, and no pickled one
    made.connection = None
    return made


def _encode_request(request: Any) -> object:
    own = _read_own(request)
    content = {name: own[name] for name in _REQUEST}
    body = own["body"]
    is_kept = type(body) in {str, bytes} and len(body) <= MAX_REQUEST_BYTES
    return content | {"body": body if is_kept else None}


def _decode_request(content: Any, cls: type) -> object:
    made: Any = object.__new__(cls)
    _find("models", "PreparedRequest").__init__(made)
    _check_kinds(content, headers=_find("structures", _HEADERS))
    for name in (*_REQUEST, "body"):
        setattr(made, name, content[name])
    return made


def _encode_headers(headers: Any) -> object:
    return [[name, value] for name, value in _read_own(headers)["_store"].values()]


def _decode_headers(content: Any, cls: type) -> object:
    made: Any = object.__new__(cls)
    _find("structures", _HEADERS).__init__(made, [tuple(pair) for pair in content])
    return made


def _list_cookies(jar: Any) -> list[dict[str, object]]:
    # Redaction looks at a value beside its name.
    names = ("name", "value", "domain", "path")
    return [{name: getattr(cookie, name) for name in names} for cookie in jar]


def _make_jar(content: Any) -> object:
    jar = _find("cookies", "RequestsCookieJar")()
    make = _find("cookies", "create_cookie")
    for each in content if isinstance(content, list) else ():  # a text where they were taken out
        jar.set_cookie(make(**each))
    return jar


def _show_body(body: object) -> object:
    if type(body) is not bytes:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _read_body(content: object) -> object:
    return content.encode() if isinstance(content, str) else content


def _check_kinds(state: Any, **kinds: type) -> None:
    for name, kind in kinds.items():
        if not isinstance(state[name], kind):
            raise TypeError(f"{name} is a {type(state[name]).__name__}")


def _find(module: str, name: str) -> Any:
    return vars(modules[f"requests.{module}"])[name]


def _read_own(value: object) -> dict[str, Any]:
    own = read_dict(value)
    assert own is not None  # these classes have no slots
    return own


CODECS: Final = make_codecs(
    ("requests-response", _encode_response, _decode_response),
    ("requests-request", _encode_request, _decode_request),
    ("requests-headers", _encode_headers, _decode_headers),
)
