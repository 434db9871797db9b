"""A YAML file as plain values, and the line that each of them stands on."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from agenttrace.errors import AgentTraceError

if TYPE_CHECKING:
    from yaml import Node

MAX_BYTES: Final = 1024 * 1024
_MAX_NODES: Final = 20_000
"""So many values in all: a few aliases can stand for billions."""

Place = tuple[Any, ...]


class YamlFileError(AgentTraceError):
    """A file that cannot be read as YAML; the message names it, and the line if there is one."""

    exit_code: ClassVar[int] = 2


def read_yaml(path: str) -> tuple[Any, dict[Place, int]]:
    """Return what a file holds, None when nothing, and the line of each value by its place.

    A place is the keys and positions from the top: `("metrics", "cost", "alpha")`; of the two
    lines of a key and its value it is the key's.

    Raises:
        YamlFileError: when it cannot be read, is no YAML, or has a key twice.

    """
    if find_spec("yaml") is None:
        raise YamlFileError(f"reading {path} needs pyyaml: pip install 'agenttrace[diff]'")
    text = _read_text(path)
    from yaml import SafeLoader, YAMLError  # noqa: PLC0415 -- comes with an extra

    name = Path(path).name
    loader = SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}
        lines: dict[Place, int] = {}
        _walk(node, name, lines)
        return loader.construct_document(node), lines
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f":{mark.line + 1}"
        problem = getattr(error, "problem", None) or str(error)
        raise YamlFileError(f"{name}{line}: no YAML: {problem}") from error
    except (ValueError, RecursionError) as error:
        raise YamlFileError(f"{name}: no YAML: {error}") from error
    finally:
        loader.dispose()


def locate(place: Place, lines: dict[Place, int]) -> int:
    """Return the line of a value, or of the nearest one around it that has a line."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _read_text(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise YamlFileError(f"{path} is longer than {MAX_BYTES} bytes")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise YamlFileError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise YamlFileError(f"{path} is no text in UTF-8: {error}") from error


def _walk(top: Node, name: str, lines: dict[Place, int]) -> None:
    from yaml import MappingNode, SequenceNode  # noqa: PLC0415 -- comes with an extra

    stack: list[tuple[Node, Place]] = [(top, ())]
    while stack:
        node, place = stack.pop()
        lines.setdefault(place, node.start_mark.line + 1)
        if len(lines) > _MAX_NODES:
            raise YamlFileError(f"{name} holds more than {_MAX_NODES} values")
        if isinstance(node, SequenceNode):
            stack.extend((item, (*place, at)) for at, item in enumerate(node.value))
        elif isinstance(node, MappingNode):
            for key, value in node.value:
                below = (*place, key.value if isinstance(key.value, str) else str(key.tag))
                line = key.start_mark.line + 1
                if below in lines:
                    raise YamlFileError(
                        f"{name}:{line}: {'.'.join(map(str, below))} is there twice"
                    )
                lines[below] = line
                stack.append((value, below))
