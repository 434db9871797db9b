"""What a run says of the program that recorded it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agenttrace import Tracer
from agenttrace.resource import hide_secrets, list_distributions, list_packages, read_revision
from agenttrace.settings import Settings
from agenttrace.testing import MemoryExporter, collect

ONE, OTHER = "a" * 40, "b" * 40


def write(folder: Path, files: dict[str, str]) -> None:
    """Write these files below the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("files", "revision"),
    [
        ({".git/HEAD": ONE}, ONE),
        ({".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": f"{ONE}\n"}, ONE),
        (
            {
                ".git/HEAD": "ref: refs/heads/main\n",
                ".git/packed-refs": f"# pack\n{OTHER} refs/heads/x\n{ONE} refs/heads/main\n",
            },
            ONE,
        ),
        (
            {
                ".git": "gitdir: main/.git/worktrees/w\n",
                "main/.git/worktrees/w/HEAD": "ref: refs/heads/w\n",
                "main/.git/worktrees/w/commondir": "../..\n",
                "main/.git/refs/heads/w": f"{ONE}\n",
            },
            ONE,
        ),
        ({".git/HEAD": "ref: refs/heads/unborn\n"}, None),
        ({".git/HEAD": "nonsense"}, None),
        ({".git/config": ""}, None),
        ({".git": "gitdir: nowhere"}, None),
    ],
)
def test_the_revision_is_read_from_git_s_own_files(
    tmp_path: Path, files: dict[str, str], revision: str | None
) -> None:
    """A branch, a packed one, a detached head, a worktree; what is not there is absent."""
    write(tmp_path, {**files, "deep/er/agent.py": ""})
    assert read_revision(tmp_path / "deep" / "er") == revision


def test_the_revision_is_the_one_that_git_names() -> None:
    """Of this very repository, when there are both."""
    folder = Path(__file__).parent
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a git repository")
    assert read_revision(folder) == done.stdout.strip()


def test_arguments_that_are_secrets_are_hidden() -> None:
    """By the name before them; everything else is shown."""
    arguments = ["a.py", "--api-key", "s1", "--TOKEN=s2", "password=s3", "--keys", "k", "-v"]
    assert hide_secrets(arguments) == [
        "a.py",
        "--api-key",
        "[redacted]",
        "--TOKEN=[redacted]",
        "password=[redacted]",
        "--keys",
        "k",
        "-v",
    ]


def test_packages_are_those_that_are_loaded() -> None:
    """With the version that is installed."""
    packages = list_packages(list_distributions())
    assert f"pytest=={pytest.__version__}" in packages
    assert packages == sorted(packages)
    assert not [p for p in packages if p.partition("==")[0] not in map(str.lower, sys.modules)]


def test_a_run_s_record_has_them() -> None:
    """Under OpenTelemetry's names where it has one."""
    memory = MemoryExporter()
    tracer = Tracer(exporter=memory, settings=Settings())
    with tracer.run("agent"):
        pass
    (_, run) = collect(tracer, memory)
    resource = run["resource"]  # type: ignore[typeddict-item]  # a run's record
    assert resource["process.command_args"][0] == sys.argv[0][:512]
    assert isinstance(resource["agenttrace.packages"], list)
    tracer.shutdown(timeout_s=5)
