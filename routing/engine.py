"""The routing engine: (state, command, now) -> decisions. Pure: no clock, no I/O, no randomness.

Rules. Every command either is legal by the tables of ``states`` or raises IllegalTransition, is counted and changes
nothing: each handler makes its steps through the tables first and changes state after. Work-conserving: after every
command nobody waits while somebody eligible is free, because whatever a command (or an instant) makes possible, it is
for one agent or for some items, and each of these is matched before the handler returns. An interaction whose alert is
being taken back is offered to nobody until the revoke is confirmed: a late answer would steal the caller.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from contactcenter.core.errors import Invalid
from contactcenter.core.ids import AgentId, InteractionId, QueueId, ReservationId
from routing import commands as c
from routing.agents import Agent, Assignment, load_of
from routing.commands import Decision, Presence, ReservationState, RevokeCause, Why, Work
from routing.deadlines import Deadlines
from routing.eligibility import RESERVED, is_absent
from routing.items import Item
from routing.lines import Line
from routing.matching import Matching, Watch
from routing.requirements import Profile
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

REVOKE_REPEAT = 5.0
"""Seconds after which an unanswered Revoke is said again."""
KEPT_WHYS = 4096
PENALTIES = {"no-answer": "no-answer", "lost": "no-answer", "rejected": "rejected", "busy": "busy"}
"""Not-ready reason by the failure of an alert; every other failure is the phone's."""
SIGNED_OUT = "signed-out"


class Engine:
    """Owns the state of all agents and interactions of one site; one command at a time (see ``runtime``).

    ``number`` counts the commands carried out, ``illegal`` those refused by (machine, state, event). ``agents``,
    ``items``, ``queues``, ``matching`` and ``whys`` are for reading only; ``watch`` sees each choice before it is made.
    """

    def __init__(self, new_id: Callable[[], str]) -> None:
        self.new_id = new_id
        self.number = 0
        self.illegal: Counter[tuple[str, str, str]] = Counter()
        self.queues: dict[QueueId, c.QueueRules] = {}
        self.agents: dict[AgentId, Agent] = {}
        self.items: dict[InteractionId, Item] = {}
        self.whys: deque[Why] = deque(maxlen=KEPT_WHYS)
        self.watch: Watch | None = None
        self._reservations: dict[ReservationId, Assignment] = {}
        self._deadlines = Deadlines()
        self.matching = Matching(self.agents, self._deadlines)
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
        self.queues[command.rules.queue_id] = command.rules
        self._line_up_anew(command.rules.queue_id)

    def _line_up_anew(self, queue_id: QueueId) -> None:
        """Rank those who wait in a queue anew, then offer them in that order."""
        for item in self.matching.line_up_anew(self.queues[queue_id], self.items.values(), self._now):
            if item.line is not None:
                self.matching.take(item)
                self._offer(item)

    # -------------------------------------------------------------- agents

    def _add_agent(self, command: c.AddAgent) -> None:
        agent = self.agents.get(command.agent_id)
        step("agent", AGENT, AgentState.ABSENT if agent is None else agent.state, "add")
        profile = self._profile(command.skills, command.queues, command.capacity, command.team_id)
        if agent is None:
            agent = self.agents[command.agent_id] = Agent(command.agent_id, profile)
        self.matching.move(agent, profile)
        agent.state = AgentState.PRESENT
        agent.load = load_of(agent)
        agent.device_usable, agent.device_reason = command.device_usable, command.device_reason
        agent.handled = max(agent.handled, command.handled)
        agent.idle_since = self._now if command.idle_since is None else command.idle_since
        agent.presence = command.presence
        agent.reason = command.reason if command.presence is not Presence.READY else ""
        agent.presence_since = self._now if command.presence_since is None else command.presence_since
        self.matching.free.place(agent)
        self._tell_presence(agent)
        self._resume(agent)
        self._free(agent)

    def _update_agent(self, command: c.UpdateAgent) -> None:
        agent = self._agent(command.agent_id, "update")
        now = agent.profile
        profile = self._profile(
            now.skills if command.skills is None else command.skills,
            None if command.all_queues else now.queues if command.queues is None else command.queues,
            now.capacity if command.capacity is None else command.capacity,
            None if command.no_team else now.team_id if command.team_id is None else command.team_id,
        )
        self.matching.move(agent, profile)
        agent.load = load_of(agent)
        self._resume(agent)
        self._free(agent)

    def _profile(self, skills: Any, queues: Any, capacity: Any, team_id: Any) -> Profile:
        """Return the profile; a delay that is new in a queue is one more instant for those who wait there."""
        profile, changed = self.matching.profile(skills, queues, capacity, team_id)
        for queue_id in changed:
            self._line_up_anew(queue_id)
        return profile

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
        now = command.usable, command.reason
        if (agent.device_usable, agent.device_reason) == now:
            return
        agent.device_usable, agent.device_reason = now
        self._out.append(c.DeviceChanged(agent.id, *now, self._now))
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
        item.preferred = command.preferred_agent_id
        item.state = state
        self._out.append(c.Queued(item.interaction_id, item.visit_id, item.queue_id, item.entered_at))
        if state is ItemState.WAITING:
            self._offer(item)

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
            assert item.agent_id is not None
            agent = self.agents[item.agent_id]
            self._revoke(agent, RevokeCause(command.reason))
            self.matching.free.place(agent)

    def _offer(self, item: Item) -> None:
        """Give an item that stands nowhere to the first agent for it, or let it wait."""
        line = self.matching.waiting.line_for(item, self._now)
        choice = self.matching.choose(item, line, self._now)
        if choice is None:
            self.matching.wait(item, line, self._now)
            return
        agent = choice.best[0][-1]
        named = tuple([(entry[-2], entry[-3]) for entry in choice.best])
        self._reserve(item, agent, choice.rule, line, named)
        self.matching.free.stand(agent, RESERVED, ())

    def refusal(self, agent: Agent, item: Item) -> tuple[str, str, int] | None:
        """See ``matching.refusal``; for invariants and why."""
        return self.matching.refusal(agent, item, self._now)

    def _free(self, agent: Agent) -> None:
        """After any change of the agent: take the first item he can get, else stand where he belongs now."""
        if agent.state is AgentState.LEAVING and not agent.assignments:
            self._forget(agent)
        else:
            self._occupy(agent)
        if agent.own:
            self._end_wishes(agent)

    def _occupy(self, agent: Agent) -> None:
        free = self.matching.free
        if agent.slots:
            free.unrank(agent)
        condition, slots = free.standing(agent)
        if slots and (first := self.matching.waiting.first_for(agent, slots)) is not None:
            item: Item = first.best[0][-1]
            assert item.line is not None
            named = tuple([(entry[1], entry[2].entered_at) for entry in first.best])
            self._reserve(item, agent, first.rule, item.line, named)
            condition, slots = RESERVED, ()
        free.stand(agent, condition, slots)

    def _end_wishes(self, agent: Agent) -> None:
        """Offer those to all who wait for this agent in vain."""
        for _, item in sorted(agent.own.items()):
            if item.line is not None and is_absent(agent, item):
                self.matching.take(item)
                item.preferred = None
                self._offer(item)

    def _forget(self, agent: Agent) -> None:
        self.matching.free.remove(agent)
        del self.agents[agent.id]
        self._out.append(c.AgentRemoved(agent.id))

    # -------------------------------------------------------------- reservations

    def _reserve(self, item: Item, agent: Agent, rule: str, line: Line, best: tuple[tuple[str, float], ...]) -> None:
        if self.watch is not None:
            self.watch(item, agent, line)
        why = self.matching.explain(self.number, self._now, rule, item, agent, line, best)
        self.whys.append(why)
        self.matching.take(item)
        item.state = step("item", ITEM, item.state, "reserve")
        item.agent_id, item.preferred = agent.id, None
        given = self._give(agent, item, step("work", WORK, Work.IDLE, "reserve"))
        expires_at = self._now + line.queue.rules.ring_time
        reservation_id = self._hold(given, ReservationId(self.new_id()), expires_at)
        self._out.append(
            c.Reserve(reservation_id, item.interaction_id, item.visit_id, item.queue_id, agent.id, expires_at, why)
        )
        self._out.append(c.WorkChanged(agent.id, Work.RESERVED, item.interaction_id, expires_at, self._now))
        if agent.load > agent.profile.unit:
            self._set_aside(agent, line.slot.interrupts)

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
        given.agent.reservation = None
        self._end_reservation(given, ReservationState.ACCEPTED, "")
        given.visit_id, given.queue_id = item.visit_id, item.queue_id  # it may have been queued anew meanwhile
        self._out.append(c.WorkChanged(given.agent.id, Work.HANDLING, item.interaction_id, None, self._now))
        return self._free(given.agent)

    def _reject(self, command: c.Reject) -> None:
        given = self._reserved(command.reservation_id, "alert-over")
        self._alert_over(given, command.failure, PENALTIES.get(command.failure, "phone") if command.penalise else "")

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
        self.matching.free.place(agent)  # among no one: he counts as reserved until others were asked
        self._return_to_line(item, agent)
        agent.reservation = None  # not before: others are asked first, whatever the item wishes
        self._free(agent)

    def _return_to_line(self, item: Item, passed: Agent) -> None:
        item.agent_id = None
        if item.state is ItemState.GONE:
            del self.items[item.interaction_id]
            return
        self._out.append(c.Requeued(item.interaction_id, item.visit_id, item.queue_id, item.entered_at, passed.id))
        self._offer(item)

    def _end_reservation(self, given: Assignment, state: ReservationState, failure: str) -> None:
        name = given.reservation_id
        assert name is not None
        del self._reservations[name]
        given.reservation_id = given.cause = None
        given.attempt = 0
        ids = name, given.interaction_id, given.visit_id, given.agent.id
        self._out.append(c.ReservationEnded(*ids, state, str(failure)))

    # -------------------------------------------------------------- work

    def _finish(self, command: c.Finish) -> None:
        step("item", ITEM, self._state_of(command.interaction_id), "finish")
        given = self._assignment(command.agent_id, command.interaction_id, "finish")
        wrap_up_time = self.queues[given.queue_id].wrap_up_time
        given.agent.handled += 1
        del self.items[command.interaction_id]
        if wrap_up_time > 0 and given.state is not Work.SET_ASIDE:
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
        self._end_work(given, makes_room=by != "again")

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
        if state is not Work.SET_ASIDE:
            agent.load += agent.profile.share_of(what.medium)
        return given

    def _end_work(self, given: Assignment, *, makes_room: bool = True) -> None:
        agent = given.agent
        if given.state is Work.SET_ASIDE:
            agent.set_aside -= 1
        else:
            agent.load -= agent.profile.share_of(given.medium)
        given.state, given.until = Work.IDLE, None
        del agent.assignments[given.interaction_id]
        self._out.append(c.WorkChanged(agent.id, Work.IDLE, given.interaction_id, None, self._now))
        if agent.set_aside and makes_room:
            self._resume(agent)

    def _set_aside(self, agent: Agent, media: frozenset[str]) -> None:
        """Interrupt what may be interrupted, the latest given first, until the rest fits."""
        talks = [one for one in agent.assignments.values() if one.state is Work.HANDLING and one.medium in media]
        for given in sorted(talks, key=lambda one: (one.since, one.interaction_id), reverse=True):
            if agent.load <= agent.profile.unit:
                break
            given.state = step("work", WORK, given.state, "set-aside")
            agent.load -= agent.profile.share_of(given.medium)
            agent.set_aside += 1
            self._out.append(c.WorkChanged(agent.id, Work.SET_ASIDE, given.interaction_id, None, self._now))

    def _resume(self, agent: Agent) -> None:
        """Go on with what was interrupted, the first given first, as far as there is room."""
        aside = [one for one in agent.assignments.values() if one.state is Work.SET_ASIDE]
        for given in sorted(aside, key=lambda one: (one.since, one.interaction_id)):
            share = agent.profile.share_of(given.medium)
            if agent.load + share <= agent.profile.unit:
                given.state = step("work", WORK, given.state, "resume")
                agent.load += share
                agent.set_aside -= 1
                self._out.append(c.WorkChanged(agent.id, Work.HANDLING, given.interaction_id, None, self._now))

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
        elif command.state in (Work.HANDLING, Work.SET_ASIDE):
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
        if command.state is Work.SET_ASIDE:
            work = step("work", WORK, work, "set-aside")
            agent.set_aside += 1
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
        item.state, item.agent_id, item.preferred = state, agent.id, None

    # -------------------------------------------------------------- time

    def _tick(self, command: c.Tick) -> None:
        while (given := self._deadlines.pop_due(self._now)) is not None:
            if isinstance(given, Item):
                self.matching.take(given)
                self._offer(given)
                continue
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


def _outcome(given: Assignment, failure: str) -> ReservationState:
    if given.cause is RevokeCause.TIMED_OUT:
        return ReservationState.TIMED_OUT
    if given.cause is not None or failure == "revoked":
        return ReservationState.RESCINDED
    return ReservationState.TIMED_OUT if failure == "no-answer" else ReservationState.REJECTED
