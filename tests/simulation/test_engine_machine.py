"""The engine under every order of commands: invariants after each step, a rebuilt twin decides the same."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contactcenter.core.errors import Invalid
from routing import commands as c
from routing.commands import Presence, Requirement, RevokeCause, WithdrawReason, Work
from routing.eligibility import CONDITION_NAMES, FOREVER, standing
from routing.engine import REVOKE_REPEAT, Engine
from routing.profiles import count_of
from routing.recovery import take_snapshot
from routing.states import IllegalTransition, ItemState
from tests.unit.routing.floor import checked

AGENTS = tuple(f"a{number}" for number in range(5))
QUEUES = ("q0", "q1")
SKILLS = ("en", "de")
MEDIA = ("voice", "chat", "email")
TEAMS = ("t0", "t1")

agents = st.sampled_from(AGENTS)
queues = st.sampled_from(QUEUES)
levels = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 3))
skills = levels.map(lambda found: tuple(sorted(found.items())))
teams = st.sampled_from([(), (), ("t0",), TEAMS])
requirements = st.builds(
    Requirement, skills, st.lists(skills.filter(bool), max_size=1).map(tuple), teams, st.just(()) | skills
)
capacities = st.sampled_from(
    [{"voice": 1}, {"voice": 1, "chat": 3}, {"chat": 2}, {"voice": 2, "chat": 3}, {"voice": 1, "email": 2}, {}]
)
services = st.builds(c.Service, st.integers(0, 2), st.sampled_from([0.0, 0.0, 5.0, 20.0]))
served = st.none() | st.dictionaries(st.sampled_from(QUEUES), services)
steps = st.lists(
    st.builds(
        c.RelaxationStep,
        st.sampled_from([0.0, 3.0, 10.0, 30.0]),
        st.dictionaries(st.sampled_from(SKILLS), st.integers(0, 1)).map(lambda found: tuple(sorted(found.items()))),
        teams,
        st.booleans(),
    ),
    max_size=2,
    unique_by=lambda step: step.after,
).map(tuple)
rules = st.builds(
    c.QueueRules,
    queues,
    st.integers(-1, 2),
    st.integers(1, 20).map(float),
    st.integers(0, 9).map(float),
    requirements,
    order=st.sampled_from(c.WorkOrder),
    late_after=st.sampled_from([None, 5.0, 60.0]),
    weight=st.sampled_from([0.5, 1.0]),
    agent_rule=st.sampled_from(c.AgentRule),
    idle_guard=st.sampled_from([1.0, 3.0]),
    steps=steps,
    preferred_wait=st.sampled_from([0.0, 0.0, 15.0]),
    vip_reserve=st.sampled_from([0, 0, 0, 1]),
    interrupts=st.sampled_from([frozenset(), frozenset({"email"})]),
    value_steps=st.sampled_from([(), ((100.0, 1), (1000.0, 3))]),
)
picks = st.integers(0, 30)


def make_engine(made: int = 0) -> Engine:
    number = made

    def new_id() -> str:
        nonlocal number
        number += 1
        return f"r{number:05}"

    engine = Engine(new_id)
    engine.watch = lambda item, agent, line: checked(engine, item, agent)
    return engine


def state_of(engine: Engine) -> list[str]:
    return sorted(map(repr, take_snapshot(engine).commands()))


def plain(decision: Any) -> str:
    """A decision without what a rebuilt engine may have otherwise.

    The numbers of the command and of the profiles, and the delay: it knows none of agents who are not there any more.
    """
    if not isinstance(decision, c.Reserve):
        return repr(decision)
    why = decision.why
    fields = [getattr(decision, name) for name in decision.__struct_fields__ if name != "why"]
    told = msgspec.structs.astuple(why)
    return repr((fields, told[1:8], told[9:14]))


class EngineMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.engine = make_engine()
        self.twin: Engine | None = None
        self.made = 0  # reservations
        self.entered = 0  # interactions
        self.ringing: dict[str, str] = {}  # reservation -> interaction, as a PBX would know it
        self.reserved: list[str] = []
        self.ended: set[str] = set()

    # ------------------------------------------------------------ driving

    def do(self, command: c.Command) -> list[Any]:
        due = self.engine.next_deadline()
        if due is not None and due <= self.now and not isinstance(command, c.Tick):
            self.do(c.Tick())  # as the shell does
        before = state_of(self.engine)
        deadline = self.engine.next_deadline()
        refused = self.engine.illegal.total()
        over = {given for given in (getattr(command, "reservation_id", None),) if given in self.ringing}
        try:
            decisions = self.engine.handle(command, self.now)
        except (IllegalTransition, Invalid) as error:
            refusal = type(error)
        else:
            return self.allowed(command, decisions, over)
        assert state_of(self.engine) == before
        assert self.engine.next_deadline() == deadline
        assert self.engine.illegal.total() == refused + (refusal is IllegalTransition)
        if self.twin is not None:
            with pytest.raises(refusal):
                self.twin.handle(command, self.now)
        return []

    def allowed(self, command: c.Command, decisions: list[Any], over: set[str]) -> list[Any]:
        self.watch(command, decisions, over)
        if self.twin is not None:
            assert [plain(one) for one in self.twin.handle(command, self.now)] == [plain(one) for one in decisions]
        return decisions

    def watch(self, command: c.Command, decisions: list[Any], over: set[str]) -> None:
        """What the world outside would see; ``over`` are the alerts this command declared over."""
        for name in over:
            self.ringing.pop(name, None)
        if isinstance(command, c.AdoptWork) and command.reservation_id is not None:
            self.ringing[command.reservation_id] = command.interaction_id
            self.reserved.append(command.reservation_id)
        for one in decisions:
            if isinstance(one, c.Reserve):
                self.check_reserve(one)
            elif isinstance(one, c.ReservationEnded):
                assert one.reservation_id not in self.ended
                assert one.reservation_id in over, "a reservation ended while its alert could still be answered"
                self.ended.add(one.reservation_id)

    def check_reserve(self, one: c.Reserve) -> None:
        assert one.interaction_id not in self.ringing.values(), "two agents for one interaction"
        agent = self.engine.agents[one.agent_id]
        assert agent.load <= agent.profile.unit, "more than capacity"
        assert one.expires_at == self.now + self.engine.queues[one.queue_id].ring_time
        self.ringing[one.reservation_id] = one.interaction_id
        self.reserved.append(one.reservation_id)
        self.made += 1

    @initialize(first=requirements, ring=st.integers(1, 20), wrap=st.integers(0, 10))
    def start(self, first: Requirement, ring: int, wrap: int) -> None:
        self.do(c.DefineQueue(c.QueueRules("q0", 0, float(ring), float(wrap), first)))
        self.do(c.DefineQueue(c.QueueRules("q1", 1, 10.0, 0.0)))

    # ------------------------------------------------------------ rules

    @rule(given=rules)
    def define_queue(self, given: c.QueueRules) -> None:
        self.do(c.DefineQueue(given))

    @rule(
        name=agents,
        skills=levels,
        capacity=capacities,
        presence=st.sampled_from(Presence),
        device=st.booleans(),
        idle=st.integers(0, 50),
        only=served,
        team=st.none() | st.sampled_from(TEAMS),
    )
    def add_agent(
        self, name: str, skills: Any, capacity: Any, presence: Any, device: bool, idle: int, only: Any, team: Any
    ) -> None:
        since = self.now - idle
        self.do(c.AddAgent(name, skills, capacity, presence, "x", device, idle_since=since, queues=only, team_id=team))

    @rule(name=agents, skills=levels, capacity=st.none() | capacities, only=served, team=st.none() | st.just("t1"))
    def update_agent(self, name: str, skills: Any, capacity: Any, only: Any, team: Any) -> None:
        self.do(c.UpdateAgent(name, skills, capacity, only, only is None, team, team is None))

    @rule(name=agents)
    def remove_agent(self, name: str) -> None:
        self.do(c.RemoveAgent(name))

    @rule(name=agents, presence=st.sampled_from(Presence))
    def set_presence(self, name: str, presence: Presence) -> None:
        self.do(c.SetPresence(name, presence, "chosen"))

    @rule()
    def everybody_ready(self) -> None:
        for name in AGENTS:
            self.do(c.AddAgent(name, {"en": 2, "de": 2}, {"voice": 1, "chat": 3}))
            self.do(c.SetDevice(name, True))
            self.do(c.SetPresence(name, Presence.READY))

    @rule(name=agents, usable=st.booleans())
    def set_device(self, name: str, usable: bool) -> None:
        self.do(c.SetDevice(name, usable))

    @rule(
        queue=queues,
        medium=st.sampled_from(MEDIA),
        priority=st.integers(0, 1),
        need=requirements,
        vip=st.booleans(),
        waited=st.integers(0, 30),
        due=st.none() | st.integers(-100, 1000),
        outbound=st.booleans(),
        wish=st.none() | agents,
        value=st.sampled_from([0.0, 500.0, 5000.0]),
        old=st.none() | picks,
    )
    def enqueue(
        self,
        queue: str,
        medium: str,
        priority: int,
        need: Any,
        vip: bool,
        waited: int,
        due: int | None,
        outbound: bool,
        wish: Any,
        value: float,
        old: Any,
    ) -> None:
        number = self.entered if old is None or not self.entered else old % self.entered
        self.entered = max(self.entered, number + 1)
        self.do(
            c.Enqueue(
                f"i{number:04}",
                f"v{number}.{self.engine.number}",
                queue,
                medium,
                priority,
                need,
                self.now - waited,
                vip,
                None if due is None else self.now + due,
                outbound,
                value,
                wish,
            )
        )

    @rule(pick=picks, reason=st.sampled_from(WithdrawReason))
    def withdraw(self, pick: int, reason: WithdrawReason) -> None:
        self.do(c.Withdraw(f"i{pick % max(1, self.entered):04}", reason))

    @rule(pick=picks, ended=st.booleans())
    def accept(self, pick: int, ended: bool) -> None:
        self.do(c.Accept(self.pick_reservation(pick, ended)))

    @rule(pick=picks, penalise=st.booleans(), failure=st.sampled_from(["no-answer", "busy", "rejected"]))
    def reject(self, pick: int, penalise: bool, failure: str) -> None:
        self.do(c.Reject(self.pick_reservation(pick, False), failure, penalise))

    @rule(pick=picks, ended=st.booleans())
    def confirm(self, pick: int, ended: bool) -> None:
        self.do(c.RevokeConfirmed(self.pick_reservation(pick, ended)))

    def pick_reservation(self, pick: int, ended: bool) -> str:
        known = self.reserved if ended else list(self.ringing)
        return known[-1 - pick % len(known)] if known else "none"

    def pick_work(self, pick: int, state: Work) -> tuple[str, str]:
        found = [
            (given.agent.id, given.interaction_id)
            for agent in self.engine.agents.values()
            for given in agent.assignments.values()
            if given.state is state
        ]
        return found[pick % len(found)] if found else (AGENTS[pick % len(AGENTS)], "i0000")

    @rule(pick=picks, state=st.sampled_from([Work.HANDLING, Work.HANDLING, Work.WRAP_UP, Work.RESERVED]))
    def finish(self, pick: int, state: Work) -> None:
        agent, interaction = self.pick_work(pick, state)
        self.do(c.Finish(interaction, agent))

    @rule(pick=picks, state=st.sampled_from([Work.WRAP_UP, Work.WRAP_UP, Work.HANDLING]))
    def end_wrap_up(self, pick: int, state: Work) -> None:
        self.do(c.EndWrapUp(*self.pick_work(pick, state)))

    @rule(pick=picks, seconds=st.integers(-1, 20))
    def extend_wrap_up(self, pick: int, seconds: int) -> None:
        self.do(c.ExtendWrapUp(*self.pick_work(pick, Work.WRAP_UP), float(seconds)))

    @rule(name=agents, queue=queues, medium=st.sampled_from(MEDIA), state=st.sampled_from(Work), pick=picks)
    def adopt(self, name: str, queue: str, medium: str, state: Work, pick: int) -> None:
        number = self.entered if pick > 10 else pick % max(1, self.entered)
        self.entered = max(self.entered, number + 1)
        held = state in (Work.RESERVED, Work.REVOKING)
        reservation = f"o{len(self.reserved)}" if held else None
        cause = RevokeCause.AGENT_LEFT if state is Work.REVOKING else None
        until = None if state in (Work.HANDLING, Work.SET_ASIDE) else self.now + pick
        self.do(
            c.AdoptWork(
                name,
                f"i{number:04}",
                f"v{number}",
                queue,
                medium,
                state,
                until=until,
                reservation_id=reservation,
                cause=cause,
                entered_at=self.now - pick,
            )
        )

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 3.0, 10.0, 30.0]), tick=st.booleans())
    def wait(self, seconds: float, tick: bool) -> None:
        self.now += seconds
        if tick:
            self.tick()

    @rule()
    def wait_for_deadline(self) -> None:
        deadline = self.engine.next_deadline()
        if deadline is None or deadline <= self.now:
            return
        self.now = deadline - 0.001
        assert self.tick() == []
        self.now = deadline
        self.tick()

    def tick(self) -> list[Any]:
        decisions = self.do(c.Tick())
        deadline = self.engine.next_deadline()
        assert deadline is None or deadline > self.now
        return decisions

    @rule()
    def rebuild(self) -> None:
        """From here on a twin made from the snapshot gets every command too."""
        self.tick()
        self.twin = make_engine(self.made)
        for command in take_snapshot(self.engine).commands():
            for one in self.twin.handle(command, self.now):
                assert not isinstance(one, c.Reserve | c.ReservationEnded | c.WrapUpEnded)
        assert state_of(self.twin) == state_of(self.engine)
        assert (self.twin.next_deadline() or FOREVER) >= (
            self.engine.next_deadline() or FOREVER
        )  # no delays of who left

    # ------------------------------------------------------------ invariants

    @invariant()
    def each_interaction_in_one_state(self) -> None:
        live: dict[str, Any] = {}
        for agent in self.engine.agents.values():
            for name, given in agent.assignments.items():
                if given.state is not Work.WRAP_UP:
                    assert name not in live, "two agents for one interaction"
                    live[name] = given
        for name, item in self.engine.items.items():
            assert item.state is not ItemState.GONE
            assert (item.line is not None) == (item.state is ItemState.WAITING)
            if item.state is ItemState.WAITING:
                assert name not in live
            elif item.state is ItemState.HANDLING:
                assert live[name].state in (Work.HANDLING, Work.SET_ASIDE)
            else:
                expected = Work.RESERVED if item.state is ItemState.RESERVED else Work.REVOKING
                assert live[name].state is expected
        assert set(live) <= set(self.engine.items)

    @invariant()
    def nobody_waits_while_somebody_eligible_is_free(self) -> None:
        for item in self.engine.items.values():
            if item.state is ItemState.WAITING:
                free = [agent.id for agent in self.engine.agents.values() if self.engine.refusal(agent, item) is None]
                assert free == []

    @invariant()
    def timed_states_have_deadlines(self) -> None:
        due = [item.until for item in self.engine.items.values() if item.line is not None and item.until is not None]
        for agent in self.engine.agents.values():
            for given in agent.assignments.values():
                assert (given.until is None) == (given.state in (Work.HANDLING, Work.SET_ASIDE))
                if given.until is not None:
                    due.append(given.until)
                if given.state is Work.REVOKING and given.attempt and given.reservation_id.startswith("r"):
                    assert given.until <= self.now + REVOKE_REPEAT
        assert self.engine.next_deadline() == min(due, default=None)

    @invariant()
    def alerts_agree_with_the_outside(self) -> None:
        held = {
            agent.reservation.reservation_id: agent.reservation.interaction_id
            for agent in self.engine.agents.values()
            if agent.reservation is not None
        }
        assert held == self.ringing

    @invariant()
    def places_and_counts_are_true(self) -> None:
        profiles = self.engine.matching.profiles
        counts = profiles.counts()
        for agent in self.engine.agents.values():
            assert agent.slots == standing(agent, self.engine.matching.free.slots)[1]
            counted_in = [one for one in agent.assignments.values() if one.state is not Work.SET_ASIDE]
            assert agent.load == sum(agent.profile.share_of(one.medium) for one in counted_in)
        kinds = range(len(CONDITION_NAMES))
        counted = sum(count_of(counts, profile, kind) for profile in profiles.all for kind in kinds)
        assert counted == len(self.engine.agents)
        waiting = [item for item in self.engine.items.values() if item.state is ItemState.WAITING]
        assert self.engine.matching.waiting.count == len(waiting)
        assert self.engine.matching.waiting.count == sum(
            queue.waiting for queue in self.engine.matching.waiting.queues.values()
        )


TestEngineMachine = EngineMachine.TestCase
TestEngineMachine.settings = settings(
    max_examples=60, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
