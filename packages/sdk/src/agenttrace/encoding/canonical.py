"""The canonical text of a frozen value: equal for equal values, distinct for distinct ones.

Keys sorted by code point, no white space, integers exact, integral floats below 2**53 as integers,
other floats as Python's shortest text, -0 as 0. Types that JSON does not have carry a tag,
`{"$tuple":[…]}`; a dict with a key that starts with `$`, or with keys that are not text, is written
as `{"$dict":[[key,value],…]}`, so that no value can be taken for a tagged one.
"""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import Final

from agenttrace.encoding.tree import Pairs, Tag, Tree

EXACT_FLOAT_LIMIT: Final = 2.0**53


def write_canonical(tree: Tree) -> str:  # noqa: PLR0911 -- one return a kind of node
    """Return the canonical JSON of `tree`."""
    kind = type(tree)
    if kind is str:
        return encode_basestring(tree)  # type: ignore[arg-type]  # just checked
    if tree is None:
        return "null"
    if isinstance(tree, bool):
        return "true" if tree else "false"
    if isinstance(tree, int):
        return _write_int(tree)
    if isinstance(tree, float):
        return _write_float(tree)
    if isinstance(tree, list):
        return f"[{','.join(map(write_canonical, tree))}]"
    if isinstance(tree, dict):
        return _write_dict(tree)
    if isinstance(tree, Tag):
        return _write_tag(tree)
    assert isinstance(tree, Pairs)
    return _write_pairs(tree.items)


def _write_int(value: int) -> str:
    try:
        return int.__repr__(value)
    except ValueError:  # more digits than sys.set_int_max_str_digits allows: linear in hexadecimal
        return f'{{"$int":"{value:x}"}}'


def _write_float(value: float) -> str:
    if value.is_integer() and abs(value) < EXACT_FLOAT_LIMIT:
        return int.__repr__(int(value))
    return float.__repr__(value)


def _write_dict(value: dict[str, Tree]) -> str:
    if any(key.startswith("$") for key in value):
        return _write_pairs(list(value.items()))
    members = (f"{encode_basestring(key)}:{write_canonical(value[key])}" for key in sorted(value))
    return f"{{{','.join(members)}}}"


def _write_tag(tag: Tag) -> str:
    value = write_canonical(tag.value)
    if tag.name is not None:
        value = f"[{encode_basestring(tag.name)},{value}]"
    return f'{{"${tag.tag}":{value}}}'


def _write_pairs(items: list[tuple[Tree, Tree]] | list[tuple[str, Tree]]) -> str:
    written = sorted((write_canonical(key), write_canonical(value)) for key, value in items)
    return f'{{"$dict":[{",".join(f"[{key},{value}]" for key, value in written)}]}}'
