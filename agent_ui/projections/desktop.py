"""The slots of an agent's desktop: ``me`` and one ``work:`` per interaction in hand. Pure.

Instants go out as they are (the encoder writes ISO 8601); the page counts, so a slot changes only when a fact does.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from contactcenter.core.ids import AgentId, QueueId, SkillId
from contactcenter.customers.numbers import formatted
from contactcenter.interactions.live import LiveAgent, Picture
from contactcenter.interactions.model import Alert, Interaction, Outcome, Segment, Visit
from contactcenter.queues.model import Queue

_BY_ROUTER: Final = frozenset({"no-answer", "rejected", "phone", "busy"})
BEST_NAMED: Final = 2


def shown_number(item: Interaction) -> str:
    """Return the caller's number spaced for people; the same before the card is there and after, a restart included."""
    return (item.card or {}).get("number") or formatted(item.caller_number)


def me_slot(agent: LiveAgent, picture: Picture, waiting: "Waiting") -> dict[str, Any]:
    """Return the agent's own three states; ``waiting`` is who stands in line (``waiting_view``)."""
    device = agent.device
    link = picture.links.get(device.server_id)
    busy = agent.work != "idle"
    return {
        "agent_id": agent.agent_id,
        "name": agent.record.name,
        "initials": agent.record.initials,
        "presence": {"state": agent.presence, "reason": agent.reason, "since": agent.presence_since},
        "work": {
            "state": "reserved" if agent.work == "revoking" else agent.work,
            "interaction_id": agent.interaction_id,
            "since": agent.work_since,
            "until": agent.until,
        },
        "device": {
            "usable": agent.device_usable,
            "kind": agent.record.device.kind.value,
            "endpoint": device.endpoint,
            "mode": device.mode.value,
            "simulated": picture.is_simulated,
        },
        "capacity": {"voice": {"used": int(busy), "max": agent.record.capacity.get("voice", 0)}},
        "waiting": _waiting_for(agent, picture, waiting),
        "link": {"pbx": "up" if link and link.up else "down", "reason": link.reason if link else "connecting"},
        "notice": _notice(agent),
    }


Waiting = Mapping[QueueId, Sequence[datetime]]
"""Of every queue with a line, since when each call waits that rings nowhere."""


def waiting_view(picture: Picture) -> Waiting:
    """Return who stands in line, by queue; made once for all desktops."""
    view: dict[QueueId, list[datetime]] = {}
    for item in picture.waiting():
        if item.visit and item.alert is None:
            view.setdefault(item.visit.queue_id, []).append(item.visit.entered_at)
    return view


def _waiting_for(agent: LiveAgent, picture: Picture, waiting: Waiting) -> dict[str, Any]:
    """Return how many wait in the queues the agent serves, and since when the first."""
    queues = picture.queues  # the view is up to 2 s old: in a process that shows another's picture one may be gone
    served = (entered for one, entered in waiting.items() if one in queues and serves(agent, queues[one]))
    entered = [at for line in served for at in line]
    return {"count": len(entered), "longest_since": min(entered, default=None)}


def serves(agent: LiveAgent, queue: Queue) -> bool:
    """Tell whether the agent takes calls of the queue and has what it asks of everybody when a call enters."""
    record, skills = agent.record, agent.record.skills
    return (
        record.capacity.get("voice", 0) > 0
        and (record.queues is None or queue.queue_id in record.queues)
        and all(skills.get(skill, 0) >= level for skill, level in queue.skills.items())
        and all(any(skills.get(skill, 0) >= level for skill, level in group.items()) for group in queue.any_of)
        and (not queue.teams or record.team_id in queue.teams)
    )


def _notice(agent: LiveAgent) -> dict[str, Any] | None:
    """Return why the router made this agent not ready, as long as it holds."""
    if agent.presence != "not-ready" or agent.reason not in _BY_ROUTER:
        return None
    return {"code": agent.reason, "at": agent.presence_since}


def work_slot(item: Interaction, agent_id: AgentId, picture: Picture) -> dict[str, Any] | None:
    """Return an interaction as one of the agents who hold it sees it; None for any other."""
    agent, visit = picture.agents.get(agent_id), item.visit
    alert = item.alert if item.alert is not None and item.alert.agent_id == agent_id else None
    part = item.part_of(agent_id) if alert is None else None
    if agent is None or visit is None or (alert is None and part is None):
        return None
    queue_id = part.queue_id if part is not None else visit.queue_id
    queue = picture.queues.get(queue_id)
    return {
        "interaction_id": item.interaction_id,
        "medium": "voice",
        "state": _state(item, alert, part),
        "queue": {"id": queue_id, "name": queue.name if queue else ""},
        "caller": _caller(item),
        **_title(item),
        **_wait(visit, part),
        "priority": visit.priority + (queue.priority if queue else 0),
        "vip": item.vip,
        "choices": list(item.choices),
        "target_time": queue.target_time if queue else 0.0,
        "dispositions": _dispositions(queue),
        "needs_disposition": bool(queue and queue.needs_disposition) and item.outcome is not Outcome.UNREACHED,
        "tickets": _tickets(item),
        "callback": _callback(item),
        "transfer": _transfer(item, part, picture),
        **(_alert_part(alert, agent, picture) if alert else _NO_ALERT),
        **(_segment_part(part, queue, picture) if part else _NO_SEGMENT),
    }


_NO_ALERT: Final[Mapping[str, Any]] = {
    "alerted_at": None,
    "expires_at": None,
    "ring_time": None,
    "reservation_id": None,
    "leg_id": None,
    "why": None,
}
_NO_SEGMENT: Final[Mapping[str, Any]] = {
    "answered_at": None,
    "ended_at": None,
    "ended_by": "",
    "talk_time": None,
    "held_since": None,
    "hold_time": 0.0,
    "transferred_to": None,
    "disposition": "",
    "note": "",
    "note_saved_at": None,
    "wrap_up": None,
}


def _state(item: Interaction, alert: Alert | None, part: Segment | None) -> str:
    if alert is not None:
        return "alerting"
    return "talking" if part is item.segment and item.is_conversation else "wrap-up"


def _wait(visit: Visit, part: Segment | None) -> dict[str, Any]:
    """Return since when he was in the line he was taken from, and the seconds it was; 0 while it is not over."""
    if part is None:
        return {"entered_at": visit.entered_at, "waited": 0.0}
    entered_at = part.entered_at or part.answered_at
    return {"entered_at": entered_at, "waited": (part.answered_at - entered_at).total_seconds()}


def _transfer(item: Interaction, part: Segment | None, picture: Picture) -> dict[str, Any] | None:
    """Return who sent the customer here, and what he noted; None where nobody did."""
    parts = item.segments
    before = parts[: parts.index(part)] if part is not None else parts
    last = before[-1] if before else None
    if last is None or last.transferred_to is None:
        return None
    queue = picture.queues.get(last.queue_id)
    return {
        "agent": named(last.agent_id, picture),
        "queue": {"id": last.queue_id, "name": queue.name if queue else ""},
        "at": last.ended_at,
        "note": last.note,
    }


def _caller(item: Interaction) -> dict[str, Any]:
    card = item.card or {}
    return {
        "number": shown_number(item),
        "raw": item.caller_number,
        "name": item.caller_name,
        "withheld": bool(card.get("withheld", not item.caller_number)),
    }


def _title(item: Interaction) -> dict[str, Any]:
    """Return who it is, as far as known: the person's name, what the network told, the number."""
    card = item.card or {}
    person = card.get("person")
    organisation = (person or {}).get("organisation")
    title = person["name"] if person else item.caller_name or shown_number(item)
    return {"title": title, "subtitle": organisation["name"] if organisation else ""}


def _dispositions(queue: Queue | None) -> list[dict[str, str]]:
    return [{"code": one.code, "label": one.label} for one in queue.dispositions if one.is_active] if queue else []


def _callback(item: Interaction) -> dict[str, Any] | None:
    """Return how far the call of a customer is who is called back: ``result`` '' while it rings, or when he answered.

    ``next_at``: when he is called again.
    """
    one = item.callback
    if one is None:
        return None
    return {
        "asked_at": one.asked_at,
        "attempts": one.attempts,
        "is_reached": one.reached_at is not None,
        "result": one.result.value,
        "next_at": one.next_at,
    }


def _tickets(item: Interaction) -> list[dict[str, Any]]:
    tickets = (item.card or {}).get("call_tickets", [])
    return list(tickets)


def _alert_part(alert: Alert, agent: LiveAgent, picture: Picture) -> dict[str, Any]:
    return {
        "alerted_at": alert.alerted_at,
        "expires_at": alert.expires_at,
        "ring_time": (alert.expires_at - alert.alerted_at).total_seconds(),
        "reservation_id": alert.reservation_id,
        "leg_id": alert.reservation_id,
        "why": why_view(alert.why, agent, picture, alert.alerted_at),
    }


def _segment_part(segment: Segment, queue: Queue | None, picture: Picture) -> dict[str, Any]:
    to = picture.queues.get(segment.transferred_to) if segment.transferred_to else None
    return {
        "alerted_at": segment.alerted_at,
        "reservation_id": segment.segment_id,
        "leg_id": segment.segment_id,
        "answered_at": segment.answered_at,
        "ended_at": segment.ended_at,
        "ended_by": segment.ended_by.value if segment.ended_by else "",
        "talk_time": segment.talk_time,
        "held_since": segment.held_since,
        "hold_time": segment.hold_time,
        "transferred_to": {"id": to.queue_id, "name": to.name} if to else None,
        "disposition": segment.disposition,
        "note": segment.note,
        "note_saved_at": segment.note_saved_at,
        "wrap_up": _wrap_up(segment, queue),
    }


def _wrap_up(segment: Segment, queue: Queue | None) -> dict[str, Any] | None:
    if segment.wrap_up_until is None or segment.ended_at is None:
        return None
    return {
        "until": segment.wrap_up_until,
        "limit": (segment.wrap_up_until - segment.ended_at).total_seconds(),
        "extension": queue.wrap_up_extension if queue else 0.0,
        "extensions_left": max(0, (queue.extensions if queue else 0) - segment.extensions),
    }


def why_view(why: Mapping[str, Any], agent: LiveAgent, picture: Picture, at: datetime) -> dict[str, Any] | None:
    """Return the decision's reason with names in place of ids; codes stay codes, the page words them."""
    if not why:
        return None
    best = [one for one in why["best"] if one["id"] in picture.agents]
    idle_since = next((one["since"] for one in best if one["id"] == agent.agent_id), None)
    others = [picture.agents[AgentId(one["id"])].record.name for one in best if one["id"] != agent.agent_id]
    return {
        "number": why["number"],
        "rule": why["rule"],
        "considered": why["considered"],
        "eligible": why["candidates"],
        "skills": [_skill(one, agent, picture) for one in why["requirement"]],
        "passed": [passed_view(one, picture) for one in why["passed"]],
        "idle_for": at.timestamp() - idle_since if idle_since is not None else None,
        "next": {"agent": others[0]} if others else None,
    }


def _skill(need: Mapping[str, Any], agent: LiveAgent, picture: Picture) -> dict[str, Any]:
    skill_id = SkillId(need["skill"])
    have = agent.record.skills.get(skill_id, 0)
    return {"name": picture.skill_labels.get(skill_id, skill_id), "need": need["level"], "have": have}


def passed_view(passed: Mapping[str, Any], picture: Picture) -> dict[str, Any]:
    """Return one reason why agents were passed over, skills and agents by name."""
    view = dict(passed)
    if "skill" in view:
        view["skill"] = picture.skill_labels.get(SkillId(view["skill"]), view["skill"])
    if "agents" in view:
        view["agents"] = [named(AgentId(one), picture) for one in view["agents"]]
    return view


def named(agent_id: AgentId, picture: Picture) -> dict[str, str]:
    """Return an agent's id and name."""
    agent = picture.agents.get(agent_id)
    return {"id": agent_id, "name": agent.record.name if agent else ""}


LOADING_CARD: Final[Mapping[str, Any]] = {
    "person": None,
    "confidence": 0,
    "because": "none",
    "candidates": [],
    "open_tickets": [],
    "history": [],
    "history_total": 0,
    "loading": True,
}


def card_slot(item: Interaction) -> Mapping[str, Any]:
    """Return the customer card; still loading until the look-up has answered."""
    return item.card or LOADING_CARD
