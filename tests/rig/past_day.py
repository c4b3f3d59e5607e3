"""Days that are over, written as the server would have left them: contacts, stays in queues, talks, presences."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import insert

from contactcenter.core.database import Transaction
from contactcenter.core.ids import AgentId
from contactcenter.interactions.model import AgentPresenceChanged
from contactcenter.interactions.store import interactions, segments, visits
from tests.rig.rooms import Rooms

DAY = datetime(2026, 1, 6, tzinfo=UTC) - timedelta(hours=1)
"""Midnight of Tuesday, 6 January 2026, in Berlin, where the rooms are."""


@dataclass(frozen=True)
class Stay:
    """One visit: how long, how it ended, and with whom for how long."""

    queue_id: str
    wait: float | None
    end: str = "abandoned"
    agent_id: str = ""
    talk: float | None = None
    wrap_up: float | None = None
    skills: dict[str, int] = field(default_factory=dict)
    priority: int = 0


def answered(queue_id: str, wait: float, agent_id: str, talk: float = 100.0, wrap_up: float | None = 20.0) -> Stay:
    """A visit that an agent answered."""
    return Stay(queue_id, wait, "answered", agent_id, talk, wrap_up)


async def contact(rooms: Rooms, seconds: float, *stays: Stay, person_id: str | None = None, vip: bool = False) -> str:
    """Write a call that came so many seconds after the day began; return its id."""
    made = rooms.ids.new()
    await rooms.database.write(lambda tx: write_contact(tx, rooms, made, seconds, stays, person_id, vip=vip))
    return made


def write_contact(
    tx: Transaction,
    rooms: Rooms,
    made: str,
    seconds: float,
    stays: Sequence[Stay],
    person_id: str | None = None,
    *,
    vip: bool = False,
) -> None:
    """Write a call's rows within a commit."""
    at = DAY + timedelta(seconds=seconds)
    row = {
        **dict.fromkeys(("linked_id", "caller_number", "caller_name", "dialed", "end_reason"), ""),
        "id": made,
        "medium": "voice",
        "direction": "inbound",
        "server_id": "pbx1",
        "leg_id": made,
        "phase": "ended",
        "choices": [],
        "vip": vip,
        "person_id": person_id,
        "arrived_at": at,
        "is_over": True,
    }
    tx.execute(insert(interactions), row)
    for stay in stays:
        ended = None if stay.wait is None else at + timedelta(seconds=stay.wait)
        visit = {"id": rooms.ids.new(), "interaction_id": made, "queue_id": stay.queue_id, "entered_at": at}
        told = {"priority": stay.priority, "skills": stay.skills, "ended_at": ended, "wait_time": stay.wait}
        tx.execute(insert(visits), {**visit, **told, "end": stay.end if ended else None})
        if ended is None:
            return
        at = ended if stay.agent_id == "" else _talk(tx, rooms, visit, stay, ended)


def _talk(tx: Transaction, rooms: Rooms, visit: dict[str, object], stay: Stay, answered_at: datetime) -> datetime:
    ended = None if stay.talk is None else answered_at + timedelta(seconds=stay.talk)
    over = None if ended is None or stay.wrap_up is None else ended + timedelta(seconds=stay.wrap_up)
    row = {
        "id": rooms.ids.new(),
        "interaction_id": visit["interaction_id"],
        "visit_id": visit["id"],
        "extensions": 0,
        "queue_id": stay.queue_id,
        "agent_id": stay.agent_id,
        "alerted_at": answered_at,
        "answered_at": answered_at,
        "ended_at": ended,
        "talk_time": stay.talk,
        "wrap_up_ended_at": over,
    }
    tx.execute(insert(segments), row)
    return ended or answered_at


async def presence(rooms: Rooms, agent_id: str, state: str) -> None:
    """An agent's presence changes now."""
    changed = AgentPresenceChanged(AgentId(agent_id), state, "")
    await rooms.database.write(lambda tx: tx.record(changed))


def until(rooms: Rooms, seconds: float) -> None:
    """Move the clock to so many seconds after the day began."""
    rooms.clock.advance((DAY + timedelta(seconds=seconds) - rooms.clock.now()).total_seconds())


async def busy_day(rooms: Rooms, queue_id: str, agents: Sequence[str], callers: int = 200) -> None:
    """Write a day from 8:00 to 16:00 with these agents ready; the clock is at 9:00 of the day after, then.

    What is written is no outcome of a router: every fifth caller gave up.
    """
    dice = Random("a busy day")
    until(rooms, 8 * 3600.0)
    for agent in agents:
        await presence(rooms, agent, "ready")
    made = [(rooms.ids.new(), 8 * 3600.0 + dice.random() * 8 * 3600.0) for _ in range(callers)]

    def work(tx: Transaction) -> None:
        for number, (contact_id, at) in enumerate(sorted(made, key=lambda one: one[1])):
            wait = dice.expovariate(1 / 15.0)
            agent = agents[number % len(agents)]
            stay = Stay(queue_id, wait) if number % 5 == 0 else answered(queue_id, wait, agent, dice.uniform(60, 400))
            write_contact(tx, rooms, contact_id, at, [stay])

    await rooms.database.write(work)
    until(rooms, 16 * 3600.0)
    for agent in agents:
        await presence(rooms, agent, "offline")
    until(rooms, 33 * 3600.0)
