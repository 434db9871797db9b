"""The rules of a comparison from a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agenttrace.cli.yaml_files import read_yaml
from agenttrace.diff.rules import DEFAULT, Rules, RulesError, read_rules

RULES_FILE: Final = "agenttrace.diff.yaml"


def find_rules(path: str | None) -> Rules:
    """Return the rules of a file; without one, those of `./agenttrace.diff.yaml`, else the default.

    Raises:
        YamlFileError: when the file cannot be read, or is no YAML.
        RulesError: when a rule of it is none.

    """
    if path is None and not Path(RULES_FILE).exists():
        return DEFAULT
    file = path or RULES_FILE
    document, _ = read_yaml(file)
    try:
        return read_rules(document)
    except RulesError as error:
        raise RulesError(f"{file}: {error}") from error
