"""The codec of pydantic's ValidationError, which nothing but a function of pydantic's can make.

It is made of what that function takes, as pydantic pickles it: title and line errors. Of a
program's own kind of error (`PydanticCustomError`) the template of its message is kept too.
"""

from __future__ import annotations

from typing import Any, Final

from agenttrace.encoding.known_codecs import make_codecs

_NAME: Final = "pydantic-validation-error"
_TEMPLATE: Final = "template"
_SHOWN: Final = frozenset({"msg", "url", _TEMPLATE})  # what pydantic works out from the rest


def _encode(error: Any) -> object:
    _make, (title, lines, input_type, hides_input) = error.__reduce__()
    return {
        "title": title,
        "errors": [_encode_line(line) for line in lines],
        "input_type": input_type,
        "hide_input": hides_input,
    }


def _encode_line(line: dict[str, Any]) -> dict[str, object]:
    content = {name: each for name, each in line.items() if name != "url"}
    kind = content["type"]
    if type(kind) is not str:
        content["type"] = kind.type
        content[_TEMPLATE] = kind.message_template
    return content


def _decode(content: Any, cls: Any) -> object:
    return cls.from_exception_data(
        content["title"],
        [_decode_line(line) for line in content["errors"]],
        content["input_type"],
        content["hide_input"],
    )


def _decode_line(line: dict[str, Any]) -> dict[str, Any]:
    made = {name: each for name, each in line.items() if name not in _SHOWN}
    if _TEMPLATE in line:
        from pydantic_core import PydanticCustomError  # noqa: PLC0415 -- only who has such an error

        made["type"] = PydanticCustomError(line["type"], line[_TEMPLATE], line.get("ctx"))
    return made


CODECS: Final = make_codecs((_NAME, _encode, _decode))
