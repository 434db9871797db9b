"""A comparison of groups and its gates as JSON, with GraphQL's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agenttrace.diff.gates.model import GateReport
    from agenttrace.diff.groups.model import (
        AttributeRow,
        GroupComparison,
        GroupRef,
        MetricComparison,
        PartRow,
        RateComparison,
        Sample,
        StructureRow,
        TransitionRow,
    )
    from agenttrace.diff.statistics import Evidence, Judgement, Rate


def shape_gates(report: GateReport) -> dict[str, Any]:
    """Return gates as JSON."""
    return {
        "status": report.status.value.upper(),
        "results": [
            {
                "name": result.name,
                "status": result.status.value.upper(),
                "message": result.message,
                "details": list(result.details),
            }
            for result in report.results
        ],
    }


def shape_groups(comparison: GroupComparison) -> dict[str, Any]:
    """Return a `GroupComparison` as JSON; unknown is null."""
    options = comparison.options
    return {
        "alpha": options.alpha,
        "minEffect": options.min_effect,
        "margin": options.margin,
        "seed": options.seed,
        "base": _shape_ref(comparison.base),
        "head": _shape_ref(comparison.head),
        "pairs": comparison.pairs,
        "success": _shape_success(comparison.success),
        "metrics": [_shape_metric(row) for row in comparison.metrics],
        "structure": [_shape_structure(row) for row in comparison.structure],
        "transitions": [_shape_transition(row) for row in comparison.transitions],
        "attributes": [_shape_attribute(row) for row in comparison.attributes],
        "parts": [_shape_part(row) for row in comparison.parts],
        "warnings": [
            {
                "code": each.code.upper(),
                "message": each.message,
                "side": None if each.side is None else each.side.upper(),
            }
            for each in comparison.warnings
        ],
    }


def _shape_ref(ref: GroupRef) -> dict[str, Any]:
    return {"runs": len(ref.run_ids), "runIds": list(ref.run_ids), "names": list(ref.names)}


def _shape_rate(rate: Rate) -> dict[str, Any]:
    return {"hits": rate.hits, "total": rate.total, "share": rate.share}


def _shape_evidence(evidence: Evidence) -> dict[str, Any]:
    interval = evidence.interval
    return {
        "test": evidence.test.value.upper(),
        "baseCount": evidence.base_count,
        "headCount": evidence.head_count,
        "scale": evidence.scale.value.upper(),
        "p": evidence.p,
        "smallestP": evidence.smallest_p,
        "effect": evidence.effect,
        "interval": None
        if interval is None
        else {"low": interval.low, "high": interval.high, "method": interval.method.value.upper()},
        "detectable": evidence.detectable,
    }


def _shape_judgement(judgement: Judgement) -> dict[str, Any]:
    return {"verdict": judgement.verdict.value.upper(), "reason": judgement.reason}


def _shape_sample(sample: Sample) -> dict[str, Any]:
    return {
        "total": sample.total,
        "known": sample.known,
        "coverage": sample.coverage,
        "mean": sample.mean,
        "median": sample.median,
        "low": sample.low,
        "high": sample.high,
    }


def _shape_success(success: RateComparison) -> dict[str, Any]:
    return {
        "base": _shape_rate(success.base),
        "head": _shape_rate(success.head),
        **_shape_judgement(success.judgement),
        "evidence": _shape_evidence(success.evidence),
    }


def _shape_metric(row: MetricComparison) -> dict[str, Any]:
    return {
        "name": row.metric.name,
        "unit": row.metric.unit,
        "base": _shape_sample(row.base),
        "head": _shape_sample(row.head),
        "change": row.change,
        "percent": row.percent,
        **_shape_judgement(row.judgement),
        "pAdjusted": row.p_adjusted,
        "evidence": _shape_evidence(row.evidence),
    }


def _shape_structure(row: StructureRow) -> dict[str, Any]:
    return {
        "key": row.key,
        "base": _shape_rate(row.base),
        "head": _shape_rate(row.head),
        "baseCalls": row.base_calls,
        "headCalls": row.head_calls,
        "pAdjusted": row.p_adjusted,
        "callsPAdjusted": row.calls_p,
        "isSignificant": row.is_significant,
        "evidence": _shape_evidence(row.evidence),
    }


def _shape_transition(row: TransitionRow) -> dict[str, Any]:
    return {
        "before": row.before,
        "after": row.after,
        "base": _shape_rate(row.base),
        "head": _shape_rate(row.head),
        "pAdjusted": row.p_adjusted,
        "isSignificant": row.is_significant,
    }


def _shape_attribute(row: AttributeRow) -> dict[str, Any]:
    return {
        "key": row.key,
        "value": row.value,
        "base": _shape_rate(row.base),
        "head": _shape_rate(row.head),
        "baseMedian": row.base_median,
        "headMedian": row.head_median,
        "difference": row.difference,
        "pAdjusted": row.p_adjusted,
        "isSignificant": row.is_significant,
    }


def _shape_part(row: PartRow) -> dict[str, Any]:
    return {
        "by": row.by.upper(),
        "key": row.key,
        "name": row.metric.name,
        "unit": row.metric.unit,
        "base": _shape_sample(row.base),
        "head": _shape_sample(row.head),
        "pAdjusted": row.p_adjusted,
        "isSignificant": row.is_significant,
        "evidence": _shape_evidence(row.evidence),
    }
