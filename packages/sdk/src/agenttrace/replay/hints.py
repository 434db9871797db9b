"""Hints as they are spelled on the command line: options in the place of Python's arguments.

Who raises a divergence writes for `tracer.replay()`; a command that tells of it has flags.
"""

from __future__ import annotations

import re
from ast import literal_eval
from shlex import quote
from typing import Final

_SPELLINGS: Final = (
    (re.compile(r"on=\{'(\w+)': '(\w+)'\}"), lambda found: f"--on {found[1]}={found[2]}"),
    (re.compile(r"on=\{'(\w+)': …\}"), lambda found: f"--on {found[1]}=…"),
    (re.compile(r"mode='(\w+)'"), lambda found: f"--mode {found[1]}"),
    (
        re.compile(r"ignore=(\[.*?\])(?= leaves this place out)"),
        lambda found: f"--ignore {quote(literal_eval(found[1])[0])}",
    ),
    (
        re.compile(r"allow_effects=\('none', 'read', '(.*?)'\)(?= lets)"),
        lambda found: f"--allow {quote(found[1])}",
    ),
    (
        re.compile(r"guard_io=\{'allow': \[.*\]\}, --allow-io (.*)", re.DOTALL),
        lambda found: f"--allow-io {quote(found[1])}",
    ),
    (
        re.compile(r"classes=(\{[^}]*\}|(?=;|$))"),
        lambda found: (
            f"tracer.replay(classes={found[1] or '…'}), as commands have no option for it"
        ),
    ),
    (
        re.compile(r"\b(live|ignore|mask|freeze|max_live_calls|max_live_cost)(=|\b(?= to go on))"),
        lambda found: f"--{found[1].replace('_', '-')}",
    ),
)


def spell_for_command(hint: str) -> str:
    """Return a hint with the options of `agenttrace replay` for the arguments that it names."""
    for pattern, spell in _SPELLINGS:
        hint = pattern.sub(spell, hint)
    return hint
