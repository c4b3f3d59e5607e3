from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from contactcenter.core.hours import OpeningHours, Span
from contactcenter.interactions.ports import EnqueueOrder
from ivr.flow import Ended, Flow, Queued, Started, State, step
from ivr.nodes import Enqueue, HangUp, Hours

DAY = OpeningHours(ZoneInfo("UTC"), dict.fromkeys(range(5), (Span(time(8), time(18)),)))


def test_the_flow_branches_by_now() -> None:
    flow = Flow("test", "a", {"a": Hours(DAY, "open", "closed"), "open": Enqueue("support"), "closed": HangUp()})
    opened = step(flow, State(), Started(), datetime(2026, 1, 5, 12, tzinfo=UTC))[1]
    assert opened == [Queued(EnqueueOrder("support"))]
    assert step(flow, State(), Started(), datetime(2026, 1, 5, 20, tzinfo=UTC))[1] == [Ended()]
