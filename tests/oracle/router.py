"""A second router, deliberately naive: the rules of docs/routing/rules.md and the life of a reservation, nothing else.

Same interface as ``routing.engine.Engine``: the same commands lead to the same decisions in the same order (``why``
apart), the same refusals change nothing. It shares with the engine the commands and the tables of ``states`` only.
"""

from collections.abc import Callable
from typing import Any

from contactcenter.core.errors import Invalid
from contactcenter.core.ids import AgentId, InteractionId, ReservationId
from routing import commands as c
from routing.commands import Decision, Presence, ReservationState, RevokeCause, Work
from routing.states import AGENT, ITEM, WORK, AgentState, IllegalTransition, ItemState, step
from tests.oracle.router_rules import Agent, Given, Item, Rules

REVOKE_REPEAT = 5.0
NOT_READY_REASONS = {"no-answer": "no-answer", "lost": "no-answer", "rejected": "rejected", "busy": "busy"}


class ReferenceRouter(Rules):
    """Owns a floor; ``agents``, ``items`` and ``queues`` are for reading only."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        super().__init__()
        self._new_id = new_id
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

    def handle(self, command: c.Command, now: float) -> list[Decision]:
        """Carry out one command. Raises: IllegalTransition, Invalid; then nothing has changed."""
        self.now, self._out = now, []
        if not isinstance(command, c.Tick):
            self._see(now)
        self._handlers[type(command)](command)
        self._settle()
        return self._out

    def next_deadline(self) -> float | None:
        """Return the next instant at which something is due; at some of them nothing comes of it."""
        return min((at for at, *_ in self._due()), default=None)

    # -------------------------------------------------------------- queues

    def _define_queue(self, command: c.DefineQueue) -> None:
        self.queues[command.rules.queue_id] = command.rules
        items = [item for item in self.waiting() if item.queue_id == command.rules.queue_id]
        for item in items:
            self._line_up(item)
        for item in sorted(items, key=lambda item: (self.place(item), item.id)):
            self._serve(item)

    # -------------------------------------------------------------- agents

    def _add_agent(self, command: c.AddAgent) -> None:
        agent = self.agents.get(command.agent_id)
        step("agent", AGENT, AgentState.ABSENT if agent is None else agent.state, "add")
        _check_capacity(command.capacity)
        if agent is None:
            agent = self.agents[command.agent_id] = Agent(command.agent_id)
        agent.state = AgentState.PRESENT
        agent.skills, agent.capacity = dict(command.skills), dict(command.capacity)
        agent.queues = None if command.queues is None else dict(command.queues)
        agent.team_id = command.team_id
        agent.device_usable, agent.device_reason = command.device_usable, command.device_reason
        agent.handled = max(agent.handled, command.handled)
        agent.idle_since = self.now if command.idle_since is None else command.idle_since
        agent.presence = command.presence
        agent.reason = "" if command.presence is Presence.READY else command.reason
        agent.presence_since = self.now if command.presence_since is None else command.presence_since
        self._out.append(c.PresenceChanged(agent.id, agent.presence, agent.reason, agent.presence_since))
        self._resume(agent)
        self._free(agent)

    def _update_agent(self, command: c.UpdateAgent) -> None:
        agent = self._agent(command.agent_id, "update")
        if command.capacity is not None:
            _check_capacity(command.capacity)
            agent.capacity = dict(command.capacity)
        if command.skills is not None:
            agent.skills = dict(command.skills)
        if command.all_queues:
            agent.queues = None
        elif command.queues is not None:
            agent.queues = dict(command.queues)
        if command.no_team:
            agent.team_id = None
        elif command.team_id is not None:
            agent.team_id = command.team_id
        self._resume(agent)
        self._free(agent)

    def _remove_agent(self, command: c.RemoveAgent) -> None:
        agent = self._agent(command.agent_id, "remove")
        agent.state = AgentState.LEAVING
        self._change_presence(agent, Presence.OFFLINE, "signed-out")
        self._revoke_alert(agent, RevokeCause.AGENT_LEFT)
        self._free(agent)

    def _set_presence(self, command: c.SetPresence) -> None:
        agent = self._agent(command.agent_id, "change")
        if command.presence is Presence.READY and agent.presence is not Presence.READY:
            agent.idle_since = self.now
        self._change_presence(agent, command.presence, "" if command.presence is Presence.READY else command.reason)
        if command.presence is Presence.OFFLINE:
            self._revoke_alert(agent, RevokeCause.AGENT_LEFT)
        self._free(agent)

    def _set_device(self, command: c.SetDevice) -> None:
        agent = self._agent(command.agent_id, "device")
        if (agent.device_usable, agent.device_reason) == (command.usable, command.reason):
            return
        agent.device_usable, agent.device_reason = command.usable, command.reason
        self._out.append(c.DeviceChanged(agent.id, command.usable, command.reason, self.now))
        if not command.usable:
            self._revoke_alert(agent, RevokeCause.DEVICE_LOST)
        self._free(agent)

    def _change_presence(self, agent: Agent, presence: Presence, reason: str) -> None:
        if (agent.presence, agent.reason) != (presence, reason):
            agent.presence, agent.reason, agent.presence_since = presence, reason, self.now
            self._out.append(c.PresenceChanged(agent.id, presence, reason, self.now))

    # -------------------------------------------------------------- interactions in line

    def _enqueue(self, command: c.Enqueue) -> None:
        if command.queue_id not in self.queues:
            raise IllegalTransition("queue", "undefined", "enqueue")
        state = step("item", ITEM, self._state_of(command.interaction_id), "enqueue")
        item = self.items.setdefault(command.interaction_id, Item(command.interaction_id))
        item.enter(command, self.now)
        item.state = state
        self._out.append(c.Queued(item.id, item.visit_id, item.queue_id, item.entered_at))
        if state is ItemState.WAITING:
            self._lose_wish_for_absent(item)
            self._serve(item)
            self._lose_wish_for_time(item)

    def _withdraw(self, command: c.Withdraw) -> None:
        before = self._state_of(command.interaction_id)
        after = step("item", ITEM, before, command.reason)
        if before is ItemState.GONE:
            return
        item = self.items[command.interaction_id]
        item.state = after
        if before is not ItemState.FLOWING_OUT:
            self._out.append(c.Withdrawn(item.id, item.visit_id, item.queue_id, command.reason))
        if after is ItemState.GONE:
            del self.items[item.id]
        elif before is ItemState.RESERVED:
            assert item.agent_id is not None
            self._revoke(self.agents[item.agent_id].work[item.id], RevokeCause(command.reason))

    def _line_up(self, item: Item) -> None:
        """The item stands in line from now on, or anew."""
        item.seen_at = self.now
        self._lose_wish_for_absent(item)
        self._lose_wish_for_time(item)

    def _serve(self, item: Item) -> None:
        for agent in self.agents_for(item)[:1]:
            self._reserve(item, agent)

    def _free(self, agent: Agent) -> None:
        """After any change of the agent: what he can get, until nothing more fits."""
        if agent.state is AgentState.LEAVING and not agent.work:
            del self.agents[agent.id]
            self._out.append(c.AgentRemoved(agent.id))
            return
        while items := self.items_for(agent):
            self._reserve(items[0], agent)

    # -------------------------------------------------------------- wishes

    def _lose_wish_for_absent(self, item: Item) -> bool:
        if item.wish is None or not self.is_absent(item.wish, item):
            return False
        item.wish = None
        return True

    def _lose_wish_for_time(self, item: Item) -> None:
        if item.wish is not None and self.window_ends_at(item) <= item.seen_at:
            item.wish = None

    def _settle(self) -> None:
        """Who was wished for and became absent is not waited for."""
        wishing = sorted((item for item in self.items.values() if item.wish is not None), key=lambda item: item.id)
        lost = [item for item in wishing if self._lose_wish_for_absent(item)]
        for item in lost:
            if item.state is ItemState.WAITING:
                self._serve(item)

    # -------------------------------------------------------------- reservations

    def _reserve(self, item: Item, agent: Agent) -> None:
        item.state = step("item", ITEM, item.state, "reserve")
        item.agent_id, item.wish = agent.id, None
        rules = self.queues[item.queue_id]
        given = self._give(agent, item, item.id, Work.RESERVED, self.now)
        given.reservation_id = name = ReservationId(self._new_id())
        given.until = at = self.now + rules.ring_time
        why: Any = None
        self._out.append(c.Reserve(name, item.id, item.visit_id, item.queue_id, agent.id, at, why))
        self._out.append(c.WorkChanged(agent.id, Work.RESERVED, item.id, at, self.now))
        self._make_room(agent, item, rules)

    def _make_room(self, agent: Agent, item: Item, rules: c.QueueRules) -> None:
        for given in reversed(agent.interruptible(rules, item.medium)):
            if agent.load() > 1:
                given.state = Work.SET_ASIDE
                self._out.append(c.WorkChanged(agent.id, Work.SET_ASIDE, given.interaction_id, None, self.now))

    def _resume(self, agent: Agent) -> None:
        set_aside = [one for one in agent.work.values() if one.state is Work.SET_ASIDE]
        for given in sorted(set_aside, key=lambda one: (one.since, one.interaction_id)):
            if agent.load() + agent.share(given.medium) <= 1:
                given.state = Work.HANDLING
                self._out.append(c.WorkChanged(agent.id, Work.HANDLING, given.interaction_id, None, self.now))

    def _revoke_alert(self, agent: Agent, cause: RevokeCause) -> None:
        given = agent.alert
        if given is not None and given.state is Work.RESERVED:
            item = self.items[given.interaction_id]
            item.state = step("item", ITEM, item.state, "revoke")
            self._revoke(given, cause)

    def _revoke(self, given: Given, cause: RevokeCause) -> None:
        given.state = step("work", WORK, given.state, "revoke")
        given.cause = given.cause or cause
        given.attempt += 1
        given.until = self.now + REVOKE_REPEAT
        name = given.reservation_id
        assert name is not None
        self._out.append(c.Revoke(name, given.agent_id, given.interaction_id, given.cause, given.attempt))
        if given.attempt == 1:
            self._out.append(c.WorkChanged(given.agent_id, Work.REVOKING, given.interaction_id, None, self.now))

    def _accept(self, command: c.Accept) -> None:
        given = self._reserved(command.reservation_id, "accept")
        item = self.items[given.interaction_id]
        after = step("item", ITEM, item.state, "accept")
        if after is ItemState.GONE:
            self._alert_over(given, RevokeCause.CUSTOMER_LEFT, "")
            return
        given.state = step("work", WORK, given.state, "accept")
        given.since, given.until = self.now, None
        item.state, item.wish = after, None
        self._end_reservation(given, ReservationState.ACCEPTED, "")
        given.visit_id, given.queue_id = item.visit_id, item.queue_id
        self._out.append(c.WorkChanged(given.agent_id, Work.HANDLING, item.id, None, self.now))
        self._free(self.agents[given.agent_id])

    def _reject(self, command: c.Reject) -> None:
        given = self._reserved(command.reservation_id, "alert-over")
        penalty = NOT_READY_REASONS.get(command.failure, "phone") if command.penalise else ""
        self._alert_over(given, command.failure, penalty)

    def _revoke_confirmed(self, command: c.RevokeConfirmed) -> None:
        given = self._reserved(command.reservation_id, "alert-over")
        self._alert_over(given, given.cause or "revoked", "")

    def _alert_over(self, given: Given, failure: str, penalty: str) -> None:
        item, agent, cause = self.items[given.interaction_id], self.agents[given.agent_id], given.cause
        item.state = step("item", ITEM, item.state, "alert-over")
        if cause is not None:
            penalty = "no-answer" if cause is RevokeCause.TIMED_OUT else ""
        elif not penalty:
            agent.idle_since = self.now
        self._end_reservation(given, _outcome(cause, failure), cause or failure)
        self._end_work(given)
        if penalty and agent.presence is Presence.READY:
            self._change_presence(agent, Presence.NOT_READY, penalty)
        self.aside = agent
        self._return_to_line(item)
        self.aside = None
        self._free(agent)

    def _return_to_line(self, item: Item) -> None:
        passed, item.agent_id = item.agent_id, None
        assert passed is not None
        if item.state is ItemState.GONE:
            del self.items[item.id]
            return
        self._line_up(item)
        self._out.append(c.Requeued(item.id, item.visit_id, item.queue_id, item.entered_at, passed))
        self._serve(item)

    def _end_reservation(self, given: Given, state: ReservationState, failure: str) -> None:
        name = given.reservation_id
        assert name is not None
        given.reservation_id, given.cause, given.attempt = None, None, 0
        ended = c.ReservationEnded(name, given.interaction_id, given.visit_id, given.agent_id, state, str(failure))
        self._out.append(ended)

    # -------------------------------------------------------------- work

    def _finish(self, command: c.Finish) -> None:
        step("item", ITEM, self._state_of(command.interaction_id), "finish")
        given = self._given(command.agent_id, command.interaction_id)
        if given is None or given.state is not Work.SET_ASIDE:
            step("work", WORK, Work.IDLE if given is None else given.state, "finish")
        assert given is not None
        agent, wrap_up_time = self.agents[given.agent_id], self.queues[given.queue_id].wrap_up_time
        agent.handled += 1
        del self.items[command.interaction_id]
        if wrap_up_time > 0 and given.state is not Work.SET_ASIDE:
            given.state, given.since = Work.WRAP_UP, self.now
            self._wrap_up_until(given, self.now + wrap_up_time)
        else:
            agent.idle_since = self.now
            self._end_work(given)
        self._free(agent)

    def _wrap_up_until(self, given: Given, until: float) -> None:
        given.until = until
        self._out.append(c.WorkChanged(given.agent_id, Work.WRAP_UP, given.interaction_id, until, given.since))

    def _end_wrap_up(self, command: c.EndWrapUp) -> None:
        given = self._in_wrap_up(command.agent_id, command.interaction_id, "end-wrap-up")
        self._close_wrap_up(given, "agent")
        self._free(self.agents[given.agent_id])

    def _extend_wrap_up(self, command: c.ExtendWrapUp) -> None:
        given = self._in_wrap_up(command.agent_id, command.interaction_id, "extend-wrap-up")
        if command.seconds <= 0:
            raise Invalid("invalid-wrap-up-time", {"seconds": "not-positive"})
        assert given.until is not None
        self._wrap_up_until(given, given.until + command.seconds)

    def _close_wrap_up(self, given: Given, by: str) -> None:
        self._out.append(c.WrapUpEnded(given.agent_id, given.interaction_id, by))
        self.agents[given.agent_id].idle_since = self.now
        self._end_work(given, has_room=by != "again")

    def _give(self, agent: Agent, what: Item | c.AdoptWork, name: InteractionId, state: Work, since: float) -> Given:
        if name in agent.work:
            self._close_wrap_up(agent.work[name], "again")
        given = Given(agent.id, name, what.visit_id, what.queue_id, what.medium, state, since)
        agent.work[name] = given
        return given

    def _end_work(self, given: Given, has_room: bool = True) -> None:
        """The work is over. ``has_room``: not when the same interaction takes its place at once."""
        agent = self.agents[given.agent_id]
        given.state = Work.IDLE
        del agent.work[given.interaction_id]
        self._out.append(c.WorkChanged(agent.id, Work.IDLE, given.interaction_id, None, self.now))
        if has_room:
            self._resume(agent)

    # -------------------------------------------------------------- work that exists already

    def _adopt_work(self, command: c.AdoptWork) -> None:
        agent = self._agent(command.agent_id, "adopt")
        if command.queue_id not in self.queues:
            raise IllegalTransition("queue", "undefined", "adopt")
        former = agent.work.get(command.interaction_id)
        if former is not None and (former.state is not Work.WRAP_UP or command.state is Work.WRAP_UP):
            raise IllegalTransition("work", former.state, f"adopt-{command.state}")
        if command.state in (Work.HANDLING, Work.SET_ASIDE):
            state = step("item", ITEM, self._state_of(command.interaction_id), "adopt")
            self._adopt_item(command, state)
        elif command.state is not Work.WRAP_UP:
            self._check_adopted_alert(agent, command)
            self._adopt_item(command, ItemState(command.state.value))
        since = self.now if command.since is None else command.since
        given = self._give(agent, command, command.interaction_id, command.state, since)
        self._adopt_deadline(given, command)
        until = None if given.state is Work.REVOKING else given.until
        self._out.append(c.WorkChanged(agent.id, given.state, given.interaction_id, until, given.since))
        self._free(agent)

    def _check_adopted_alert(self, agent: Agent, command: c.AdoptWork) -> None:
        if command.state is Work.IDLE or agent.alert is not None or command.reservation_id is None:
            raise IllegalTransition("work", Work.IDLE, f"adopt-{command.state}")
        if self._find_reservation(command.reservation_id) is not None:
            raise IllegalTransition("reservation", "running", "adopt")
        state = self._state_of(command.interaction_id)
        step("item", ITEM, ItemState.WAITING if state is ItemState.GONE else state, "reserve")

    def _adopt_item(self, command: c.AdoptWork, state: ItemState) -> None:
        item = self.items.setdefault(command.interaction_id, Item(command.interaction_id))
        item.enter(command, self.now)
        item.state, item.agent_id = state, command.agent_id

    def _adopt_deadline(self, given: Given, command: c.AdoptWork) -> None:
        if given.state is Work.WRAP_UP:
            default = self.now + self.queues[command.queue_id].wrap_up_time
            given.until = default if command.until is None else command.until
        elif given.state in (Work.RESERVED, Work.REVOKING):
            given.reservation_id = command.reservation_id
            given.until = self.now if command.until is None else command.until
        if given.state is Work.REVOKING:
            given.cause, given.attempt = command.cause or RevokeCause.TIMED_OUT, command.attempt

    # -------------------------------------------------------------- time

    def _due(self) -> list[tuple[float, int, Any, Any]]:
        """Everything that will happen by itself: instant, work before items, names in order."""
        work: list[tuple[float, int, Any, Any]] = [
            (given.until, 0, agent.id, given.interaction_id)
            for agent in self.agents.values()
            for given in agent.work.values()
            if given.until is not None
        ]
        return work + [(at, 1, item.id, "") for item in self.waiting() for at in self.instants(item)]

    def _tick(self, command: c.Tick) -> None:
        while due := [one for one in self._due() if one[0] <= self.now]:
            at, kind, name, interaction_id = min(due)
            self._see(at)
            if kind:
                self._change_item(self.items[name], at)
            else:
                self._change_work(self.agents[name].work[interaction_id])
            self._settle()

    def _see(self, at: float) -> None:
        """Items that nothing is due for have seen everything until ``at``."""
        for item in self.waiting():
            if at > item.seen_at and not any(one <= at for one in self.instants(item)):
                item.seen_at = at

    def _change_item(self, item: Item, at: float) -> None:
        item.seen_at = at
        self._lose_wish_for_time(item)
        self._serve(item)

    def _change_work(self, given: Given) -> None:
        agent = self.agents[given.agent_id]
        if given.state is Work.WRAP_UP:
            self._close_wrap_up(given, "timer")
        elif given.state is Work.RESERVED:
            self._revoke_alert(agent, RevokeCause.TIMED_OUT)
        else:
            self._revoke(given, RevokeCause.TIMED_OUT)
        self._free(agent)

    # -------------------------------------------------------------- look-ups that refuse

    def _agent(self, agent_id: AgentId, event: str) -> Agent:
        agent = self.agents.get(agent_id)
        step("agent", AGENT, AgentState.ABSENT if agent is None else agent.state, event)
        assert agent is not None
        return agent

    def _state_of(self, interaction_id: InteractionId) -> ItemState:
        item = self.items.get(interaction_id)
        return ItemState.GONE if item is None else item.state

    def _find_reservation(self, reservation_id: ReservationId) -> Given | None:
        alerts = [agent.alert for agent in self.agents.values()]
        found = [given for given in alerts if given is not None and given.reservation_id == reservation_id]
        return found[0] if found else None

    def _reserved(self, reservation_id: ReservationId, event: str) -> Given:
        given = self._find_reservation(reservation_id)
        if given is None:
            raise IllegalTransition("reservation", "ended", event)
        return given

    def _given(self, agent_id: AgentId, interaction_id: InteractionId) -> Given | None:
        agent = self.agents.get(agent_id)
        return None if agent is None else agent.work.get(interaction_id)

    def _in_wrap_up(self, agent_id: AgentId, interaction_id: InteractionId, event: str) -> Given:
        given = self._given(agent_id, interaction_id)
        step("work", WORK, Work.IDLE if given is None else given.state, event)
        assert given is not None
        return given


def _check_capacity(capacity: Any) -> None:
    if any(number < 0 for number in capacity.values()):
        raise Invalid("invalid-capacity", {"capacity": "negative"})


def _outcome(cause: RevokeCause | None, failure: str) -> ReservationState:
    if cause is RevokeCause.TIMED_OUT:
        return ReservationState.TIMED_OUT
    if cause is not None or failure == "revoked":
        return ReservationState.RESCINDED
    return ReservationState.TIMED_OUT if failure == "no-answer" else ReservationState.REJECTED
