"""The rules of a comparison from a YAML file."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from agenttrace.diff.rules import DEFAULT, Rules, RulesError, read_rules

RULES_FILE: Final = "agenttrace.diff.yaml"
_MAX_BYTES: Final = 1024 * 1024


def find_rules(path: str | None) -> Rules:
    """Return the rules of a file; without one, those of `./agenttrace.diff.yaml`, else the default.

    Raises:
        RulesError: when the file cannot be read, is no YAML, or a rule of it is none.

    """
    file = Path(path or RULES_FILE).expanduser()
    if path is None and not file.exists():
        return DEFAULT
    if find_spec("yaml") is None:
        raise RulesError(f"reading {file} needs pyyaml: pip install 'agenttrace[diff]'")
    import yaml  # noqa: PLC0415 -- comes with an extra

    try:
        with file.open("rb") as opened:
            text = opened.read(_MAX_BYTES + 1)
        return read_rules(yaml.safe_load(_check_length(text)))
    except OSError as error:
        raise RulesError(f"cannot read {file}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise RulesError(f"{file} is no YAML: {error}") from error
    except RulesError as error:
        raise RulesError(f"{file}: {error}") from error


def _check_length(text: bytes) -> bytes:
    if len(text) > _MAX_BYTES:
        raise RulesError(f"longer than {_MAX_BYTES} bytes")
    return text
