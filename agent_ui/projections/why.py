"""The account of a waiting (or assigned) interaction as the live page shows it. Pure: codes and names, no sentences."""

from collections.abc import Mapping
from typing import Any, Final

from agent_ui.projections.desktop import passed_view
from contactcenter.core.clock import from_timestamp
from contactcenter.core.ids import AgentId, SkillId
from contactcenter.interactions.live import Picture

_KINDS: Final[Mapping[str, str]] = {
    "wrap-up-ends": "agent-frees",
    "reservation-expires": "deadline",
    "requirement-relaxes": "relaxes",
    "delay-passes": "delay",
    "becomes-late": "late",
    "window-ends": "window",
}
_STATES: Final[Mapping[str, str]] = {"waiting": "waiting", "reserved": "assigned", "revoking": "assigned"}


def why_panel(told: Mapping[str, Any], picture: Picture) -> dict[str, Any]:
    """Return the panel for ``InteractionService.why``'s answer: the present account, else the last kept decision."""
    if told["now"] is not None:
        return _present(told["now"], picture)
    kept = told["decisions"][-1]["why"] if told["decisions"] else None
    return _kept(kept, picture) if kept else _NOTHING | {"state": "ended"}


_NOTHING: Final[dict[str, Any]] = {
    "place": None,
    "of": 0,
    "wait": None,
    "considered": 0,
    "needs": [],
    "passed": [],
    "next": [],
    "arithmetic": [],
}


def _present(now: Mapping[str, Any], picture: Picture) -> dict[str, Any]:
    return {
        "state": _STATES.get(now["state"], "ended"),
        "place": now["place"],
        "of": now["waiting"],
        "wait": now.get("wait"),
        "considered": now["considered"],
        "needs": [_need(one, picture) for one in now["requirement"]],
        "passed": [passed_view(one, picture) for one in now["passed"]],
        "next": [_change(one, picture) for one in now["next"]],
        "arithmetic": _arithmetic(now, picture),
    }


def _kept(why: Mapping[str, Any], picture: Picture) -> dict[str, Any]:
    return {
        **_NOTHING,
        "state": "ended",
        "of": why["waiting"],
        "considered": why["considered"],
        "needs": [_need(one, picture) for one in why["requirement"]],
        "passed": [passed_view(one, picture) for one in why["passed"]],
    }


def _need(need: Mapping[str, Any], picture: Picture) -> dict[str, Any]:
    skill = SkillId(need["skill"])
    return {"skill": picture.skill_labels.get(skill, skill), "level": need["level"]}


def _change(change: Mapping[str, Any], picture: Picture) -> dict[str, Any]:
    agent = picture.agents.get(AgentId(change["agent_id"]))
    kind = _KINDS.get(change["change"], "deadline")
    return {"kind": kind, "at": from_timestamp(change["at"]), "agent": agent.record.name if agent else None}


def _arithmetic(now: Mapping[str, Any], picture: Picture) -> list[dict[str, Any]]:
    """Return what the place in line is made of; the parts add up to the priority the router ranks by."""
    queue = picture.queues.get(now["queue_id"])
    base = queue.priority if queue else 0
    return [
        {"label_code": "queue-priority", "value": base},
        {"label_code": "call-priority", "value": now["priority"] - base},
    ]
