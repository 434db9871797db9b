"""Who records, and what a replay wants to know of the program: read on the worker's thread."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from agenttrace import semconv
from agenttrace.attributes import MAX_ITEMS, clean_text

if TYPE_CHECKING:
    from collections.abc import Mapping

Facts: TypeAlias = "Mapping[str, str | int | list[str]]"

_MAX_ARGUMENTS: Final = 64
_MAX_ARGUMENT_CHARS: Final = 512
_SECRET: Final = re.compile(r"(?i)(^|[-_.])(key|token|secret|password|passwd|auth\w*)$")
_REVISION: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_HIDDEN: Final = "[redacted]"


class Resource:
    """What is written into a run's record under OpenTelemetry's resource names."""

    def __init__(
        self, service_name: str | None, version: str, *, plugins: list[str] | None = None
    ) -> None:
        self._service_name = service_name
        self._version = version
        self._plugins = plugins or []
        self._facts: dict[str, str | int | list[str]] | None = None
        self._distributions: list[tuple[str, str]] | None = None
        self._module_count = -1

    def describe(self) -> Facts:
        """Return the facts. Found out once; the packages anew when more modules are loaded."""
        if self._facts is None:
            self._facts = {**read_process(self._service_name, self._version), **read_program()}
            if self._plugins:
                self._facts[semconv.PLUGINS] = self._plugins
        if self._module_count != len(sys.modules):
            if self._distributions is None:
                self._distributions = list_distributions()
            self._module_count = len(sys.modules)
            packages = list_packages(self._distributions)
            self._facts = {**self._facts, semconv.PACKAGES: packages}
        return self._facts


def read_process(service_name: str | None, version: str) -> dict[str, str | int | list[str]]:
    """Return who records here."""
    program = os.path.basename(sys.argv[0]) if sys.argv else ""  # noqa: PTH119 -- text, not a file
    if program in {"-c", "-m"}:  # python's own way to say that there is no program file
        program = ""
    return {
        semconv.SERVICE_NAME: service_name or program or "python",
        semconv.HOST_NAME: os.uname().nodename if hasattr(os, "uname") else "localhost",
        semconv.PROCESS_PID: os.getpid(),
        semconv.PROCESS_RUNTIME_NAME: sys.implementation.name,
        semconv.PROCESS_RUNTIME_VERSION: sys.version.split()[0],
        semconv.TELEMETRY_SDK_NAME: "agenttrace",
        semconv.TELEMETRY_SDK_VERSION: version,
    }


def read_program() -> dict[str, str | int | list[str]]:
    """Return how the program was started and which revision of its source runs."""
    facts: dict[str, str | int | list[str]] = {
        semconv.PROCESS_COMMAND_ARGS: hide_secrets(sys.argv[:_MAX_ARGUMENTS])
    }
    revision = read_revision(_find_source())
    if revision is not None:
        facts[semconv.VCS_REVISION] = revision
    return facts


def _find_source() -> Path:
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(path).resolve().parent if isinstance(path, str) else Path.cwd()


def hide_secrets(arguments: list[str]) -> list[str]:
    """Return the arguments without what follows a name such as `--api-key` or `--token=`."""
    shown: list[str] = []
    is_secret = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if is_secret:
            is_secret = False
            shown.append(_HIDDEN)
        elif _SECRET.search(name):
            is_secret = not equals and name.startswith("-")
            shown.append(f"{name}={_HIDDEN}" if equals else name)
        else:
            shown.append(argument)
    return [clean_text(argument, _MAX_ARGUMENT_CHARS) for argument in shown]


def read_revision(folder: Path) -> str | None:
    """Return the commit that is checked out where `folder` is; None outside a git repository.

    Reads git's own files and starts no process. Whether files were changed since is not looked at.
    """
    for parent in (folder, *folder.parents):
        found = parent / ".git"
        if found.exists():
            try:
                return _read_head(found)
            except (OSError, ValueError):
                return None
    return None


def _read_head(git: Path) -> str | None:
    if git.is_file():  # a worktree or a submodule: the file says where its folder is
        git = (git.parent / git.read_text().partition("gitdir:")[2].strip()).resolve()
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head if _REVISION.fullmatch(head) else None
    name = head.removeprefix("ref:").strip()
    common = git / "commondir"
    root = (git / common.read_text().strip()).resolve() if common.is_file() else git
    for folder in (git, root):
        reference = folder / name
        if reference.is_file():
            found = reference.read_text().strip()
            return found if _REVISION.fullmatch(found) else None
    return _read_packed(root / "packed-refs", name)


def _read_packed(path: Path, name: str) -> str | None:
    if path.is_file():
        for line in path.read_text().splitlines():
            revision, _, reference = line.partition(" ")
            if reference == name and _REVISION.fullmatch(revision):
                return revision
    return None


def list_distributions() -> list[tuple[str, str]]:
    """Return name and version of what is installed, from the names of the folders alone: 1 ms."""
    found: dict[str, str] = {}
    for entry in sys.path:
        try:
            names = os.listdir(entry or ".")  # noqa: PTH208 -- names, 10 times quicker than Paths
        except OSError:  # a zip, or no longer there
            continue
        for folder in names:
            if folder.endswith(".dist-info"):
                name, _, version = folder.removesuffix(".dist-info").partition("-")
                found.setdefault(name.lower().replace("-", "_"), version)
    return list(found.items())


def list_packages(distributions: list[tuple[str, str]]) -> list[str]:
    """Return `name==version` of the distributions that have a module of their name loaded."""
    loaded = {name.lower() for name in list(sys.modules) if "." not in name}
    found = [f"{name}=={version}" for name, version in distributions if name in loaded]
    return sorted(found)[:MAX_ITEMS]
