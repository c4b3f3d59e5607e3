"""The table of phases walked at random, on the room itself: no phase is a dead end, and no leg is left on the line."""

from typing import Any

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contactcenter.core.ids import LegId
from contactcenter.interactions import ports
from contactcenter.interactions.model import PHASES, Phase, Step
from tests.fakes.room import QUEUE, SERVER, Room

CALLER = "1780000000.1"


def test_every_phase_is_reached_and_every_one_has_a_way_to_the_end() -> None:
    reached = {Phase.FLOW}
    while more := {after for (phase, _), after in PHASES.items() if phase in reached} - reached:
        reached |= more
    assert reached == set(Phase)
    ending = {Phase.ENDED}
    while more := {phase for (phase, _), after in PHASES.items() if after in ending} - ending:
        ending |= more
    assert ending == set(Phase)


def test_a_leg_dies_in_every_phase() -> None:
    of_agent = {Phase.TALKING, Phase.HELD}
    assert {phase for phase, step in PHASES if step is Step.PARTED} - {Phase.ENDED} == of_agent
    assert {phase for phase, step in PHASES if step is Step.CALLER_LEFT} == set(Phase)


class Conversation(RuleBasedStateMachine):
    """One customer and two agents; what was asked of the PBX is done by it, or a leg dies before."""

    @initialize()
    def begin(self) -> None:
        self.room = Room()
        for number, name in enumerate(("ann", "bea"), start=1):
            self.room.agent(name, number)
        self.item: Any = self.room.call()
        self.agent_leg = ""
        self.legs = {CALLER}
        self.is_bridged = False

    def act(self, kind: str) -> bool:
        """Whether this was asked of the PBX and is not done yet; it is done then."""
        acts = self.room.telephony.acts
        asked = [one for one in acts if one[0] == kind]
        for one in asked:
            acts.remove(one)
        return bool(asked)

    @precondition(lambda self: self.item.alert is not None and CALLER in self.legs)
    @rule()
    def answers(self) -> None:
        self.part_for_good()  # it was told that before it was told to ring
        self.agent_leg = self.room.connect(self.item)
        self.legs.add(self.agent_leg)
        self.is_bridged = True

    @precondition(lambda self: self.item.phase is Phase.TALKING and self.item.segment.is_open)
    @rule()
    def asks_to_hold(self) -> None:
        self.room.assignments.holds.hold(self.item, self.item.segment)

    @precondition(lambda self: self.item.phase is Phase.HELD)
    @rule()
    def asks_to_retrieve(self) -> None:
        self.room.assignments.holds.retrieve(self.item, self.item.segment)

    @precondition(lambda self: self.item.is_conversation)
    @rule()
    def transfers(self) -> None:
        self.room.assignments.transfers.begin(self.item, self.item.segment, self.room.picture.queues[QUEUE])()

    @precondition(lambda self: self.item.is_conversation)
    @rule()
    def hangs_up_on_screen(self) -> None:
        self.room.assignments.hang_up_on_screen(self.item, self.item.segment)

    @rule()
    def the_pbx_does_what_it_was_asked(self) -> None:
        if self.act("hold") and self.is_bridged and len(self.legs) == 2:
            self.is_bridged = False
            self.room.fact(ports.LegsHeld(SERVER, LegId(CALLER), LegId(self.agent_leg), self.room.time.now()))
        if self.act("retrieve") and not self.is_bridged and len(self.legs) == 2:
            self.is_bridged = True
            self.room.fact(ports.LegsConnected(SERVER, LegId(CALLER), LegId(self.agent_leg), self.room.time.now()))
        self.part_for_good()
        for revoked in {one[1] for one in self.room.telephony.acts if one[0] == "revoke"}:  # said again every 5 s
            self.room.alert_ends(revoked, ports.AlertFailure.REVOKED)
        self.act("revoke")

    def part_for_good(self) -> None:
        if self.act("let-wait"):
            self.dies(self.agent_leg)
        self.hang_up_what_was_asked()

    def hang_up_what_was_asked(self) -> None:
        for leg in [one[1] for one in self.room.telephony.acts if one[0] == "hang-up"]:
            self.dies(leg)
        self.act("hang-up")

    @precondition(lambda self: CALLER in self.legs)
    @rule()
    def the_customers_leg_dies(self) -> None:
        self.dies(CALLER)

    @precondition(lambda self: self.agent_leg in self.legs)
    @rule()
    def the_agents_leg_dies(self) -> None:
        self.dies(self.agent_leg)

    def dies(self, leg: str) -> None:
        """A bridge ends for both, and then the dialplan: the agent's leg with it, the customer asks ``/next``."""
        if leg not in self.legs:
            return
        was_bridged, self.is_bridged = self.is_bridged, False
        self.legs.discard(leg)
        if was_bridged:
            self.room.part(self.item, self.agent_leg, first=leg)
        self.room.leg_ends(leg)
        if not was_bridged:
            return
        if leg == CALLER:
            self.dies(self.agent_leg)
        elif self.room.assignments.what_next(SERVER, LegId(CALLER)) == "hangup":
            self.dies(CALLER)

    @rule()
    def time_passes(self) -> None:
        self.room.time.advance(1.5)

    @invariant()
    def nothing_is_illegal(self) -> None:
        if hasattr(self, "room"):
            self.room.check_clean()
            segment = self.item.segment
            assert all(not one.is_open or one.ended_at is not None for one in self.item.earlier)
            if segment is not None:
                assert (segment.held_since is not None) == (self.item.phase is Phase.HELD)
                assert segment.talk_time is None or (segment.talk_time >= 0 and segment.hold_time >= 0)

    def teardown(self) -> None:
        """Whatever was done: nobody is left on the line, and the agent gets to the next."""
        if not hasattr(self, "room"):
            return
        for _ in range(4):
            self.the_pbx_does_what_it_was_asked()
        self.dies(CALLER)
        self.the_pbx_does_what_it_was_asked()
        assert self.legs == set(), "a leg that nobody hangs up"
        self.room.time.advance(120)
        assert self.room.picture.interactions == {}
        assert [self.room.work_of(name) for name in ("ann", "bea")] == ["idle", "idle"]


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
