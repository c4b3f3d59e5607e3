"""Why not he, of every agent: now, or of a decision made again out of the engine's latest commands, which are kept.

A why keeps counts per skill profile, which cost nothing to share; the list by agent would cost thousands of entries a
decision. It is worked out when somebody asks: an engine is rebuilt as it was, the commands after are carried out again
up to the decision, and at that very instant ``refusal`` is asked about everybody. Pure; ``runtime`` keeps the journal.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from contactcenter.core.ids import AgentId, InteractionId, ReservationId
from routing.agents import Agent
from routing.commands import Command, Decision, Reserve
from routing.engine import Engine
from routing.items import Item
from routing.lines import Line
from routing.recovery import take_snapshot
from routing.states import ItemState

MOST: Final = 20_000
"""How many commands are kept before the older half becomes a state."""
RANK: Final = ("rank", "", 0)


class Entry(NamedTuple):
    """One command carried out, and the ids of the reservations it made."""

    number: int
    command: Command
    at: float
    made: tuple[ReservationId, ...]


@dataclass(frozen=True, slots=True)
class State:
    """An engine after the command ``number``, as the commands that make it again at ``at``."""

    number: int = 0
    at: float = 0.0
    commands: tuple[Command, ...] = ()


@dataclass(slots=True)
class Journal:
    """What an engine was told since ``base``."""

    base: State = State()
    entries: list[Entry] = field(default_factory=list)

    def record(self, number: int, command: Command, at: float, decisions: Sequence[Decision]) -> None:
        """Keep one command that was carried out."""
        made = tuple([one.reservation_id for one in decisions if type(one) is Reserve])
        self.entries.append(Entry(number, command, at, made))

    def older(self) -> tuple[State, list[Entry]] | None:
        """Return what is to become one state (``condensed``), when it is time."""
        return (self.base, self.entries[: MOST // 2]) if len(self.entries) >= MOST else None

    def forget(self, state: State) -> None:
        """Begin from a later state."""
        self.base = state
        self.entries = [one for one in self.entries if one.number > state.number]

    def find(self, number: int, at: float) -> tuple[State, list[Entry]] | None:
        """Return what makes the decision of a command again; None when it is kept no more, or was another engine's."""
        place = number - self.base.number - 1
        if not 0 <= place < len(self.entries) or self.entries[place].at != at:
            return None
        return self.base, self.entries[: place + 1]


def condensed(base: State, entries: Sequence[Entry]) -> State:
    """Return the state after the last of ``entries``."""
    engine = _rebuilt(base, entries)
    last = entries[-1]
    return State(last.number, last.at, take_snapshot(engine).commands())


def passed_over(base: State, entries: Sequence[Entry], reservation_id: ReservationId) -> list[dict[str, Any]]:
    """Return why each agent but the chosen one did not get what the last of ``entries`` gave by this reservation.

    By reason and id; codes as ``why`` has them.
    """
    engine = _rebuilt(base, entries[:-1])
    _, command, at, made = entries[-1]
    ids, found = deque(made), []
    wanted = made.index(reservation_id)

    def look(item: Item, chosen: Agent, line: Line) -> None:
        if len(made) - len(ids) != wanted:
            return
        for agent in engine.agents.values():
            if agent is not chosen:
                found.append((engine.refusal(agent, item) or RANK, agent.id))

    engine.new_id, engine.watch = ids.popleft, look
    engine.handle(command, at)
    return [_told(reason, agent_id) for reason, agent_id in sorted(found)]


def passed_now(engine: Engine, interaction_id: InteractionId) -> list[dict[str, Any]] | None:
    """Return why each agent does not have a waiting interaction at present, as ``passed_over``; None: it waits not."""
    item = engine.items.get(interaction_id)
    if item is None or item.state is not ItemState.WAITING:
        return None
    found = sorted((engine.refusal(agent, item) or RANK, agent.id) for agent in engine.agents.values())
    return [_told(reason, agent_id) for reason, agent_id in found]


def _rebuilt(base: State, entries: Sequence[Entry]) -> Engine:
    ids = deque(name for entry in entries for name in entry.made)
    engine = Engine(ids.popleft)
    for command in base.commands:
        engine.handle(command, base.at)
    engine.number = base.number
    for entry in entries:
        engine.handle(entry.command, entry.at)
    return engine


def _told(reason: tuple[str, str, int], agent_id: AgentId) -> dict[str, Any]:
    code, name, level = reason
    told: dict[str, Any] = {"agent_id": agent_id, "reason": code}
    if code == "skill":
        told |= {"skill": name, "need": level}
    elif name:
        told[code] = name
    return told
