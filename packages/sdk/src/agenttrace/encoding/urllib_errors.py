"""A codec for the `HTTPError` of urllib: address, code, reason, headers, and a body in memory.

The body of a response that came over a socket is the program's to read: to record it would take it
away. Whoever reads it in a replay is told that it was not recorded.
"""

from __future__ import annotations

from io import BytesIO
from sys import modules
from typing import Any, Final, NoReturn

from agenttrace.encoding.http_messages import MAX_REQUEST_BYTES
from agenttrace.encoding.known_codecs import KnownCodec, spell_types
from agenttrace.encoding.objects import read_dict

_PARTS: Final = {"url": str, "code": int, "msg": str}


class UnreadBody(BytesIO):
    """Stands for a body that was not recorded."""

    def _refuse(self, *_args: object) -> NoReturn:
        raise ValueError("the body of this HTTPError was not recorded: it was still to be read")

    read = read1 = readinto = readinto1 = readline = readlines = __next__ = getvalue = _refuse


def _encode_error(error: Any) -> object:
    if type(error) is not _find("urllib.error", "HTTPError"):
        raise TypeError("one of a program's own, which may hold more")
    own = read_dict(error) or {}
    content = {name: own[name] for name in _PARTS}
    for name, kind in _PARTS.items():
        if type(content[name]) is not kind:
            raise TypeError(f"{name} is a {type(content[name]).__name__}")
    headers, file = own["hdrs"], own["fp"]
    if headers is not None and type(headers) is not _find("http.client", "HTTPMessage"):
        raise TypeError("headers of another kind")
    pairs = None if headers is None else (read_dict(headers) or {})["_headers"]
    content["headers"] = None if pairs is None else [[name, str(value)] for name, value in pairs]
    content["has_body"] = file is not None
    body = file.getvalue() if type(file) is BytesIO else None
    content["body"] = None if body is None or len(body) > MAX_REQUEST_BYTES else body
    return content


def _decode_error(content: Any, cls: type) -> object:
    for name, kind in _PARTS.items():
        if type(content[name]) is not kind:
            raise TypeError(f"{name} is a {type(content[name]).__name__}")
    headers: Any = None
    if content["headers"] is not None:
        headers = _find("http.client", "HTTPMessage")()
        for name, value in content["headers"]:
            headers[name] = value
    file: BytesIO | None = None
    if content["has_body"]:
        body = content["body"]
        file = UnreadBody() if body is None else BytesIO(body)
    new: Any = OSError.__new__
    made = new(cls)
    base: Any = _find("urllib.error", "HTTPError")
    base.__init__(made, content["url"], content["code"], content["msg"], headers, file)
    return made


def _find(module: str, name: str) -> Any:
    return vars(modules[module])[name]


CODECS: Final = (
    KnownCodec("urllib-http-error", spell_types("urllib-http-error"), _encode_error, _decode_error),
)
