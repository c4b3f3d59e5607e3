"""The slots of the supervisor's live page. Pure."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from agent_ui.projections.desktop import serves, shown_number
from contactcenter.core.ids import AgentId
from contactcenter.interactions.audit import Healed
from contactcenter.interactions.figures import AT_ONCE, DayFigures, Wait
from contactcenter.interactions.live import LiveAgent, Picture
from contactcenter.interactions.model import Interaction, Phase
from contactcenter.queues.limits import is_open
from contactcenter.queues.model import Queue

CHECKS_SHOWN: Final = 5
_WORK: Final[Mapping[str, str]] = {"reserved": "alert", "revoking": "alert", "handling": "talking", "wrap-up": "wrap"}
_PRESENCE: Final[Mapping[str, str]] = {"ready": "ready", "not-ready": "away", "offline": "off"}


def agent_state(agent: LiveAgent) -> tuple[str, str, datetime | None]:
    """Return (state, reason, since): what the agent works on, else the dead device, else the chosen presence."""
    if agent.work in _WORK:
        return _WORK[agent.work], "", agent.work_since
    if agent.presence == "ready" and not agent.device_usable:
        return "off", "pbx" if agent.device_reason == "pbx" else "phone", agent.presence_since
    since = max((at for at in (agent.presence_since, agent.work_since) if at), default=None)
    return _PRESENCE[agent.presence], agent.reason, since


def agent_slot(agent: LiveAgent, picture: Picture) -> dict[str, Any]:
    """Return one agent's tile."""
    state, reason, since = agent_state(agent)
    item = picture.interactions.get(agent.interaction_id) if agent.interaction_id else None
    part = item.part_of(agent.agent_id) if item else None
    queue_id = part.queue_id if part else item.visit.queue_id if item and item.visit else None
    queue = picture.queues.get(queue_id) if queue_id else None
    if part is not None and part.held_since is not None and state == "talking":
        state, since = "hold", part.held_since
    return {
        "agent_id": agent.agent_id,
        "name": agent.record.name,
        "state": state,
        "reason": reason,
        "since": since,
        "queue": queue.name if queue else "",
        "interaction_id": agent.interaction_id,
        "team": agent.record.team_name,
    }


def queue_slot(queue: Queue, picture: Picture, figures: DayFigures, now: datetime) -> dict[str, Any]:
    """Return one queue's row: who waits, today's figures, who could answer, what one who comes now has to wait."""
    waiting = [item.visit.entered_at for item in picture.waiting(queue.queue_id) if item.visit]
    staffed = [one for one in picture.agents.values() if one.presence != "offline" and serves(one, queue)]
    ready = sum(agent_state(one)[0] == "ready" for one in staffed)
    today = figures.of(queue.queue_id)
    ahead = sum(not item.vip and item.alert is None for item in picture.waiting(queue.queue_id))
    opening = queue.hours.read() if queue.hours is not None else None
    return {
        "queue_id": queue.queue_id,
        "name": queue.name,
        "priority": queue.priority,
        "target_time": queue.target_time,
        "goal": queue.goal,
        "waiting": len(waiting),
        "longest_since": min(waiting, default=None),
        "offered": today.offered,
        "answered": today.answered,
        "abandoned": today.abandoned,
        "short_abandoned": today.short_abandoned,
        "in_target": today.in_target,
        "service_level": today.service_level(),
        "service_level_15": today.service_level_recent(now),
        "flowed_out": today.flowed_out,
        "ready": ready,
        "staffed": len(staffed),
        "wait": AT_ONCE if ready and not waiting else figures.wait(queue.queue_id, ahead, vip=False),
        "is_open": is_open(queue, now),
        "opens_at": opening.opens_at(now) if opening is not None and not opening.is_open(now) else None,
    }


def transfer_queues(picture: Picture, now: datetime) -> list[dict[str, Any]]:
    """Return the queues an agent may send a customer to, by name: who waits there, and who could take him now."""
    queues = sorted((one for one in picture.queues.values() if one.is_active), key=lambda one: one.name.casefold())
    return [_transfer_queue(one, picture, now) for one in queues]


def _transfer_queue(queue: Queue, picture: Picture, now: datetime) -> dict[str, Any]:
    waiting = [item.visit.entered_at for item in picture.waiting(queue.queue_id) if item.visit]
    serving = (one for one in picture.agents.values() if serves(one, queue))
    return {
        "queue_id": queue.queue_id,
        "name": queue.name,
        "waiting": len(waiting),
        "longest_since": min(waiting, default=None),
        "ready": sum(agent_state(one)[0] == "ready" for one in serving),
        "is_open": is_open(queue, now),
    }


def waiting_slot(item: Interaction, place: int, picture: Picture, wait: Wait | None = None) -> dict[str, Any] | None:
    """Return one line of the waiting list, ``wait``: how much longer; None when it does not wait."""
    visit = item.visit
    if visit is None or item.phase not in (Phase.WAITING, Phase.ALERTING):
        return None
    queue = picture.queues.get(visit.queue_id)
    person = (item.card or {}).get("person")
    agent = picture.agents.get(item.alert.agent_id) if item.alert else None
    return {
        "interaction_id": item.interaction_id,
        "caller": shown_number(item),
        "name": person["name"] if person else item.caller_name,
        "queue": {"id": visit.queue_id, "name": queue.name if queue else ""},
        "since": visit.entered_at,
        "priority": visit.priority + (queue.priority if queue else 0),
        "vip": item.vip,
        "place": place,
        "wait": wait,
        "state": "alerting" if item.alert else "waiting",
        "agent": agent.record.name if agent else "",
        "is_callback": item.callback is not None,
    }


def checks_slot(audited_at: datetime | None, last: Sequence[Healed]) -> dict[str, Any]:
    """Return when the last audit was, and the latest of what audits found and acted on, newest first."""
    return {
        "at": audited_at,
        "found": [
            {
                "at": one.at,
                "code": one.finding.code.value,
                "about": one.finding.about,
                "server_id": one.finding.server_id or "",
            }
            for one in islice(last, CHECKS_SHOWN)
        ],
    }


def totals_slot(
    picture: Picture,
    agents: Collection[AgentId],
    figures: DayFigures,
    degraded: Sequence[Mapping[str, Any]],
    now: datetime,
) -> dict[str, Any]:
    """Return the strip on top; ``agents`` are those the supervisor may see."""
    waiting = [item.visit.entered_at for item in picture.waiting() if item.visit]
    states = [agent_state(picture.agents[agent_id])[0] for agent_id in agents]
    today = figures.totals(picture.queues)
    links = picture.links.values()
    return {
        "waiting": len(waiting),
        "longest_since": min(waiting, default=None),
        "ready": states.count("ready"),
        "signed_in": sum(state != "off" for state in states),
        "talking": states.count("talking"),
        "offered_today": today.offered,
        "answered_today": today.answered,
        "abandoned_today": today.abandoned,
        "short_abandoned_today": today.short_abandoned,
        "in_target_today": today.in_target,
        "flowed_out_today": today.flowed_out,
        "service_level_today": today.service_level(),
        "service_level_15": today.service_level_recent(now),
        "pbx": [{"server_id": one.server_id, "up": one.up, "reason": one.reason, "since": one.since} for one in links],
        "degraded": list(degraded),
    }
