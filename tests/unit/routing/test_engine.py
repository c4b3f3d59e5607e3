"""What the engine decides, case by case."""

import pytest

from contactcenter.core.errors import Invalid
from routing import commands as c
from routing.commands import Presence, ReservationState, RevokeCause, WithdrawReason, Work
from routing.engine import REVOKE_REPEAT
from routing.recovery import take_snapshot
from routing.states import ITEM, IllegalTransition, ItemState
from tests.unit.routing.floor import Floor

VOICE_AND_CHAT = {"voice": 1, "chat": 3}


def test_the_longest_idle_agent_with_the_skill_is_alerted_not_the_longer_idle_without() -> None:
    floor = Floor()
    floor.agent("without", {"de": 3}, idle=500)
    floor.agent("short", {"en": 1}, idle=10)
    floor.agent("long", {"en": 1}, idle=100)
    reserved = floor.call("i1", need={"en": 1})
    assert reserved.agent_id == "long"
    assert reserved.expires_at == floor.now + 20
    assert [type(one).__name__ for one in floor.out] == ["Queued", "Reserve", "WorkChanged"]
    assert floor.one(c.WorkChanged).work is Work.RESERVED


def test_a_level_below_the_least_is_not_enough() -> None:
    floor = Floor()
    floor.agent("low", {"en": 2}, idle=100)
    assert floor.call("i1", need={"en": 3}) is None
    floor.agent("high", {"en": 3})
    assert floor.given_to() == "high"


def test_the_queues_requirement_and_the_interactions_own_are_joined() -> None:
    floor = Floor()
    floor.queue("support", requirement=c.Requirement((("en", 2), ("net", 1))))
    floor.agent("a1", {"en": 2, "net": 1}, idle=9)
    floor.agent("a2", {"en": 3, "net": 1})
    assert floor.call("i1", queue="support", need={"en": 3}).agent_id == "a2"
    assert floor.call("i2", queue="support", need={"en": 1}).agent_id == "a1"


def test_an_agent_bound_to_queues_serves_no_other() -> None:
    floor = Floor()
    floor.queue("support")
    floor.agent("a1", queues={"support": c.Service()})
    assert floor.call("i1") is None
    assert floor.call("i2", queue="support").agent_id == "a1"


@pytest.mark.parametrize(
    "change",
    [
        {"presence": Presence.NOT_READY},
        {"presence": Presence.OFFLINE},
        {"device_usable": False},
        {"capacity": {"chat": 1}},
        {"capacity": {"voice": 0}},
    ],
)
def test_nothing_goes_to_an_agent_who_cannot_take_it(change: dict[str, object]) -> None:
    floor = Floor()
    floor.agent("a1", **change)
    assert floor.call("i1") is None


def test_a_dead_phone_does_not_stop_chats() -> None:
    floor = Floor()
    floor.agent("a1", device_usable=False, capacity=VOICE_AND_CHAT)
    assert floor.call("i1") is None
    assert floor.call("i2", medium="chat").agent_id == "a1"


def test_vip_then_priority_then_who_came_first() -> None:
    floor = Floor()
    floor.queue("gold", priority=1)
    for name, options in {
        "first": {},
        "second": {},
        "higher": {"priority": 2},
        "gold": {"queue": "gold"},
        "vip": {"vip": True},
    }.items():
        floor.now += 1
        assert floor.call(name, **options) is None
    order = []
    for number in range(5):
        floor.agent(f"a{number}")
        order.append(floor.one(c.Reserve).interaction_id)
    assert order == ["vip", "higher", "gold", "first", "second"]


def test_becoming_ready_takes_the_first_who_waits() -> None:
    floor = Floor()
    floor.agent("a1", presence=Presence.NOT_READY)
    floor.call("i1")
    floor.do(c.SetPresence("a1", Presence.READY))
    assert floor.given_to() == "a1"


def test_idle_time_starts_anew_with_ready() -> None:
    floor = Floor()
    floor.agent("pause", presence=Presence.NOT_READY, idle=5000)
    floor.agent("ready", idle=10)
    floor.do(c.SetPresence("pause", Presence.READY))
    assert floor.call("i1").agent_id == "ready"


def test_a_flapping_device_keeps_the_idle_time() -> None:
    floor = Floor()
    floor.agent("a1", idle=100)
    floor.agent("a2", idle=50)
    floor.do(c.SetDevice("a1", False))
    floor.do(c.SetDevice("a1", True))
    assert floor.call("i1").agent_id == "a1"


# ------------------------------------------------------------------ unanswered


def test_unanswered_next_agent_place_kept_and_not_ready_with_a_reason() -> None:
    floor = Floor(ring_time=20)
    floor.agent("a1", idle=100)
    reserved = floor.call("i1")
    floor.now += 1
    assert floor.call("i2") is None
    assert floor.do(c.Tick(), at=reserved.expires_at - 0.001) == []
    floor.do(c.Tick(), at=reserved.expires_at)
    assert floor.one(c.Revoke).cause is RevokeCause.TIMED_OUT
    floor.do(c.RevokeConfirmed(reserved.reservation_id))
    ended = floor.one(c.ReservationEnded)
    assert (ended.state, ended.agent_id) == (ReservationState.TIMED_OUT, "a1")
    assert floor.one(c.PresenceChanged).reason == "no-answer"
    assert floor.one(c.PresenceChanged).presence is Presence.NOT_READY
    assert floor.one(c.Requeued).passed_agent_id == "a1"
    floor.agent("a2")
    assert floor.one(c.Reserve).interaction_id == "i1"


def test_nobody_is_alerted_before_the_revoke_is_confirmed() -> None:
    floor = Floor(ring_time=20)
    floor.agent("a1", idle=100)
    reserved = floor.call("i1")
    floor.agent("a2")
    floor.do(c.Tick(), at=reserved.expires_at)
    floor.agent("a3")
    assert floor.given_to() is None
    floor.do(c.SetPresence("a2", Presence.READY))
    assert floor.given_to() is None
    floor.do(c.RevokeConfirmed(reserved.reservation_id))
    assert floor.given_to() == "a2"


def test_the_agent_stays_occupied_until_the_revoke_is_confirmed() -> None:
    floor = Floor(ring_time=20)
    floor.agent("a1")
    reserved = floor.call("i1")
    floor.do(c.Withdraw("i1"))
    assert floor.one(c.Revoke).cause is RevokeCause.CUSTOMER_LEFT
    assert floor.call("i2") is None
    floor.do(c.RevokeConfirmed(reserved.reservation_id))
    assert floor.one(c.ReservationEnded).state is ReservationState.RESCINDED
    assert floor.one(c.Reserve).interaction_id == "i2"


def test_an_unanswered_revoke_is_said_again_and_nothing_else_happens() -> None:
    floor = Floor(ring_time=20)
    floor.agent("a1")
    reserved = floor.call("i1")
    floor.do(c.Tick(), at=reserved.expires_at)
    for attempt in (2, 3):
        floor.do(c.Tick(), at=floor.now + REVOKE_REPEAT)
        assert floor.out == [c.Revoke(reserved.reservation_id, "a1", "i1", RevokeCause.TIMED_OUT, attempt)]


def test_an_answer_that_beat_the_revoke_is_a_conversation() -> None:
    floor = Floor(ring_time=20)
    floor.agent("a1")
    reserved = floor.call("i1")
    floor.do(c.Tick(), at=reserved.expires_at)
    floor.do(c.Accept(reserved.reservation_id))
    assert floor.one(c.ReservationEnded).state is ReservationState.ACCEPTED
    assert floor.one(c.WorkChanged).work is Work.HANDLING
    assert floor.engine.agents["a1"].presence is Presence.READY
    assert floor.engine.next_deadline() is None
    with pytest.raises(IllegalTransition):
        floor.do(c.RevokeConfirmed(reserved.reservation_id))


def test_an_answer_after_the_customer_left_frees_the_agent() -> None:
    floor = Floor()
    floor.agent("a1")
    reserved = floor.call("i1")
    floor.do(c.Withdraw("i1"))
    floor.do(c.Accept(reserved.reservation_id))
    assert floor.one(c.ReservationEnded).state is ReservationState.RESCINDED
    assert floor.call("i2").agent_id == "a1"


def test_an_answer_before_a_flow_out_took_is_a_conversation() -> None:
    floor = Floor()
    floor.agent("a1")
    reserved = floor.call("i1")
    floor.do(c.Withdraw("i1", WithdrawReason.FLOWED_OUT))
    assert floor.one(c.Revoke).cause is RevokeCause.FLOWED_OUT
    floor.do(c.Accept(reserved.reservation_id))
    assert floor.one(c.ReservationEnded).state is ReservationState.ACCEPTED
    floor.do(c.Finish("i1", "a1"))


def test_a_rescinded_agent_keeps_his_idle_time() -> None:
    floor = Floor()
    floor.agent("a1", idle=100)
    floor.agent("a2", idle=50)
    reserved = floor.call("i1")
    floor.do(c.Withdraw("i1"))
    floor.do(c.RevokeConfirmed(reserved.reservation_id))
    assert floor.call("i2").agent_id == "a1"


@pytest.mark.parametrize(
    "failure,reason",
    [("rejected", "rejected"), ("busy", "busy"), ("unreachable", "phone"), ("failed", "phone"), ("lost", "no-answer")],
)
def test_a_failed_alert_makes_not_ready_with_its_reason(failure: str, reason: str) -> None:
    floor = Floor()
    floor.agent("a1", idle=9)
    floor.agent("a2")
    reserved = floor.call("i1")
    floor.do(c.Reject(reserved.reservation_id, failure))
    assert floor.one(c.ReservationEnded).state is ReservationState.REJECTED
    assert floor.one(c.ReservationEnded).failure == failure
    assert (floor.one(c.PresenceChanged).agent_id, floor.one(c.PresenceChanged).reason) == ("a1", reason)
    assert floor.one(c.Reserve).agent_id == "a2"


def test_rejected_without_penalty_goes_to_another_first() -> None:
    floor = Floor()
    floor.agent("a1", idle=9)
    floor.agent("a2")
    reserved = floor.call("i1")
    floor.do(c.Reject(reserved.reservation_id, "failed", penalise=False))
    assert floor.find(c.PresenceChanged) is None
    assert floor.one(c.Reserve).agent_id == "a2"


def test_rejected_without_penalty_starts_idle_time_anew() -> None:
    floor = Floor()
    floor.agent("a1", idle=100)
    floor.agent("a2", idle=50)
    floor.do(c.Reject(floor.call("i1").reservation_id, "failed", penalise=False))
    floor.agent("a3", idle=10)
    assert floor.call("i2").agent_id == "a3"


def test_an_alerted_agent_gets_no_second_alert_even_with_capacity_left() -> None:
    floor = Floor()
    floor.agent("a1", capacity={"voice": 2})
    reserved = floor.call("i1")
    assert floor.call("i2") is None
    assert floor.engine.refusal(floor.engine.agents["a1"], floor.engine.items["i2"]) is not None
    floor.do(c.Accept(reserved.reservation_id))
    assert floor.one(c.Reserve).interaction_id == "i2"


def test_a_repeated_revoke_keeps_its_cause_and_names_nobody_for_no_answer() -> None:
    floor = Floor()
    floor.agent("a1")
    reserved = floor.call("i1")
    floor.do(c.SetDevice("a1", False))
    floor.do(c.Tick(), at=floor.now + REVOKE_REPEAT)
    assert floor.one(c.Revoke).cause is RevokeCause.DEVICE_LOST
    floor.do(c.RevokeConfirmed(reserved.reservation_id))
    assert floor.one(c.ReservationEnded).state is ReservationState.RESCINDED
    assert floor.find(c.PresenceChanged) is None


def test_rejected_without_penalty_serves_the_item_elsewhere_and_the_agent_with_the_next() -> None:
    floor = Floor()
    floor.agent("a1", {"en": 1}, idle=9)
    reserved = floor.call("i1")
    floor.call("i2", need={"en": 1})
    floor.agent("a2")
    floor.do(c.Reject(reserved.reservation_id, "failed", penalise=False))
    assert {(one.interaction_id, one.agent_id) for one in floor.all(c.Reserve)} == {("i1", "a2"), ("i2", "a1")}


def test_an_agents_own_pause_while_ringing_is_not_overwritten() -> None:
    floor = Floor()
    floor.agent("a1")
    reserved = floor.call("i1")
    floor.do(c.SetPresence("a1", Presence.NOT_READY, "lunch"))
    assert floor.find(c.Revoke) is None
    floor.do(c.Reject(reserved.reservation_id, "no-answer"))
    assert floor.engine.agents["a1"].reason == "lunch"


def test_going_offline_revokes_the_alert() -> None:
    floor = Floor()
    floor.agent("a1")
    reserved = floor.call("i1")
    floor.do(c.SetPresence("a1", Presence.OFFLINE))
    assert floor.one(c.Revoke).cause is RevokeCause.AGENT_LEFT
    floor.agent("a2")
    assert floor.given_to() is None
    floor.do(c.RevokeConfirmed(reserved.reservation_id))
    assert floor.given_to() == "a2"


def test_a_lost_device_revokes_the_alert_and_names_nobody_not_ready() -> None:
    floor = Floor()
    floor.agent("a1")
    reserved = floor.call("i1")
    floor.do(c.SetDevice("a1", False, "UNAVAILABLE"))
    assert floor.one(c.DeviceChanged).usable is False
    assert floor.one(c.Revoke).cause is RevokeCause.DEVICE_LOST
    floor.do(c.Reject(reserved.reservation_id, "unreachable"))
    assert floor.find(c.PresenceChanged) is None
    floor.do(c.SetDevice("a1", True))
    assert floor.given_to() == "a1"


# ------------------------------------------------------------------ work


def test_wrap_up_by_the_timer_at_its_very_end() -> None:
    floor = Floor(wrap_up_time=30)
    floor.agent("a1")
    floor.do(c.Accept(floor.call("i1").reservation_id))
    floor.call("i2")
    floor.do(c.Finish("i1", "a1"))
    until = floor.one(c.WorkChanged).until
    assert (floor.one(c.WorkChanged).work, until) == (Work.WRAP_UP, floor.now + 30)
    assert floor.do(c.Tick(), at=until - 0.001) == []
    floor.do(c.Tick(), at=until)
    assert floor.one(c.WrapUpEnded).by == "timer"
    assert floor.given_to() == "a1"


def test_wrap_up_extended_then_ended_by_the_agent() -> None:
    floor = Floor(wrap_up_time=30)
    floor.agent("a1")
    floor.do(c.Accept(floor.call("i1").reservation_id))
    floor.do(c.Finish("i1", "a1"))
    until = floor.now + 30
    floor.do(c.ExtendWrapUp("a1", "i1", 15))
    assert floor.one(c.WorkChanged).until == until + 15
    assert floor.do(c.Tick(), at=until) == []
    floor.do(c.EndWrapUp("a1", "i1"))
    assert floor.one(c.WrapUpEnded).by == "agent"
    assert floor.engine.next_deadline() is None


def test_extending_by_nothing_is_invalid() -> None:
    floor = Floor(wrap_up_time=30)
    floor.agent("a1")
    floor.do(c.Accept(floor.call("i1").reservation_id))
    floor.do(c.Finish("i1", "a1"))
    with pytest.raises(Invalid):
        floor.do(c.ExtendWrapUp("a1", "i1", 0))


def test_without_wrap_up_the_next_comes_at_once() -> None:
    floor = Floor()
    floor.agent("a1")
    floor.do(c.Accept(floor.call("i1").reservation_id))
    floor.call("i2")
    floor.do(c.Finish("i1", "a1"))
    assert floor.one(c.Reserve).interaction_id == "i2"
    assert floor.engine.agents["a1"].handled == 1


def test_one_call_or_three_chats_never_both() -> None:
    floor = Floor()
    floor.agent("a1", capacity=VOICE_AND_CHAT)
    for name in ("c1", "c2", "c3"):
        floor.do(c.Accept(floor.call(name, medium="chat").reservation_id))
        assert floor.call(f"voice-{name}") is None
    assert floor.call("c4", medium="chat") is None
    floor.do(c.Finish("c1", "a1"))
    assert floor.one(c.Reserve).interaction_id == "c4"


def test_a_call_comes_when_the_last_chat_has_ended() -> None:
    floor = Floor()
    floor.agent("a1", capacity=VOICE_AND_CHAT)
    for name in ("c1", "c2"):
        floor.do(c.Accept(floor.call(name, medium="chat").reservation_id))
    floor.call("v1")
    floor.do(c.Finish("c1", "a1"))
    assert floor.given_to() is None
    floor.do(c.Finish("c2", "a1"))
    assert floor.one(c.Reserve).interaction_id == "v1"


def test_a_chat_agent_with_work_comes_after_one_without() -> None:
    floor = Floor()
    floor.agent("busy", capacity={"chat": 3}, idle=100)
    floor.do(c.Accept(floor.call("c1", medium="chat").reservation_id))
    floor.agent("free", capacity={"chat": 3}, idle=1)
    assert floor.call("c2", medium="chat").agent_id == "free"


def test_an_agent_who_signs_out_talks_on_and_is_gone_after() -> None:
    floor = Floor(wrap_up_time=10)
    floor.agent("a1")
    floor.do(c.Accept(floor.call("i1").reservation_id))
    floor.do(c.RemoveAgent("a1"))
    assert floor.one(c.PresenceChanged).presence is Presence.OFFLINE
    assert floor.find(c.AgentRemoved) is None
    floor.do(c.Finish("i1", "a1"))
    floor.do(c.EndWrapUp("a1", "i1"))
    assert floor.one(c.AgentRemoved).agent_id == "a1"
    assert floor.engine.agents == {}


def test_an_agent_may_sign_in_again_while_his_last_call_runs() -> None:
    floor = Floor()
    floor.agent("a1")
    floor.do(c.Accept(floor.call("i1").reservation_id))
    floor.do(c.RemoveAgent("a1"))
    floor.agent("a1")
    assert floor.call("i2") is None
    floor.do(c.Finish("i1", "a1"))
    assert floor.given_to() == "a1"


def test_a_new_skill_counts_at_once() -> None:
    floor = Floor()
    floor.agent("a1")
    floor.call("i1", need={"en": 1})
    floor.do(c.UpdateAgent("a1", skills={"en": 1}))
    assert floor.given_to() == "a1"


def test_a_changed_queue_ranks_and_serves_anew() -> None:
    floor = Floor()
    floor.queue("hard", requirement=c.Requirement((("en", 5),)))
    floor.agent("a1", {"en": 1})
    floor.call("i1", queue="hard")
    floor.queue("hard", requirement=c.Requirement((("en", 1),)))
    assert floor.given_to() == "a1"


def test_enqueued_again_while_waiting_moves() -> None:
    floor = Floor()
    floor.queue("other")
    floor.call("i1")
    floor.call("i1", queue="other", entered_at=500.0)
    assert floor.engine.matching.waiting.count == 1
    floor.agent("a1", queues={"other": c.Service()})
    assert floor.one(c.Reserve).queue_id == "other"


def test_enqueued_again_during_a_revoke_waits_for_its_end() -> None:
    floor = Floor()
    floor.queue("other")
    floor.agent("a1")
    reserved = floor.call("i1")
    floor.agent("a2")
    floor.do(c.Withdraw("i1", WithdrawReason.FLOWED_OUT))
    assert floor.one(c.Withdrawn).reason is WithdrawReason.FLOWED_OUT
    assert floor.call("i1", queue="other") is None
    floor.do(c.RevokeConfirmed(reserved.reservation_id))
    assert floor.one(c.Reserve).queue_id == "other"


def test_a_transfer_back_to_the_one_who_wraps_up_ends_his_wrap_up() -> None:
    floor = Floor(wrap_up_time=60)
    floor.agent("a1", capacity={"voice": 2})
    floor.do(c.Accept(floor.call("i1").reservation_id))
    floor.do(c.Finish("i1", "a1"))
    assert floor.call("i1").agent_id == "a1"
    assert floor.one(c.WrapUpEnded).by == "again"
    assert len(floor.engine.agents["a1"].assignments) == 1


# ------------------------------------------------------------------ adopted work


def test_adopted_work_occupies_and_ends_like_any_other() -> None:
    floor = Floor(wrap_up_time=5)
    floor.agent("a1")
    floor.do(c.AdoptWork("a1", "i1", "v1", "sales"))
    assert floor.one(c.WorkChanged).work is Work.HANDLING
    assert floor.call("i2") is None
    floor.do(c.Finish("i1", "a1"))
    assert floor.one(c.WorkChanged).work is Work.WRAP_UP


def test_somebody_waiting_may_turn_out_to_talk_already() -> None:
    floor = Floor()
    floor.call("i1")
    floor.agent("a1", presence=Presence.NOT_READY)
    floor.do(c.AdoptWork("a1", "i1", "v1", "sales"))
    assert floor.engine.matching.waiting.count == 0


def test_an_adopted_reservation_times_out_like_any_other() -> None:
    floor = Floor()
    floor.agent("a1")
    floor.do(c.AdoptWork("a1", "i1", "v1", "sales", state=Work.RESERVED, until=1005.0, reservation_id="old"))
    floor.do(c.Tick(), at=1005.0)
    assert floor.one(c.Revoke).reservation_id == "old"


# ------------------------------------------------------------------ what is not legal changes nothing


def floor_with(state: ItemState) -> tuple[Floor, str]:
    """An interaction i1 in ``state`` and its reservation, if it has one."""
    floor = Floor(wrap_up_time=30)
    floor.agent("a1")
    if state is ItemState.GONE:
        return floor, "none"
    if state is ItemState.WAITING:
        floor.do(c.SetPresence("a1", Presence.NOT_READY))
    reserved = floor.call("i1")
    name = "none" if reserved is None else reserved.reservation_id
    if state is ItemState.REVOKING:
        floor.do(c.Tick(), at=reserved.expires_at)
    elif state is ItemState.LEAVING:
        floor.do(c.Withdraw("i1"))
    elif state is ItemState.FLOWING_OUT:
        floor.do(c.Withdraw("i1", WithdrawReason.FLOWED_OUT))
    elif state is ItemState.HANDLING:
        floor.do(c.Accept(name))
    return floor, name


def command_of(event: str, reservation_id: str) -> c.Command:
    return {
        "enqueue": c.Enqueue("i1", "v2", "sales"),
        "customer-left": c.Withdraw("i1"),
        "flowed-out": c.Withdraw("i1", WithdrawReason.FLOWED_OUT),
        "accept": c.Accept(reservation_id),
        "alert-over": c.Reject(reservation_id, "busy"),
        "confirm": c.RevokeConfirmed(reservation_id),
        "finish": c.Finish("i1", "a1"),
        "adopt": c.AdoptWork("a1", "i1", "v1", "sales"),
    }[event]


EVENTS = ["enqueue", "customer-left", "flowed-out", "accept", "alert-over", "confirm", "finish", "adopt"]


@pytest.mark.parametrize("state", ItemState)
@pytest.mark.parametrize("event", EVENTS)
def test_each_command_on_each_state_of_an_interaction(state: ItemState, event: str) -> None:
    floor, name = floor_with(state)
    assert floor.engine._state_of("i1") is state
    before = take_snapshot(floor.engine)
    legal = (state, "alert-over" if event == "confirm" else event) in ITEM
    if legal:
        floor.do(command_of(event, name))
        assert floor.engine.illegal.total() == 0
        return
    with pytest.raises(IllegalTransition):
        floor.do(command_of(event, name))
    assert take_snapshot(floor.engine) == before
    assert floor.engine.illegal.total() == 1


@pytest.mark.parametrize(
    "command",
    [
        c.UpdateAgent("nobody"),
        c.RemoveAgent("nobody"),
        c.SetPresence("nobody", Presence.READY),
        c.SetDevice("nobody", True),
        c.AdoptWork("nobody", "i1", "v1", "sales"),
        c.AdoptWork("a1", "i1", "v1", "no-such-queue"),
        c.AdoptWork("a1", "i1", "v1", "sales", state=Work.RESERVED),
        c.AdoptWork("a1", "i1", "v1", "sales", state=Work.IDLE, reservation_id="x"),
        c.AddAgent("a1"),
        c.Enqueue("i1", "v1", "no-such-queue"),
        c.EndWrapUp("a1", "i1"),
        c.ExtendWrapUp("a1", "i1", 5),
        c.Finish("i1", "a1"),
        c.Accept("none"),
        c.AddAgent("a2", capacity={"voice": -1}),
        c.UpdateAgent("a1", capacity={"voice": -1}),
    ],
)
def test_refused_commands_change_nothing(command: c.Command) -> None:
    floor = Floor()
    floor.agent("a1")
    before = take_snapshot(floor.engine)
    with pytest.raises((IllegalTransition, Invalid)):
        floor.do(command)
    assert take_snapshot(floor.engine) == before


def test_illegal_ones_are_counted_by_machine_state_and_event() -> None:
    floor = Floor()
    for _ in range(2):
        with pytest.raises(IllegalTransition):
            floor.do(c.Accept("none"))
    assert floor.engine.illegal == {("reservation", "ended", "accept"): 2}
