"""The table of phases and what is read off an interaction."""

import itertools
from datetime import timedelta

import pytest

from contactcenter.core.ids import AgentId, InteractionId, LegId, QueueId, ReservationId, ServerId, VisitId
from contactcenter.interactions.model import (
    PHASES,
    Alert,
    IllegalStep,
    Interaction,
    Phase,
    Segment,
    Step,
    Visit,
)
from tests.fakes.virtual_time import VirtualTime

NOW = VirtualTime().now()
F, W, A, T = Phase.FLOW, Phase.WAITING, Phase.ALERTING, Phase.TALKING
H, L, E = Phase.HELD, Phase.LEAVING, Phase.ENDED

EXPECTED = {
    (F, Step.ENQUEUED): W,
    (F, Step.FLOW_LEFT): L,
    (F, Step.CALLER_LEFT): E,
    (W, Step.ENQUEUED): W,
    (W, Step.RESERVED): A,
    (W, Step.CALLER_LEFT): E,
    (W, Step.FLOWED_OUT): F,
    (A, Step.ALERT_OVER): W,
    (A, Step.CONNECTED): T,
    (A, Step.CALLER_LEFT): E,
    (T, Step.PARTED): L,
    (T, Step.CALLER_LEFT): E,
    (T, Step.PUT_ON_HOLD): H,
    (T, Step.TRANSFERRED): W,
    (H, Step.CONNECTED): T,
    (H, Step.PARTED): L,
    (H, Step.TRANSFERRED): W,
    (H, Step.CALLER_LEFT): E,
    (L, Step.ENQUEUED): W,
    (L, Step.CALLER_LEFT): E,
    (E, Step.ALERT_OVER): E,
    (E, Step.PARTED): E,
    (E, Step.CALLER_LEFT): E,
}


def interaction(phase: Phase = F) -> Interaction:
    ids = (InteractionId("i"), ServerId("pbx-1"), LegId("c"), "c")
    return Interaction(*ids, "+4930", "Ada", "1000", NOW, phase)


def segment() -> Segment:
    return Segment(ReservationId("r"), AgentId("a"), VisitId("v"), QueueId("q"), NOW, NOW)


@pytest.mark.parametrize("phase, step", list(itertools.product(Phase, Step)))
def test_every_pair(phase: Phase, step: Step) -> None:
    item = interaction(phase)
    if (phase, step) in EXPECTED:
        item.advance(step)
        assert item.phase is EXPECTED[phase, step]
    else:
        with pytest.raises(IllegalStep):
            item.advance(step)
        assert item.phase is phase, "an illegal step changes nothing"


def test_the_table_has_no_other_row() -> None:
    assert dict(PHASES) == EXPECTED


@pytest.mark.parametrize("phase", Phase)
def test_a_customer_may_leave_in_every_phase(phase: Phase) -> None:
    assert PHASES[phase, Step.CALLER_LEFT] is Phase.ENDED


def test_over_means_nothing_is_left_to_happen() -> None:
    item = interaction(Phase.ENDED)
    assert item.is_over
    item.alert = Alert(ReservationId("r"), AgentId("a"), VisitId("v"), NOW, NOW, {})
    assert not item.is_over
    item.alert = None
    item.segment = segment()
    assert not item.is_over
    item.segment.wrap_up_ended_at = NOW
    assert item.is_over
    item.phase = Phase.LEAVING
    assert not item.is_over


def test_wait_time_counts_from_the_queue_to_the_end_of_the_visit() -> None:
    item = interaction()
    assert item.waited == 0.0
    item.visit = Visit(VisitId("v"), QueueId("q"), NOW)
    assert item.waited == 0.0
    item.visit.ended_at = NOW + timedelta(seconds=48)
    assert item.waited == 48.0
