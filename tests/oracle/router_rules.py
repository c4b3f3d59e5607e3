"""docs/routing/rules.md written the slow way: who may get what, which item, which agent.

Every answer looks at every agent and every item and follows the page's text; nothing is kept from one question to the
next. Rules that change with time are asked at ``item.seen_at``, the last instant whose changes this item has seen: of
several things that are due at one instant those before it have happened and those after it have not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from contactcenter.core.ids import AgentId, InteractionId, QueueId, ReservationId, SkillId, TeamId, VisitId
from routing import commands as c
from routing.commands import AgentRule, Presence, Requirement, Service, Work, WorkOrder
from routing.states import AgentState, ItemState

SERVER = "server:"
POINT = 1_000_000
VIP, LATE, ON_TIME, DEFERRABLE, OUTBOUND = 1, 2, 3, 4, 5
LACKS = ("skill", "server", "team", "queue", "medium")
"""Whether agents passed over for the window alone are missing from those who "could take it" (``vip_reserve``)."""


@dataclass
class Given:
    """One interaction given to one agent; ``until`` is the next instant at which something happens by itself."""

    agent_id: AgentId
    interaction_id: InteractionId
    visit_id: VisitId
    queue_id: QueueId
    medium: str
    state: Work
    since: float
    until: float | None = None
    reservation_id: ReservationId | None = None
    cause: c.RevokeCause | None = None
    attempt: int = 0


@dataclass
class Agent:
    id: AgentId
    skills: dict[SkillId, int] = field(default_factory=dict)
    capacity: dict[str, int] = field(default_factory=dict)
    queues: dict[QueueId, Service] | None = None
    team_id: TeamId | None = None
    state: AgentState = AgentState.PRESENT
    presence: Presence = Presence.OFFLINE
    reason: str = ""
    presence_since: float = 0.0
    device_usable: bool = False
    device_reason: str = ""
    idle_since: float = 0.0
    handled: int = 0
    work: dict[InteractionId, Given] = field(default_factory=dict)

    @property
    def alert(self) -> Given | None:
        running = [one for one in self.work.values() if one.state in (Work.RESERVED, Work.REVOKING)]
        return running[0] if running else None

    def service(self, queue_id: QueueId) -> Service:
        return Service() if self.queues is None else self.queues.get(queue_id, Service())

    def share(self, medium: str) -> Fraction:
        number = self.capacity.get(medium, 0)
        return Fraction(1, number) if number else Fraction(1)

    def load(self, without: Iterable[Given] = ()) -> Fraction:
        left_out = [id(one) for one in without]
        counted = [one for one in self.work.values() if one.state is not Work.SET_ASIDE and id(one) not in left_out]
        return sum((self.share(one.medium) for one in counted), Fraction(0))

    def interruptible(self, rules: c.QueueRules, medium: str) -> list[Given]:
        """Conversations that this queue's items of a medium may interrupt, the first given first."""
        found = [
            one
            for one in self.work.values()
            if one.state is Work.HANDLING and one.medium in rules.interrupts - {c.VOICE, medium}
        ]
        return sorted(found, key=lambda one: (one.since, one.interaction_id))

    def is_free_altogether(self) -> bool:
        return not self.work and (self.device_usable or not self.capacity.get(c.VOICE))


@dataclass
class Item:
    id: InteractionId
    state: ItemState = ItemState.GONE
    visit_id: VisitId = field(init=False)
    queue_id: QueueId = field(init=False)
    medium: str = ""
    priority: int = 0
    requirement: Requirement = field(default_factory=Requirement)
    entered_at: float = 0.0
    vip: bool = False
    due_at: float | None = None
    outbound: bool = False
    value: float = 0.0
    wish: AgentId | None = None
    agent_id: AgentId | None = None
    seen_at: float = 0.0

    def enter(self, command: c.Enqueue | c.AdoptWork, now: float) -> None:
        self.visit_id, self.queue_id, self.medium = command.visit_id, command.queue_id, command.medium
        self.priority, self.requirement = command.priority, command.requirement
        self.entered_at = now if command.entered_at is None else command.entered_at
        self.vip, self.due_at = command.vip, command.due_at
        self.outbound, self.value = command.outbound, command.value
        self.wish = command.preferred_agent_id if isinstance(command, c.Enqueue) else None
        self.seen_at = now


class Rules:
    """The whole floor and what the rules say of it; ``router`` changes it.

    ``aside`` is the agent whose alert ended a moment ago: he stands nowhere while his item is offered to others.
    """

    def __init__(self) -> None:
        self.queues: dict[QueueId, c.QueueRules] = {}
        self.agents: dict[AgentId, Agent] = {}
        self.items: dict[InteractionId, Item] = {}
        self.aside: Agent | None = None
        self.now = 0.0

    def waiting(self) -> list[Item]:
        return [item for item in self.items.values() if item.state is ItemState.WAITING]

    # -------------------------------------------------------------- what an item needs

    def needs(self, item: Item) -> Requirement:
        """What the item needs at the instant it has seen, after the steps it has waited for."""
        rules = self.queues[item.queue_id]
        whole = join(item.requirement, rules.requirement)
        limited = bool(whole.teams)
        for one in sorted(rules.steps, key=lambda one: one.after):
            if item.entered_at + one.after <= item.seen_at:
                limited = limited and not one.any_team
                whole = relax(whole, one)
        return whole if limited else whole._replace(teams=())

    def window_ends_at(self, item: Item) -> float:
        return item.entered_at + self.queues[item.queue_id].preferred_wait

    def late_at(self, item: Item) -> float | None:
        """When the item becomes late; outbound work that is promised by no instant never does."""
        rules = self.queues[item.queue_id]
        if item.due_at is not None:
            return item.due_at - rules.late_guard
        if item.outbound or rules.late_after is None:
            return None
        return item.entered_at + rules.late_after

    def instants(self, item: Item) -> list[float]:
        """All instants still to come at which something about the waiting item may change."""
        rules = self.queues[item.queue_id]
        found = [item.entered_at + one.after for one in rules.steps]
        found += [item.entered_at + agent.service(item.queue_id).delay for agent in self.agents.values()]
        late_at = self.late_at(item)
        found += [] if late_at is None else [late_at]
        found += [] if item.wish is None else [self.window_ends_at(item)]
        return [at for at in found if at > item.seen_at]

    # -------------------------------------------------------------- who may get what

    def passed_over(self, agent: Agent, item: Item) -> str | None:
        """Return the word of the first reason why the agent does not get the item, or None."""
        before = next(self._reasons(agent, item), None)
        if before is not None:
            return before
        if self._in_window(agent, item):
            return "window"
        return "reserve" if item.wish != agent.id and self._is_kept_for_vip(item) else None

    def _reasons(self, agent: Agent, item: Item) -> Iterator[str]:
        """All reasons in their order, but those that depend on other agents."""
        yield from self.lacks(agent, item)
        if item.entered_at + agent.service(item.queue_id).delay > item.seen_at:
            yield "delay"
        if agent.presence is Presence.OFFLINE or agent.state is not AgentState.PRESENT:
            yield "offline"
        if agent.presence is Presence.NOT_READY:
            yield "not-ready"
        if item.medium == c.VOICE and not agent.device_usable:
            yield "device"
        if agent.alert is not None:
            yield "reserved"
        yield from self._full(agent, item)
        if agent is self.aside:
            yield "aside"

    def lacks(self, agent: Agent, item: Item) -> Iterator[str]:
        """What the agent himself lacks of what the item needs, whatever he does at present."""
        needs = self.needs(item)
        short = [name for name, level in needs.skills if agent.skills.get(name, 0) < level]
        unmet = [
            group for group in needs.any_of if not any(agent.skills.get(name, 0) >= level for name, level in group)
        ]
        if unmet or not all(name.startswith(SERVER) for name in short):
            yield "skill"
        if short:
            yield "server"
        if needs.teams and agent.team_id not in needs.teams:
            yield "team"
        if agent.queues is not None and item.queue_id not in agent.queues:
            yield "queue"
        if not agent.capacity.get(item.medium):
            yield "medium"

    def _full(self, agent: Agent, item: Item) -> Iterator[str]:
        """One more would exceed his capacity; what the queue may interrupt does not count."""
        interrupted = agent.interruptible(self.queues[item.queue_id], item.medium)
        more = agent.share(item.medium)
        if agent.load(interrupted) + more > 1:
            yield "wrap-up" if all(one.state is Work.WRAP_UP for one in agent.work.values()) else "busy"

    def _in_window(self, agent: Agent, item: Item) -> bool:
        return item.wish not in (None, agent.id) and item.seen_at < self.window_ends_at(item)

    def _is_kept_for_vip(self, item: Item) -> bool:
        kept = self.queues[item.queue_id].vip_reserve
        if item.vip or kept <= 0:
            return False
        could = [agent for agent in self.agents.values() if next(self._reasons(agent, item), None) is None]
        return len(could) <= kept

    def is_absent(self, agent_id: AgentId, item: Item) -> bool:
        """Whether the agent the item wishes for cannot be waited for."""
        agent = self.agents.get(agent_id)
        if agent is None or agent.state is not AgentState.PRESENT or agent.presence is not Presence.READY:
            return True
        without_phone = item.medium == c.VOICE and not agent.device_usable
        return without_phone or next(self.lacks(agent, item), None) is not None

    # -------------------------------------------------------------- which item

    def points(self, item: Item) -> int:
        rules = self.queues[item.queue_id]
        reached = [points for value, points in rules.value_steps if item.value >= value]
        return rules.priority + item.priority + (reached[-1] if reached else 0)

    def place(self, item: Item) -> tuple[int, float]:
        """The item's class and its key therein; on-time items of balanced queues are nominated besides."""
        by_priority = item.entered_at - self.points(item) * POINT
        late_at = self.late_at(item)
        late = late_at is not None and late_at <= item.seen_at
        if item.vip and (late or (item.due_at is None and not item.outbound)):
            return VIP, by_priority
        if late and late_at is not None:
            return LATE, late_at
        if item.outbound:
            return OUTBOUND, by_priority
        if item.due_at is not None:
            return DEFERRABLE, item.due_at
        return ON_TIME, self._key(item, by_priority)

    def _key(self, item: Item, by_priority: float) -> float:
        """The key of a real-time item that is neither late nor outbound nor VIP."""
        rules = self.queues[item.queue_id]
        match rules.order:
            case WorkOrder.FIFO:
                return item.entered_at
            case WorkOrder.AGING:
                return item.entered_at - self.points(item) * rules.aging
            case WorkOrder.DUE:
                return item.entered_at + rules.target_time
            case _:
                return by_priority

    def items_for(self, agent: Agent) -> list[Item]:
        """What the agent is eligible for, the first to serve first; of balanced queues only what they nominate."""

        def rank(item: Item) -> tuple[int, float, bool, str]:
            return *self.place(item), item.wish != agent.id, item.id

        found = sorted((item for item in self.waiting() if self.passed_over(agent, item) is None), key=rank)
        balanced = [item for item in found if rank(item)[0] == ON_TIME and self._is_balanced(item)]
        nominated = self._nominate(balanced)
        return [item for item in found if item not in balanced or item is nominated]

    def _is_balanced(self, item: Item) -> bool:
        return self.queues[item.queue_id].order is WorkOrder.BALANCED

    def _nominate(self, ranked: list[Item]) -> Item | None:
        """The first item of the queue that nominates: highest priority of the first item, then longest, then name."""
        firsts: dict[QueueId, Item] = {}
        for item in ranked:
            firsts.setdefault(item.queue_id, item)
        return min(
            firsts.values(),
            key=lambda item: (-self.points(item), -self._length(item.queue_id), item.queue_id),
            default=None,
        )

    def _length(self, queue_id: QueueId) -> float:
        return len([item for item in self.waiting() if item.queue_id == queue_id]) * self.queues[queue_id].weight

    # -------------------------------------------------------------- which agent

    def agents_for(self, item: Item) -> list[Agent]:
        """Who is eligible for the item, the first to alert first."""
        needs, mean_idle = self.needs(item), self._mean_idle()

        def rank(agent: Agent) -> tuple[object, ...]:
            lacking = [name for name, level in needs.preferred if agent.skills.get(name, 0) < level]
            free = agent.is_free_altogether()
            return (
                agent.id != item.wish,
                agent.service(item.queue_id).order,
                len(lacking),
                not free,
                *(self._rule(agent, item, needs, mean_idle) if free else (0, agent.load())),
                agent.idle_since,
                agent.id,
            )

        return sorted((one for one in self.agents.values() if self.passed_over(one, item) is None), key=rank)

    def _rule(self, agent: Agent, item: Item, needs: Requirement, mean_idle: Fraction) -> tuple[int, int]:
        rules = self.queues[item.queue_id]
        match rules.agent_rule:
            case AgentRule.MOST_SKILLED:
                return 0, -sum(agent.skills.get(name, 0) for name, _ in needs.skills)
            case AgentRule.FEWEST_HANDLED:
                return 0, agent.handled
            case AgentRule.LONGEST_IDLE:
                return 0, 0
        if self._idle(agent) > Fraction(rules.idle_guard) * mean_idle:
            return 0, 0
        skills = [name for name in agent.skills if not name.startswith(SERVER)]
        return 1, len(skills) + len(agent.queues or ())

    def _idle(self, agent: Agent) -> Fraction:
        return Fraction(self.now) - Fraction(agent.idle_since)

    def _mean_idle(self) -> Fraction:
        """The mean idle time of all who are ready and free altogether, whatever they can."""
        free = [
            agent
            for agent in self.agents.values()
            if agent.presence is Presence.READY and agent.is_free_altogether() and agent is not self.aside
        ]
        return sum(map(self._idle, free), Fraction(0)) / max(1, len(free))


def join(own: Requirement, queues: Requirement) -> Requirement:
    """The item's own requirement and its queue's, counted together."""
    both = tuple(team for team in own.teams if team in queues.teams)
    return Requirement(
        _higher(own.skills, queues.skills),
        tuple(sorted({*own.any_of, *queues.any_of})),
        both or own.teams or queues.teams,
        _higher(own.preferred, queues.preferred),
    )


def _higher(one: c.Skills, other: c.Skills) -> c.Skills:
    levels: dict[SkillId, int] = {}
    for name, level in (*one, *other):
        levels[name] = max(level, levels.get(name, 0))
    return tuple(sorted(levels.items()))


def relax(whole: Requirement, step: c.RelaxationStep) -> Requirement:
    """One step applied to the whole requirement; preferred skills are no need and stay."""
    most = dict(step.levels)

    def lowered(skills: c.Skills) -> c.Skills:
        return tuple((name, min(level, most.get(name, level))) for name, level in skills)

    groups = [lowered(group) for group in whole.any_of]
    return whole._replace(
        skills=tuple((name, level) for name, level in lowered(whole.skills) if level > 0),
        any_of=tuple(group for group in groups if all(level > 0 for _, level in group)),
        teams=tuple(sorted({*whole.teams, *step.teams})),
    )
