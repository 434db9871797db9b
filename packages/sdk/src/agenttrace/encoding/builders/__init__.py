"""How a value of each kind is made again from its content: the way back from `encoding.readers`.

Objects are made by the built-in type that they extend and filled by their kind's own means, so that
no `__new__`, `__init__` or `__setattr__` of theirs runs.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from uuid import UUID

from agenttrace.encoding.builders import containers, instances, scalars

if TYPE_CHECKING:
    from agenttrace.encoding.builders.shapes import Builder

BUILDERS: Final[dict[str, Builder]] = {
    "attrs": instances.build_fields("attrs"),
    "bytearray": scalars.build_bytes(bytearray),
    "bytes": scalars.build_bytes(bytes),
    "class": instances.build_class,
    "codec": instances.build_codec,
    "complex": scalars.build_complex,
    "dataclass": instances.build_fields("dataclass"),
    "date": scalars.build_from_text(date.fromisoformat),
    "datetime": scalars.build_moment(datetime.fromisoformat),
    "decimal": scalars.build_from_text(Decimal),
    "defaultdict": containers.build_default,
    "deque": containers.build_deque,
    "dict": containers.build_dict,
    "enum": instances.build_enum,
    "exception": instances.build_exception,
    "float": scalars.build_float,
    "fraction": scalars.build_fraction,
    "frozenset": containers.build_set(frozenset),
    "hex": scalars.build_hex,
    "int": scalars.build_int,
    "list": containers.build_list,
    "mappingproxy": containers.build_proxy,
    "namedtuple": containers.build_namedtuple,
    "namespace": containers.build_namespace,
    "pairs": containers.build_pairs,
    "path": scalars.build_path,
    "pydantic": instances.build_pydantic,
    "range": containers.build_range,
    "set": containers.build_set(set),
    "slice": containers.build_slice,
    "str": scalars.build_str,
    "struct": instances.build_struct,
    "text": scalars.build_text,
    "time": scalars.build_moment(time.fromisoformat),
    "timedelta": scalars.build_delta,
    "tuple": containers.build_tuple,
    "uuid": scalars.build_from_text(UUID),
}
