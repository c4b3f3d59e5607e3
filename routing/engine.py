"""The routing engine: (state, command, now) -> decisions. Pure: no clock, no I/O, no randomness.

Rules. Every command either is legal by the tables of ``states`` or raises IllegalTransition, is counted and changes
nothing: each handler makes its steps through the tables first and changes state after. Work-conserving: after every
command nobody waits while somebody eligible is free, because a command frees at most one agent and puts at most a
queue's interactions in line, and each of these is matched before the handler returns. An interaction whose alert is
being taken back is offered to nobody until the revoke is confirmed: a late answer would steal the caller.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from contactcenter.core.errors import Invalid
from contactcenter.core.ids import AgentId, InteractionId, QueueId, ReservationId
from routing import commands as c
from routing.agents import Agent, Assignment
from routing.commands import Decision, Presence, ReservationState, RevokeCause, Why, Work
from routing.deadlines import Deadlines
from routing.eligibility import eligible
from routing.items import Item, Line
from routing.matching import Matching
from routing.requirements import join, profile_key
from routing.states import (
    AGENT,
    DEVICE,
    ITEM,
    PRESENCE,
    UNUSABLE,
    USABLE,
    WORK,
    AgentState,
    IllegalTransition,
    ItemState,
    step,
)
from routing.strategies import LongestIdle, PriorityThenOldest

REVOKE_REPEAT = 5.0
"""Seconds after which an unanswered Revoke is said again."""
KEPT_WHYS = 4096
PENALTIES = {"no-answer": "no-answer", "lost": "no-answer", "rejected": "rejected", "busy": "busy"}
"""Not-ready reason by the failure of an alert; every other failure is the phone's."""
SIGNED_OUT = "signed-out"


class Engine:
    """Owns the state of all agents and interactions of one site; one command at a time (see ``runtime``).

    ``number`` counts the commands carried out, ``illegal`` those refused by (machine, state, event). ``agents``,
    ``items``, ``queues``, ``matching`` and ``whys`` are for reading only.
    """

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self.number = 0
        self.illegal: Counter[tuple[str, str, str]] = Counter()
        self.queues: dict[QueueId, c.QueueRules] = {}
        self.agents: dict[AgentId, Agent] = {}
        self.items: dict[InteractionId, Item] = {}
        self.matching = Matching(LongestIdle(), PriorityThenOldest())
        self.whys: deque[Why] = deque(maxlen=KEPT_WHYS)
        self._reservations: dict[ReservationId, Assignment] = {}
        self._deadlines = Deadlines()
        self._now = 0.0
        self._out: list[Decision] = []
        self._handlers: dict[type, Callable[[Any], None]] = {
            c.DefineQueue: self._define_queue,
            c.AddAgent: self._add_agent,
            c.UpdateAgent: self._update_agent,
            c.RemoveAgent: self._remove_agent,
            c.SetPresence: self._set_presence,
            c.SetDevice: self._set_device,
            c.Enqueue: self._enqueue,
            c.Withdraw: self._withdraw,
            c.Accept: self._accept,
            c.Reject: self._reject,
            c.RevokeConfirmed: self._revoke_confirmed,
            c.Finish: self._finish,
            c.EndWrapUp: self._end_wrap_up,
            c.ExtendWrapUp: self._extend_wrap_up,
            c.AdoptWork: self._adopt_work,
            c.Tick: self._tick,
        }

    # -------------------------------------------------------------- entry

    def handle(self, command: c.Command, now: float) -> list[Decision]:
        """Carry out one command at ``now`` (epoch seconds) and return what was decided, in order.

        Raises: IllegalTransition, Invalid; then nothing has changed.
        """
        self._now = now
        out: list[Decision] = []
        self._out = out
        self.number += 1
        try:
            self._handlers[type(command)](command)
        except (IllegalTransition, Invalid) as error:
            self.number -= 1
            if isinstance(error, IllegalTransition):
                self.illegal[error.fields["machine"], error.fields["state"], error.fields["event"]] += 1
            raise
        return out

    def next_deadline(self) -> float | None:
        """Return the instant at which a Tick is needed next, or None."""
        return self._deadlines.next()

    def reservation(self, reservation_id: ReservationId) -> Assignment | None:
        """Return the running reservation of this id, or None when it has ended."""
        return self._reservations.get(reservation_id)

    # -------------------------------------------------------------- queues

    def _define_queue(self, command: c.DefineQueue) -> None:
        rules = command.rules
        waiting = self.matching.queue_items(rules.queue_id)
        for item in waiting:
            self.matching.take(item)
        self.queues[rules.queue_id] = rules
        for item in waiting:
            self._line_up(item)
        for item in self.matching.queue_items(rules.queue_id):
            self._serve(item)

    # -------------------------------------------------------------- agents

    def _add_agent(self, command: c.AddAgent) -> None:
        agent = self.agents.get(command.agent_id)
        step("agent", AGENT, AgentState.ABSENT if agent is None else agent.state, "add")
        profile = self.matching.profile(profile_key(command.skills, command.queues, command.capacity))
        if agent is None:
            agent = self.agents[command.agent_id] = Agent(command.agent_id, profile)
        self.matching.move(agent, profile)
        agent.state = AgentState.PRESENT
        agent.load = _load(agent)
        agent.device_usable, agent.device_reason = command.device_usable, command.device_reason
        agent.handled = max(agent.handled, command.handled)
        agent.idle_since = self._now if command.idle_since is None else command.idle_since
        agent.presence = command.presence
        agent.reason = command.reason if command.presence is not Presence.READY else ""
        agent.presence_since = self._now if command.presence_since is None else command.presence_since
        self._tell_presence(agent)
        self._free(agent)

    def _update_agent(self, command: c.UpdateAgent) -> None:
        agent = self._agent(command.agent_id, "update")
        skills, queues, capacity = agent.profile.skills, agent.profile.queues, agent.profile.capacity
        key = profile_key(
            skills if command.skills is None else command.skills,
            None if command.all_queues else queues if command.queues is None else command.queues,
            capacity if command.capacity is None else command.capacity,
        )
        self.matching.move(agent, self.matching.profile(key))
        agent.load = _load(agent)
        self._free(agent)

    def _remove_agent(self, command: c.RemoveAgent) -> None:
        agent = self._agent(command.agent_id, "remove")
        agent.state = AgentState.LEAVING
        self._change_presence(agent, Presence.OFFLINE, SIGNED_OUT)
        self._revoke_alert(agent, RevokeCause.AGENT_LEFT)
        self._free(agent)

    def _set_presence(self, command: c.SetPresence) -> None:
        agent = self._agent(command.agent_id, "change")
        presence = step("presence", PRESENCE, agent.presence, command.presence)
        if presence is Presence.READY and agent.presence is not Presence.READY:
            agent.idle_since = self._now
        self._change_presence(agent, presence, command.reason if presence is not Presence.READY else "")
        if presence is Presence.OFFLINE:
            self._revoke_alert(agent, RevokeCause.AGENT_LEFT)
        self._free(agent)

    def _set_device(self, command: c.SetDevice) -> None:
        agent = self._agent(command.agent_id, "device")
        told = USABLE if command.usable else UNUSABLE
        step("device", DEVICE, USABLE if agent.device_usable else UNUSABLE, told)
        if (agent.device_usable, agent.device_reason) == (command.usable, command.reason):
            return
        agent.device_usable, agent.device_reason = command.usable, command.reason
        self._out.append(c.DeviceChanged(agent.id, command.usable, command.reason, self._now))
        if not command.usable:
            self._revoke_alert(agent, RevokeCause.DEVICE_LOST)
        self._free(agent)

    def _change_presence(self, agent: Agent, presence: Presence, reason: str) -> None:
        if (agent.presence, agent.reason) != (presence, reason):
            agent.presence, agent.reason, agent.presence_since = presence, reason, self._now
            self._tell_presence(agent)

    def _tell_presence(self, agent: Agent) -> None:
        self._out.append(c.PresenceChanged(agent.id, agent.presence, agent.reason, agent.presence_since))

    # -------------------------------------------------------------- interactions in line

    def _enqueue(self, command: c.Enqueue) -> None:
        if command.queue_id not in self.queues:
            raise IllegalTransition("queue", "undefined", "enqueue")
        item = self.items.get(command.interaction_id)
        state = step("item", ITEM, self._state_of(command.interaction_id), "enqueue")
        if item is None:
            item = self.items[command.interaction_id] = Item(command.interaction_id)
        self.matching.take(item)
        item.enter(command, self._now)
        item.state = state
        self._out.append(c.Queued(item.interaction_id, item.visit_id, item.queue_id, item.entered_at))
        if state is ItemState.WAITING:
            self._line_up(item)
            self._serve(item)

    def _withdraw(self, command: c.Withdraw) -> None:
        before = self._state_of(command.interaction_id)
        after = step("item", ITEM, before, command.reason)
        if before is ItemState.GONE:
            return
        item = self.items[command.interaction_id]
        self.matching.take(item)
        item.state = after
        if before is not ItemState.FLOWING_OUT:
            self._out.append(c.Withdrawn(item.interaction_id, item.visit_id, item.queue_id, command.reason))
        if after is ItemState.GONE:
            del self.items[item.interaction_id]
        elif before is ItemState.RESERVED:
            agent = self._agent_of(item)
            self._revoke(agent, RevokeCause(command.reason))
            self.matching.place(agent)

    def _line_up(self, item: Item) -> Line:
        rules = self.queues[item.queue_id]
        item.needs = join(item.requirement, rules.requirement)
        return self.matching.put(item, rules)

    def _serve(self, item: Item) -> None:
        """Give the waiting item to the best free agent, if there is any."""
        assert item.line is not None
        best, candidates = self.matching.best_agents(item.line)
        if best:
            agent = best[0][3]
            named = tuple([(rank[2], rank[1]) for rank in best])
            self._reserve(item, agent, self.matching.agent_order.name, candidates, named)
            self.matching.place(agent)

    def _free(self, agent: Agent) -> None:
        """After any change of the agent: take the first interaction he can get, else stand where he belongs now."""
        if agent.state is AgentState.LEAVING and not agent.assignments:
            return self._forget(agent)
        matching = self.matching
        media = matching.count(agent)
        while media and (best := matching.best_items(agent.profile, media)):
            named = tuple([(rank[3], rank[2]) for rank in best])
            self._reserve(best[0][4], agent, matching.work_order.name, 1, named)
            media = matching.count(agent)
        return matching.rank(agent, media)

    def _forget(self, agent: Agent) -> None:
        self.matching.remove(agent)
        del self.agents[agent.id]
        self._out.append(c.AgentRemoved(agent.id))

    # -------------------------------------------------------------- reservations

    def _reserve(
        self, item: Item, agent: Agent, rule: str, candidates: int, best: tuple[tuple[str, float], ...]
    ) -> None:
        if not eligible(agent, item, self._now):
            raise AssertionError(f"{agent.id} is not eligible for {item.interaction_id}")
        why = self._explain(item, agent, rule, candidates, best)
        self.matching.take(item)
        item.state = step("item", ITEM, item.state, "reserve")
        item.agent_id = agent.id
        given = self._give(agent, item, step("work", WORK, Work.IDLE, "reserve"))
        expires_at = self._now + self.queues[item.queue_id].ring_time
        reservation_id = self._hold(given, ReservationId(self._new_id()), expires_at)
        self._out.append(
            c.Reserve(reservation_id, item.interaction_id, item.visit_id, item.queue_id, agent.id, expires_at, why)
        )
        self._out.append(c.WorkChanged(agent.id, Work.RESERVED, item.interaction_id, expires_at, self._now))

    def _explain(
        self, item: Item, agent: Agent, rule: str, candidates: int, best: tuple[tuple[str, float], ...]
    ) -> Why:
        matching = self.matching
        why = Why(
            self.number,
            self._now,
            rule,
            item.interaction_id,
            agent.id,
            item.queue_id,
            item.medium,
            item.needs,
            candidates,
            matching.waiting,
            best,
            matching.profiles.counts(),
            matching.profiles,
        )
        self.whys.append(why)
        return why

    def _hold(self, given: Assignment, reservation_id: ReservationId, expires_at: float) -> ReservationId:
        given.reservation_id = reservation_id
        given.agent.reservation = given
        self._reservations[reservation_id] = given
        self._deadlines.set(given, expires_at)
        return reservation_id

    def _revoke_alert(self, agent: Agent, cause: RevokeCause) -> None:
        """Take the agent's running alert back, if there is one that is not being taken back already."""
        given = agent.reservation
        if given is not None and given.state is Work.RESERVED:
            item = self.items[given.interaction_id]
            item.state = step("item", ITEM, item.state, "revoke")
            self._revoke(agent, cause)

    def _revoke(self, agent: Agent, cause: RevokeCause) -> None:
        given = agent.reservation
        assert given is not None
        assert given.reservation_id is not None
        given.state = step("work", WORK, given.state, "revoke")
        given.cause = given.cause or cause
        given.attempt += 1
        self._deadlines.set(given, self._now + REVOKE_REPEAT)
        self._out.append(c.Revoke(given.reservation_id, agent.id, given.interaction_id, given.cause, given.attempt))
        if given.attempt == 1:
            self._out.append(c.WorkChanged(agent.id, Work.REVOKING, given.interaction_id, None, self._now))

    def _accept(self, command: c.Accept) -> None:
        given = self._reserved(command.reservation_id, "accept")
        item = self.items[given.interaction_id]
        after = step("item", ITEM, item.state, "accept")
        if after is ItemState.GONE:
            return self._alert_over(given, RevokeCause.CUSTOMER_LEFT, "")
        given.state = step("work", WORK, given.state, "accept")
        given.until, given.since = None, self._now
        item.state = after
        self._end_reservation(given, ReservationState.ACCEPTED, "")
        given.visit_id, given.queue_id = item.visit_id, item.queue_id  # it may have been queued anew meanwhile
        self._out.append(c.WorkChanged(given.agent.id, Work.HANDLING, item.interaction_id, None, self._now))
        return self._free(given.agent)

    def _reject(self, command: c.Reject) -> None:
        given = self._reserved(command.reservation_id, "alert-over")
        self._alert_over(given, command.failure, _penalty(command.failure) if command.penalise else "")

    def _revoke_confirmed(self, command: c.RevokeConfirmed) -> None:
        given = self._reserved(command.reservation_id, "alert-over")
        self._alert_over(given, given.cause or "revoked", "")

    def _alert_over(self, given: Assignment, failure: str, penalty: str) -> None:
        """The alert can no longer reach the customer: end the reservation, back in line, next agent."""
        item = self.items[given.interaction_id]
        item.state = step("item", ITEM, item.state, "alert-over")
        step("work", WORK, given.state, "alert-over")
        agent, cause = given.agent, given.cause
        if cause is not None:  # what the PBX says of an alert we took back is nobody's fault
            penalty = PENALTIES["no-answer"] if cause is RevokeCause.TIMED_OUT else ""
        elif not penalty:
            agent.idle_since = self._now  # or the next alert would go the same way at once
        self._end_reservation(given, _outcome(given, failure), cause or failure)
        self._end_work(given)
        if penalty and agent.presence is Presence.READY:
            self._change_presence(agent, step("presence", PRESENCE, agent.presence, "penalise"), penalty)
        self._return_to_line(item, agent)  # to others first: this agent stands nowhere yet, so both may be served
        self._free(agent)

    def _return_to_line(self, item: Item, passed: Agent) -> None:
        item.agent_id = None
        if item.state is ItemState.GONE:
            del self.items[item.interaction_id]
            return
        self._line_up(item)
        self._out.append(c.Requeued(item.interaction_id, item.visit_id, item.queue_id, item.entered_at, passed.id))
        self._serve(item)

    def _end_reservation(self, given: Assignment, state: ReservationState, failure: str) -> None:
        name = given.reservation_id
        assert name is not None
        del self._reservations[name]
        given.agent.reservation = given.reservation_id = given.cause = None
        given.attempt = 0
        self._out.append(
            c.ReservationEnded(name, given.interaction_id, given.visit_id, given.agent.id, state, str(failure))
        )

    # -------------------------------------------------------------- work

    def _finish(self, command: c.Finish) -> None:
        step("item", ITEM, self._state_of(command.interaction_id), "finish")
        given = self._assignment(command.agent_id, command.interaction_id, "finish")
        wrap_up_time = self.queues[given.queue_id].wrap_up_time
        given.agent.handled += 1
        del self.items[command.interaction_id]
        if wrap_up_time > 0:
            self._wrap_up(given, "wrap-up", self._now + wrap_up_time)
        else:
            given.agent.idle_since = self._now
            self._end_work(given)
        self._free(given.agent)

    def _wrap_up(self, given: Assignment, event: str, until: float) -> None:
        if given.state is not Work.WRAP_UP:
            given.since = self._now
        given.state = step("work", WORK, given.state, event)
        self._deadlines.set(given, until)
        self._out.append(c.WorkChanged(given.agent.id, Work.WRAP_UP, given.interaction_id, until, given.since))

    def _end_wrap_up(self, command: c.EndWrapUp) -> None:
        given = self._assignment(command.agent_id, command.interaction_id, "end-wrap-up")
        self._close_wrap_up(given, "agent")
        self._free(given.agent)

    def _close_wrap_up(self, given: Assignment, by: str) -> None:
        self._out.append(c.WrapUpEnded(given.agent.id, given.interaction_id, by))
        given.agent.idle_since = self._now
        self._end_work(given)

    def _extend_wrap_up(self, command: c.ExtendWrapUp) -> None:
        given = self._assignment(command.agent_id, command.interaction_id, "extend-wrap-up")
        if command.seconds <= 0:
            raise Invalid("invalid-wrap-up-time", {"seconds": "not-positive"})
        assert given.until is not None
        self._wrap_up(given, "extend-wrap-up", given.until + command.seconds)

    def _give(self, agent: Agent, what: Item | c.AdoptWork, state: Work, since: float | None = None) -> Assignment:
        """Make an interaction the agent's work; an own wrap-up of the same interaction ends by it."""
        former = agent.assignments.get(what.interaction_id)
        if former is not None:
            self._close_wrap_up(former, "again")
        given = Assignment(
            agent,
            what.interaction_id,
            what.visit_id,
            what.queue_id,
            what.medium,
            state,
            self._now if since is None else since,
        )
        agent.assignments[what.interaction_id] = given
        agent.load += agent.profile.share_of(what.medium)
        return given

    def _end_work(self, given: Assignment) -> None:
        agent = given.agent
        given.state, given.until = Work.IDLE, None
        del agent.assignments[given.interaction_id]
        agent.load -= agent.profile.share_of(given.medium)
        self._out.append(c.WorkChanged(agent.id, Work.IDLE, given.interaction_id, None, self._now))

    # -------------------------------------------------------------- recovery

    def _adopt_work(self, command: c.AdoptWork) -> None:
        agent = self._agent(command.agent_id, "adopt")
        if command.queue_id not in self.queues:
            raise IllegalTransition("queue", "undefined", "adopt")
        former = agent.assignments.get(command.interaction_id)
        if former is not None and (former.state is not Work.WRAP_UP or command.state is Work.WRAP_UP):
            raise IllegalTransition("work", former.state, f"adopt-{command.state}")
        if command.state is Work.WRAP_UP:
            given = self._adopt_wrap_up(agent, command)
        elif command.state is Work.HANDLING:
            given = self._adopt_handling(agent, command)
        else:
            given = self._adopt_reservation(agent, command)
        until = None if given.state is Work.REVOKING else given.until
        self._out.append(c.WorkChanged(agent.id, given.state, given.interaction_id, until, given.since))
        self._free(agent)

    def _adopt_wrap_up(self, agent: Agent, command: c.AdoptWork) -> Assignment:
        given = self._give(agent, command, step("work", WORK, Work.IDLE, "adopt-wrap-up"), command.since)
        default = self._now + self.queues[command.queue_id].wrap_up_time
        self._deadlines.set(given, default if command.until is None else command.until)
        return given

    def _adopt_handling(self, agent: Agent, command: c.AdoptWork) -> Assignment:
        state = step("item", ITEM, self._state_of(command.interaction_id), "adopt")
        work = step("work", WORK, Work.IDLE, "adopt")
        self._adopt_item(agent, command, state)
        return self._give(agent, command, work, command.since)

    def _adopt_reservation(self, agent: Agent, command: c.AdoptWork) -> Assignment:
        if command.state is Work.IDLE or agent.reservation is not None or command.reservation_id is None:
            raise IllegalTransition("work", Work.IDLE, f"adopt-{command.state}")
        if command.reservation_id in self._reservations:
            raise IllegalTransition("reservation", "running", "adopt")
        state = self._state_of(command.interaction_id)
        step("item", ITEM, ItemState.WAITING if state is ItemState.GONE else state, "reserve")
        revoking = command.state is Work.REVOKING
        self._adopt_item(agent, command, ItemState.REVOKING if revoking else ItemState.RESERVED)
        given = self._give(agent, command, command.state, command.since)
        if revoking:
            given.cause, given.attempt = command.cause or RevokeCause.TIMED_OUT, command.attempt
        self._hold(given, command.reservation_id, self._now if command.until is None else command.until)
        return given

    def _adopt_item(self, agent: Agent, command: c.AdoptWork, state: ItemState) -> None:
        item = self.items.get(command.interaction_id)
        if item is None:
            item = self.items[command.interaction_id] = Item(command.interaction_id)
        self.matching.take(item)
        item.enter(command, self._now)
        item.state, item.agent_id = state, agent.id

    # -------------------------------------------------------------- time

    def _tick(self, command: c.Tick) -> None:
        while (given := self._deadlines.pop_due(self._now)) is not None:
            if given.state is Work.WRAP_UP:
                self._close_wrap_up(given, "timer")
            elif given.state is Work.RESERVED:
                self._revoke_alert(given.agent, RevokeCause.TIMED_OUT)
            else:
                self._revoke(given.agent, RevokeCause.TIMED_OUT)
            self._free(given.agent)

    # -------------------------------------------------------------- look-ups that refuse

    def _agent(self, agent_id: AgentId, event: str) -> Agent:
        agent = self.agents.get(agent_id)
        step("agent", AGENT, AgentState.ABSENT if agent is None else agent.state, event)
        assert agent is not None
        return agent

    def _state_of(self, interaction_id: InteractionId) -> ItemState:
        item = self.items.get(interaction_id)
        return ItemState.GONE if item is None else item.state

    def _agent_of(self, item: Item) -> Agent:
        assert item.agent_id is not None
        return self.agents[item.agent_id]

    def _reserved(self, reservation_id: ReservationId, event: str) -> Assignment:
        given = self._reservations.get(reservation_id)
        if given is None:
            raise IllegalTransition("reservation", "ended", event)
        return given

    def _assignment(self, agent_id: AgentId, interaction_id: InteractionId, event: str) -> Assignment:
        agent = self.agents.get(agent_id)
        given = None if agent is None else agent.assignments.get(interaction_id)
        step("work", WORK, Work.IDLE if given is None else given.state, event)
        assert given is not None
        return given


def _load(agent: Agent) -> int:
    return sum(agent.profile.share_of(given.medium) for given in agent.assignments.values())


def _penalty(failure: str) -> str:
    return PENALTIES.get(failure, "phone")


def _outcome(given: Assignment, failure: str) -> ReservationState:
    if given.cause is RevokeCause.TIMED_OUT:
        return ReservationState.TIMED_OUT
    if given.cause is not None or failure == "revoked":
        return ReservationState.RESCINDED
    return ReservationState.TIMED_OUT if failure == "no-answer" else ReservationState.REJECTED
