"""D14's configuration: what `gates.yaml` means, and what is said of one that cannot be meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agenttrace.cli.gates import GatesFileError, load_gates
from agenttrace.diff.gates import Gates, GateTest, MetricGate, OutcomeGate, OutputGate

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """\
structure: {added: 0, removed: 2}
outcome: same
final_output: similar>=0.85
metrics:
  cost: {max_increase: 10%, test: mwu, alpha: .05}
  tokens:
    max_increase: 0.2
  errors: {max_increase: 200%}
  spans: {max_increase: 1}
  first_chunk_ms: {max_increase: 50 %, test: none, min_coverage: 100%}
forbid: ["tool:delete_*", "*:mcp:delete"]
require:
  - tool:verify
"""


def test_every_gate_of_the_file(tmp_path: Path) -> None:
    """Shares as percentages or numbers, figures by their short names or whole ones."""
    path = tmp_path / "gates.yaml"
    path.write_text(WHOLE)
    assert load_gates(str(path)) == Gates(
        structure={"added": 0, "removed": 2},
        outcome=OutcomeGate.SAME,
        final_output=OutputGate(0.85),
        metrics=(
            MetricGate("cost_usd", 0.1, GateTest.MWU, 0.05),
            MetricGate("total_tokens", 0.2),
            MetricGate("errors", 2.0),
            MetricGate("spans", 1.0),
            MetricGate("first_chunk_ms", 0.5, GateTest.NONE, min_coverage=1.0),
        ),
        forbid=("tool:delete_*", "*:mcp:delete"),
        require=("tool:verify",),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "gates.yaml holds no gate; expected structure, outcome, final_output, metrics, "),
        ("structre: {added: 0}\n", "gates.yaml:1: unknown key structre; there are: structure, "),
        (
            "outcome: same\nmetrics:\n  cost:\n    max_increse: 10%\n    max_increase: 1%\n",
            "gates.yaml:4: unknown key metrics.cost.max_increse; there are: max_increase, test, ",
        ),
        (
            "metrics:\n  costs: {max_increase: 1%}\n",
            "gates.yaml:2: unknown key metrics.costs; there are: cost, tokens, duration, ",
        ),
        (
            "\nstructure:\n  add: 0\n",
            "gates.yaml:3: unknown key structure.add; there are: changed, added, removed, ",
        ),
        ("structure: {added: -1}\n", "gates.yaml:1: structure.added is -1: input should be "),
        ("structure: {added: yes}\n", "gates.yaml:1: structure.added is True: input should be "),
        ("metrics: {cost: {}}\n", "gates.yaml:1: metrics.cost.max_increase: field required"),
        (
            "metrics:\n  cost:\n    max_increase: ten\n",
            "gates.yaml:3: metrics.cost.max_increase is 'ten': expected a percentage such as 10%",
        ),
        ("metrics: {cost: {max_increase: .inf}}\n", "gates.yaml:1: metrics.cost.max_increase is "),
        (
            "metrics: {cost: {max_increase: 1%, test: t}}\n",
            "gates.yaml:1: metrics.cost.test is 't': input should be 'auto', 'mwu', 'paired' or ",
        ),
        ("metrics: {cost: {max_increase: 1%, alpha: 5}}\n", "gates.yaml:1: metrics.cost.alpha is"),
        ("final_output: same\n", "gates.yaml:1: final_output is 'same': expected equal, or simi"),
        ("final_output: similar>=2\n", "gates.yaml:1: final_output is 'similar>=2': expected"),
        ("outcome: [same]\n", "gates.yaml:1: outcome is ['same']: input should be 'same' or "),
        ("forbid:\n- tool:x\n- ''\n", "gates.yaml:3: forbid.1 is '': expected a call such as"),
        ("forbid: ['tools:x']\n", "gates.yaml:1: forbid.0 is 'tools:x': there is no kind tools:; "),
        ("require:\n- tool:x\n- TOOL:x\n", "gates.yaml:3: require.1 is 'TOOL:x': there is no kind"),
        ("forbid: ['t*:x']\n", "gates.yaml:1: forbid.0 is 't*:x': there is no kind t*:; there are"),
        ("forbid: ['tool: x']\n", "gates.yaml:1: forbid.0 is 'tool: x': there is a blank at the"),
        ("forbid: ['tool:']\n", "gates.yaml:1: forbid.0 is 'tool:': there is no name after tool:"),
        (
            "metrics: {cost: {max_increase: 10}}\n",
            "gates.yaml:1: metrics.cost.max_increase is 10: as a share it allows +1,000 %; write ",
        ),
        ("metrics: {cost: {max_increase: 1.5}}\n", "gates.yaml:1: metrics.cost.max_increase is 1"),
        ("forbid: tool:x\n", "gates.yaml:1: forbid is 'tool:x': input should be a valid list"),
        ("- a\n", "gates.yaml:1: the file is ['a']: input should be a valid dictionary"),
        ("outcome: same\noutcome: success\n", "gates.yaml:2: outcome is there twice"),
        ("outcome: {\n", "gates.yaml:2: no YAML: "),
        ("outcome: !!python/object:os.system {}\n", "gates.yaml:1: no YAML: could not determine"),
        ("a: &a [*a]\n", "gates.yaml"),
        ("x: 1\ny: 2\n", "gates.yaml:1: unknown key x; there are: structure, outcome, "),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    """And what there is to write instead; the code is that of a usage error."""
    path = tmp_path / "gates.yaml"
    path.write_text(text)
    with pytest.raises(GatesFileError) as raised:
        load_gates(str(path))
    assert str(raised.value).startswith(message)
    assert raised.value.exit_code == 2


def test_a_file_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    """None, too long, not UTF-8; and a few lines that stand for billions of values."""
    with pytest.raises(GatesFileError, match=r"cannot read .*none\.yaml: No such file"):
        load_gates(str(tmp_path / "none.yaml"))
    path = tmp_path / "gates.yaml"
    path.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(GatesFileError, match="longer than 1048576 bytes"):
        load_gates(str(path))
    path.write_bytes(b"outcome: \xff")
    with pytest.raises(GatesFileError, match="no text in UTF-8"):
        load_gates(str(path))
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    path.write_text("\n".join(levels))
    with pytest.raises(GatesFileError, match="holds more than 20000 values"):
        load_gates(str(path))


def test_without_pyyaml_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes with an extra."""
    path = tmp_path / "gates.yaml"
    path.write_text(WHOLE)
    monkeypatch.setattr("agenttrace.cli.yaml_files.find_spec", lambda _name: None)
    with pytest.raises(GatesFileError, match=r"needs pyyaml: pip install 'agenttrace\[diff\]'"):
        load_gates(str(path))
