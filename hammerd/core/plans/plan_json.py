"""Turns a plan into JSON, for scripts that look at it before they let it run."""

from hammerd.core.plans.record import PlanName
from hammerd.core.plans.steps import Plan, Reason, Refused, Step, host_of, shown

Json = dict[str, object]


def plan_json(plan: Plan | Refused, pair: str, name: PlanName) -> Json:
    """Return a plan, or its refusal, as JSON."""
    head: Json = {"pair": pair, "plan": name, "is_refused": isinstance(plan, Refused)}
    if isinstance(plan, Refused):
        return {**head, "reasons": [_reason(each) for each in plan.reasons]}
    return {
        **head,
        "notes": list(plan.notes),
        "before": [_reason(each) for each in plan.before],
        "steps": [_step(each, pair) for each in plan.steps],
        "warnings": list(plan.warnings),
        "question": plan.question,
        "afterwards": list(plan.afterwards),
    }


def _reason(reason: Reason) -> Json:
    return {"what": reason.what, "hint": reason.hint or None}


def _step(step: Step, pair: str) -> Json:
    return {
        "name": step.name,
        "purpose": step.purpose,
        "host": host_of(step.action).login or None,
        "lines": list(shown(step.action, pair)),
        "way_back": list(step.way_back),
    }
