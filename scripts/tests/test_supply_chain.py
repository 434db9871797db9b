"""C40: what is installed is what was looked at: exact versions with hashes, and no programs run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PINNED: Final = re.compile(r"^[a-z0-9][a-z0-9._-]*(\[[a-z0-9,_-]+\])?==[^ ;\\]+", re.IGNORECASE)
WORKFLOWS: Final = sorted(ROOT.glob(".github/workflows/*.y*ml"))


@pytest.mark.parametrize("name", ["demo.txt", "dev.txt"])
def test_c40_python_requirements_are_exact_and_have_hashes(name: str) -> None:
    """Each of them, so that pip refuses anything else."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    requirements = [each for each in re.split(r"\n(?=\S)", text) if not each.startswith("#")]
    assert len(requirements) > 10
    for requirement in requirements:
        assert PINNED.match(requirement), requirement
        assert "--hash=sha256:" in requirement, requirement


def test_c40_pip_insists_on_the_hashes() -> None:
    """Nothing else is installed on the way, either."""
    recipes = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    lists = [line for line in recipes if "-r requirements/" in line]
    assert len(lists) == 2
    assert all("--require-hashes --no-deps" in line for line in lists)


def test_c40_npm_packages_are_exact_and_run_nothing() -> None:
    """Each has its hash, none wants a program run at its installation, and none would be."""
    lock = json.loads((ROOT / "dashboard/package-lock.json").read_text(encoding="utf-8"))
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert len(packages) > 100
    for name, package in packages.items():
        assert package.get("integrity", "").startswith("sha512-"), name
        assert not package.get("hasInstallScript"), name
    recipes = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    installs = [line for line in recipes if re.search(r"\bnpm (ci|install)\b", line)]
    assert installs
    assert all("npm ci --ignore-scripts" in line for line in installs)


def test_c40_workflows_run_what_was_looked_at() -> None:
    """Actions by their 40 digits, with no rights but those they name, never for a stranger."""
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        for used in re.findall(r"uses:\s*(\S+)", text):
            assert re.search(r"@[0-9a-f]{40}$", used) or used.startswith("./"), (path.name, used)
        assert re.search(r"^permissions:\s*(\{\}|\n\s+contents: read)", text, re.MULTILINE), path
        assert "pull_request_target" not in text
