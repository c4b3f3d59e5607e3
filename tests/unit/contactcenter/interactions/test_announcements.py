"""Who in line is told what, and when, with the real assignments, engine and router."""

from datetime import timedelta

import pytest

from contactcenter.core.ids import LegId, QueueId
from contactcenter.interactions import ports
from contactcenter.interactions.announcements import KNOWN_FOR, ROUND, Announcements, LineNews
from contactcenter.interactions.figures import DayFigures
from contactcenter.interactions.model import Interaction, Phase
from contactcenter.queues.model import Announced
from cti.dialplan_names import MUSIC_SECONDS
from routing.estimates import Pace
from tests.fakes.room import QUEUE, SERVER, Room, queue

SLOW, FAST = Pace(1 / 120, 0.0, 50.0), Pace(1 / 30, 0.0, 50.0)


class Line:
    """A room whose one queue tells callers every 45 s, unless ``changes`` say otherwise; nobody serves it."""

    def __init__(self, **changes: object) -> None:
        self.room = Room(queues=[queue(**{"announce_every": 45.0, **changes})])
        self.figures = DayFigures(self.room.time.now())
        self.told = Announcements(self.room.picture, self.figures, self.room.time)

    def call(self, number: int = 1, **more: object) -> Interaction:
        return self.room.call(f"1780000000.{number}", **more)

    def pass_time(self, seconds: float) -> None:
        self.room.time.advance(seconds)

    def due(self, item: Interaction) -> LineNews | None:
        return self.told.take_due(SERVER, item.leg_id)

    def music(self, item: Interaction) -> int | None:
        return self.told.round_time(SERVER, item.leg_id)


def test_a_queue_that_tells_nothing() -> None:
    line = Line(announce_every=0.0)
    item = line.call()
    line.pass_time(1000)
    assert (line.due(item), line.music(item)) == (None, None)


def test_every_so_many_seconds_and_not_more_often() -> None:
    line = Line()
    item = line.call()
    told_at = []
    for second in range(200):
        if line.due(item):
            told_at.append(second)
        line.pass_time(1)
    assert told_at == [45, 90, 135, 180]
    assert line.told.count == 4


@pytest.mark.parametrize("every", [20.0, 29.0, 30.0, 31.0, 45.0, 90.0, 600.0])
def test_rounds_of_music_end_when_it_is_due(every: float) -> None:
    line = Line(announce_every=every)
    item = line.call()
    told_at, now = [], 0.0
    for _ in range(60):
        music = line.music(item)
        assert music is None or 1 <= music < ROUND
        seconds = (ROUND if music is None else music) + 0.004  # what asking takes
        line.pass_time(seconds)
        now += seconds
        if line.due(item):
            told_at.append(now)
            line.pass_time(5)  # the sentences
            now += 5
    gaps = [after - before for before, after in zip([0.0, *told_at], told_at, strict=False)]
    assert len(gaps) >= 2
    assert all(every <= gap < every + 1.1 for gap in gaps), gaps


def test_the_round_is_the_dialplans() -> None:
    assert ROUND == MUSIC_SECONDS


@pytest.mark.parametrize(
    "what, news",
    [
        (Announced.PLACE, LineNews(0, None)),
        (Announced.WAIT, LineNews(None, SLOW.range(0))),
        (Announced.BOTH, LineNews(0, SLOW.range(0))),
    ],
)
def test_which_of_the_two(what: Announced, news: LineNews) -> None:
    line = Line(announce=what)
    item = line.call()
    line.figures.paces[QUEUE] = (SLOW, None)
    line.pass_time(45)
    assert line.due(item) == news


def test_an_estimate_is_told_as_it_is_and_not_as_screens_round_it() -> None:
    line = Line()
    item = line.call()
    line.figures.paces[QUEUE] = (SLOW, None)
    line.pass_time(45)
    news = line.due(item)
    assert news is not None
    assert news.wait == SLOW.range(0) != line.figures.wait(QUEUE, 0, vip=False)


def test_no_estimate_is_no_news_and_counts_as_nothing_told() -> None:
    line = Line(announce=Announced.WAIT)
    item = line.call()
    line.pass_time(60)
    assert (line.due(item), line.music(item)) == (None, None)
    line.figures.paces[QUEUE] = (SLOW, None)
    line.pass_time(1)
    assert line.due(item) == LineNews(None, SLOW.range(0))


def test_the_place_is_that_in_which_the_router_serves() -> None:
    line = Line(announce_every=20.0)
    first, second = line.call(1), line.call(2)
    important = line.call(3, priority=5)
    vip = line.call(4)
    line.room.assignments.customer_found(vip, {}, None, 0, True, is_news=False)
    line.figures.paces[QUEUE] = (SLOW, FAST)
    line.pass_time(20)
    everybody = [vip, important, first, second]
    assert [one.interaction_id for one in line.room.picture.in_line(QUEUE, line.room.time.timestamp())] == [
        one.interaction_id for one in everybody
    ]
    news = [line.due(one) for one in everybody]
    assert [one and one.ahead for one in news] == [0, 1, 2, 3]
    # An estimate counts those of the same kind, for the rate of the others' line shows that VIP customers pass them.
    ranges = [FAST.range(0), SLOW.range(0), SLOW.range(1), SLOW.range(2)]
    assert [one and one.wait for one in news] == ranges


def test_who_is_alerted_still_stands_before_the_others_but_not_in_the_estimate() -> None:
    line = Line()
    first, second = line.call(1), line.call(2)
    line.figures.paces[QUEUE] = (SLOW, None)
    line.pass_time(44)
    line.room.agent("ann")
    line.pass_time(1)
    assert (first.phase, second.phase) == (Phase.ALERTING, Phase.WAITING)
    assert line.due(second) == LineNews(1, SLOW.range(0))


def test_nobody_is_told_anything_while_an_alert_for_him_runs() -> None:
    line = Line()
    item = line.call()
    line.pass_time(44)
    line.room.agent("ann")
    assert item.alert is not None
    line.pass_time(1)
    assert (line.due(item), line.told.is_waiting(SERVER, item.leg_id)) == (None, False)
    reservation = item.alert.reservation_id
    line.room.alert_ends(reservation, ports.AlertFailure.NO_ANSWER)
    assert line.told.is_waiting(SERVER, item.leg_id)
    assert line.due(item) == LineNews(0, None)
    line.room.check_clean()


def test_who_is_not_in_line_is_told_nothing() -> None:
    line = Line()
    item = line.room.arrive()
    line.pass_time(100)
    assert (item.phase, line.due(item), line.music(item)) == (Phase.FLOW, None, None)
    line.room.enqueue(item)
    line.room.agent("ann")
    leg = line.room.connect(item)
    line.pass_time(100)
    assert (item.phase, line.due(item), line.music(item)) == (Phase.TALKING, None, None)
    line.room.part(item, leg, first=leg)
    assert (item.phase, line.due(item), line.music(item)) == (Phase.LEAVING, None, None)
    assert line.told.take_due(SERVER, LegId("unknown.1")) is None
    assert not line.told.is_waiting(SERVER, LegId("unknown.1"))
    assert line.told.round_time(SERVER, LegId("unknown.1")) is None


def test_after_a_restart_nobody_is_told_sooner_than_the_queues_time() -> None:
    line = Line()
    item = line.call()
    line.pass_time(45)
    assert line.due(item)
    line.pass_time(40)
    line.told = Announcements(line.room.picture, line.figures, line.room.time)
    line.pass_time(44)
    assert line.due(item) is None
    line.pass_time(1)
    assert line.due(item)


def test_changed_settings_hold_for_those_who_wait() -> None:
    line = Line(announce_every=600.0)
    item = line.call()
    line.pass_time(30)
    assert (line.due(item), line.music(item)) == (None, None)
    line.room.define(queue(announce_every=20.0))
    assert line.due(item) == LineNews(0, None)
    line.room.define(queue())
    line.pass_time(1000)
    assert line.due(item) is None


def test_who_was_moved_is_told_as_his_new_line_has_it() -> None:
    line = Line(announce_every=0.0)
    spare = QueueId("q-spare")
    line.room.define(queue(queue_id=spare, name="Spare", announce_every=60.0))
    item = line.call()
    line.pass_time(50)
    line.room.enqueue(item, "Spare")
    line.pass_time(59)
    assert (line.due(item), line.music(item)) == (None, 1)
    line.pass_time(1)
    assert line.due(item) == LineNews(0, None)


def test_the_order_of_a_line_is_looked_at_once_a_second() -> None:
    line = Line(announce_every=20.0)
    callers = [line.call(number) for number in range(5)]
    looks = 0
    in_line = line.room.picture.in_line

    def counted(queue_id: QueueId, now: float) -> list[Interaction]:
        nonlocal looks
        looks += 1
        return in_line(queue_id, now)

    line.room.picture.in_line = counted  # type: ignore[method-assign]
    line.pass_time(20)
    assert [news and news.ahead for news in map(line.due, callers)] == [0, 1, 2, 3, 4]
    assert looks == 1
    line.room.leg_ends(callers[0].leg_id)
    line.pass_time(20 + KNOWN_FOR)
    assert [news and news.ahead for news in map(line.due, callers[1:])] == [0, 1, 2, 3]
    assert looks == 2


def test_who_comes_within_that_second_has_a_place_too() -> None:
    line = Line(announce_every=20.0)
    first = line.call(1)
    line.pass_time(20)
    assert line.due(first) == LineNews(0, None)
    late = line.call(2)
    assert late.visit is not None
    late.visit.entered_at -= timedelta(seconds=30)  # sent on from elsewhere, at his place
    assert line.due(late) == LineNews(0, None)


def test_who_is_gone_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contactcenter.interactions.announcements.SPARE", 2)
    line = Line(announce_every=20.0)
    for number in range(20):
        item = line.call(number)
        line.pass_time(20)
        assert line.due(item)
        line.room.leg_ends(item.leg_id)
    assert len(line.told._told_at) <= 5
