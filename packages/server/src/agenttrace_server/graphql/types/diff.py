"""Two runs side by side: rows, where they begin to differ, and why."""

from __future__ import annotations

import asyncio
from typing import Final, Self

import strawberry
from strawberry import Private, field

from agenttrace import diff as library
from agenttrace.diff.fields.paths import compile_narrow
from agenttrace.errors import ConfigurationError
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.diff_changes import DiffChange, load_changes
from agenttrace_server.graphql.types.diff_enums import (
    DiffCauseKind,
    DiffFlag,
    DiffJsonStrings,
    DiffSide,
    DiffVerdict,
    DiffWarningCode,
)
from agenttrace_server.graphql.types.diff_figures import DiffAggregates
from agenttrace_server.graphql.types.diff_rows import (
    DiffRowConnection,
    DiffRowFilter,
    DiffSpan,
    list_flags,
    list_rows,
)
from agenttrace_server.graphql.types.run import Run
from agenttrace_server.services.diffs import KeptDiff, list_changed_parts

MAX_PATHS: Final = 32
MAX_PATH_CHARS: Final = 256
MAX_ORIGINS: Final = 100
_OWN: Final = ""
"""In the place of a span's id: the run itself."""


@strawberry.input(
    description="What a comparison leaves out of account. A path is a JSONPath (RFC 9535) without "
    "filters, with `..` once at most and one name in brackets, from `$`, which has one of `input`, "
    "`output`, `attributes` and `error`: `$.input.request_id`. At most 32 paths of 256 characters."
)
class DiffOptions:
    """See the description, which is public."""

    ignore: list[str] | None = field(default=None, description="Paths that do not count.")
    unordered: list[str] | None = field(
        default=None, description="Paths of lists whose order says nothing."
    )
    builtin_masks: bool = field(
        default=True, description="Whether ids, times and temporary paths are masked."
    )
    numeric_abs: float = field(
        default=0.0, description="Numbers that differ by no more are equal; from 0."
    )
    numeric_rel: float = field(
        default=0.0, description="As `numericAbs`, but times the greater of the two."
    )
    parse_json_strings: DiffJsonStrings = field(
        default=DiffJsonStrings.ARGUMENTS,
        description="Which texts are compared as the JSON that they hold.",
    )


def read_rules(options: DiffOptions | None) -> library.Rules:
    """Return the rules that options stand for.

    Raises:
        InvalidArgumentError: a path that is none or could take long, or a tolerance below 0.

    """
    if options is None:
        return library.DEFAULT
    paths = [*(options.ignore or ()), *(options.unordered or ())]
    if len(paths) > MAX_PATHS or any(len(path) > MAX_PATH_CHARS for path in paths):
        raise InvalidArgumentError(
            f"options has at most {MAX_PATHS} paths of {MAX_PATH_CHARS} characters"
        )
    for path in paths:
        if "?" in path:  # a filter may hold a pattern that takes for ever
            raise InvalidArgumentError(f"options: {path!r} has a filter, which is not taken here")
    try:
        rules = library.read_rules(
            {
                "ignore": options.ignore or [],
                "unordered": options.unordered or [],
                "builtin_masks": options.builtin_masks,
                "numeric": {"abs": options.numeric_abs, "rel": options.numeric_rel},
                "parse_json_strings": options.parse_json_strings.value,
            }
        )
        for path in paths:  # one that comes to a place by many ways would take for ever
            compile_narrow(path)
    except (library.RulesError, ConfigurationError) as error:
        raise InvalidArgumentError(f"options: {error}") from error
    return rules


@strawberry.type(description="How many rows have each outcome.")
class DiffCounts:
    """See the description, which is public."""

    unchanged: int = field(description="The same on both sides.")
    changed: int = field(description="Other content.")
    added: int = field(description="In head alone.")
    removed: int = field(description="In base alone.")
    moved: int = field(description="Elsewhere, or in another order.")
    renamed: int = field(description="Another name.")
    wrapped: int = field(description="In head alone, around what was there.")
    unwrapped: int = field(description="In base alone, around what stays.")


@strawberry.type(description="A fact that a cause rests on, as short texts.")
class DiffEvidence:
    """See the description, which is public."""

    name: str = field(description="What it is about, such as `output` or `input.messages`.")
    base: str | None = field(description="What base has there.")
    head: str | None = field(description="What head has there.")


@strawberry.type(description="Why a difference may have begun.")
class DiffCause:
    """See the description, which is public."""

    kind: DiffCauseKind = field(description="By which rule.")
    detail: str | None = field(description="More of it, such as `system_prompt`.")
    evidence: list[DiffEvidence] = field(description="What the rule rests on.")
    action: str | None = field(description="What would prove or refute it.")

    @classmethod
    def from_cause(cls, cause: library.Cause) -> Self:
        """Return a cause with its evidence."""
        evidence = [DiffEvidence(name=e.name, base=e.base, head=e.head) for e in cause.evidence]
        return cls(
            kind=DiffCauseKind(cause.kind.value),
            detail=cause.detail,
            evidence=evidence,
            action=cause.action,
        )


@strawberry.type(description="Where a difference begins: no other one comes before it.")
class DiffOrigin:
    """See the description, which is public."""

    base: DiffSpan | None = field(description="Its span in base.")
    head: DiffSpan | None = field(description="Its span in head.")
    path: str = field(description="The names from the top down to it.")
    is_run: bool = field(
        description="Whether it is the run itself, by what it was given or how it ended: then it "
        "has no span on either side."
    )
    cause: DiffCause = field(description="Why it may be.")
    propagated: int = field(description="How many rows follow from it.")


@strawberry.type(description="The first place where two runs differ, by the order of base.")
class DiffDivergence:
    """See the description, which is public."""

    span_id: str = field(description="The span, 16 hexadecimal digits; empty: the run itself.")
    side: DiffSide = field(description="Whose span that is.")
    name: str = field(description="Its name.")
    path: str = field(description="The names from the top down to it.")
    cause: DiffCause = field(description="Why it may be.")


@strawberry.type(description="Something to know before trusting a comparison.")
class DiffWarning:
    """See the description, which is public."""

    code: DiffWarningCode = field(description="For programs.")
    message: str = field(description="For people.")
    side: DiffSide | None = field(description="Whose it is; null: of both.")


@strawberry.type(
    description="What differs from one run (base) to another (head). Ids, times and figures are "
    "no content; figures are compared apart."
)
class RunDiff:
    """See the description, which is public."""

    kept: Private[KeptDiff]
    base: Run = field(description="The run that is compared with.")
    head: Run = field(description="The run that is judged.")
    verdict: DiffVerdict = field(description="The comparison in a word.")
    identical: bool = field(
        description="Whether content, structure and order are the same, and all of both is known: "
        "`verdict` is IDENTICAL."
    )
    approx: bool = field(
        description="Whether a smaller difference may exist: the cost is not proven the least."
    )
    cost: float = field(
        description="What the edits cost: 1 for a span added, removed or renamed, 0.5 for one "
        "changed or moved, and for the run itself."
    )
    base_digest: str = field(description="Of base's content by the rules; equal ones are equal.")
    head_digest: str = field(description="Of head's content by the rules.")
    run_flags: list[DiffFlag] = field(description="What of the runs' own values differs.")
    run_origin: int | None = field(
        description="What those differences follow from, or the run itself: its place in `origins`."
    )

    @resolver("How many rows have each outcome.")
    def counts(self) -> DiffCounts:
        """See the description, which is public."""
        counts = self.kept.diff.counts
        return DiffCounts(**{name: getattr(counts, name) for name in counts.__dataclass_fields__})

    @resolver(
        "What differs within the runs' own input, output and error; at most 100 of each. Values "
        "beyond 1 MiB are not looked into."
    )
    async def run_changes(self, info: Info) -> list[DiffChange]:
        """See the description, which is public."""
        diff = self.kept.diff
        owners = ((diff.base.run_id, _OWN), (diff.head.run_id, _OWN))
        return await load_changes(info, owners, list_changed_parts(diff.run_flags), diff.rules)

    @resolver("The first origin; null when there is none.")
    def first_divergence(self) -> DiffDivergence | None:
        """See the description, which is public."""
        found = self.kept.diff.first_divergence
        if found is None:
            return None
        return DiffDivergence(
            span_id=found.span_id,
            side=DiffSide(found.side),
            name=found.name,
            path=found.path,
            cause=DiffCause.from_cause(found.cause),
        )

    @resolver("Where differences begin, in the order of base; at most 100.")
    def origins(self) -> list[DiffOrigin]:
        """See the description, which is public."""
        diff = self.kept.diff
        return [
            DiffOrigin(
                base=DiffSpan.from_ref(diff.base, origin.base),
                head=DiffSpan.from_ref(diff.head, origin.head),
                path=origin.path,
                is_run=origin.is_run,
                cause=DiffCause.from_cause(origin.cause),
                propagated=origin.propagated,
            )
            for origin in diff.origins[:MAX_ORIGINS]
        ]

    @resolver("A word on figures, where they alone differ and by much.")
    def performance(self) -> DiffCause | None:
        """See the description, which is public."""
        found = self.kept.diff.performance
        return None if found is None else DiffCause.from_cause(found)

    @resolver("What both runs add up to.")
    def aggregates(self) -> DiffAggregates:
        """See the description, which is public."""
        return DiffAggregates.from_aggregates(self.kept.diff.aggregates)

    @resolver("What to know before trusting the comparison.")
    def warnings(self) -> list[DiffWarning]:
        """See the description, which is public."""
        return [
            DiffWarning(
                code=DiffWarningCode(warning.code.value),
                message=warning.message,
                side=None if warning.side is None else DiffSide(warning.side),
            )
            for warning in self.kept.diff.warnings
        ]

    @resolver(
        "The spans of both runs as one tree in pre-order, what only base has at its place among "
        "those of head; 50 a page, at most 200."
    )
    async def rows(
        self,
        filter: DiffRowFilter | None = None,  # noqa: A002 -- the schema's name
        first: int | None = None,
        after: str | None = None,
    ) -> DiffRowConnection:
        """See the description, which is public."""
        # Apart: to go through 40,000 rows for each of thirty fields would hold up everybody else.
        return await asyncio.to_thread(list_rows, self.kept, filter, first=first, after=after)

    @classmethod
    def from_kept(cls, kept: KeptDiff, base: Run, head: Run) -> Self:
        """Return the GraphQL object of a comparison."""
        diff = kept.diff
        verdict = library.find_verdict(diff)
        return cls(
            kept=kept,
            base=base,
            head=head,
            verdict=DiffVerdict(verdict.value),
            identical=verdict is library.Verdict.IDENTICAL,
            approx=diff.approx,
            cost=diff.cost,
            base_digest=diff.base.digest,
            head_digest=diff.head.digest,
            run_flags=list_flags(diff.run_flags),
            run_origin=diff.run_origin,
        )
