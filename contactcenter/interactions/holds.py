"""Conversations on hold: the agent parts himself from his customer, who hears music, and comes back.

Either leg may end meanwhile: the conversation is over then, and the other leg, which no bridge ties to it, is hung up.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from contactcenter.core.clock import Clock
from contactcenter.core.events import Event
from contactcenter.core.ids import InteractionId, LegId, ReservationId
from contactcenter.core.images import Image
from contactcenter.interactions import model, ports, store
from contactcenter.interactions.live import Picture
from contactcenter.interactions.model import Interaction, Phase, Segment, Step

UNDER_WAY: Final = timedelta(seconds=2)
"""So long after it was asked for a hold, or the end of one, is not asked for again: the PBX needs some milliseconds."""


class Tell(Protocol):
    """Makes events known, and rows and the interaction's own with them (``assignments``)."""

    def __call__(self, item: Interaction, *events: Event, rows: Sequence[Image] = ()) -> None:
        """Tell them."""
        ...


class _Asked(NamedTuple):
    """Whose agent asked, out of which phase and when."""

    segment: Segment
    phase: Phase
    at: datetime


class Holds:
    """Part of ``assignments``; called in the event loop only."""

    def __init__(self, picture: Picture, clock: Clock, telephony: Callable[[], ports.Telephony], tell: Tell) -> None:
        self._picture = picture
        self._clock = clock
        self._telephony = telephony
        self._tell = tell
        self._asked: dict[InteractionId, _Asked] = {}  # what is under way

    # ------------------------------------------------------------ acts of agents on screen

    def hold(self, item: Interaction, segment: Segment) -> None:
        """Put the customer on hold; asked again while it is under way, nothing."""
        if self._begins(item, segment):
            self._telephony().hold(item.server_id, item.leg_id, LegId(segment.segment_id))

    def retrieve(self, item: Interaction, segment: Segment) -> None:
        """Talk to him again; asked again while it is under way, nothing."""
        if self._begins(item, segment):
            device = self._picture.agents[segment.agent_id].device
            self._telephony().retrieve(item.server_id, LegId(segment.segment_id), device)

    def _begins(self, item: Interaction, segment: Segment) -> bool:
        if self.is_under_way(item):
            return False
        now = self._clock.now()
        self._asked = {one: asked for one, asked in self._asked.items() if now - asked.at < UNDER_WAY}
        self._asked[item.interaction_id] = _Asked(segment, item.phase, now)
        return True

    def is_under_way(self, item: Interaction) -> bool:
        """Whether a hold, or the end of one, was asked for and is not told yet."""
        asked = self._asked.get(item.interaction_id)
        if asked is None or self._clock.now() - asked.at >= UNDER_WAY:
            return False
        return asked.phase is item.phase and asked.segment is item.segment

    # ------------------------------------------------------------ what came of them

    def keeps(self, item: Interaction) -> bool:
        """Whether a caller whose music, or whose bridge, ended stays on hold; his question may overtake LegsHeld."""
        return item.phase is Phase.HELD or (item.phase is Phase.TALKING and self.is_under_way(item))

    def held(self, fact: ports.LegsHeld) -> None:
        """The two were parted by us."""
        item = self._picture.find_by_leg(fact.server_id, fact.caller_leg)
        segment = item.segment if item is not None else None
        is_his = segment is not None and segment.segment_id == ReservationId(fact.agent_leg)
        if item is not None and segment is not None and is_his and segment.ended_at is None:
            self.begin(item, segment, fact.at)

    def begin(self, item: Interaction, segment: Segment, at: datetime) -> None:
        """He is on hold since ``at``."""
        item.advance(Step.PUT_ON_HOLD)
        segment.hold(at)
        held = model.CustomerHeld(item.interaction_id, segment.segment_id, segment.agent_id, at)
        self._write(item, segment, held)

    def retrieved(self, item: Interaction, segment_id: ReservationId, at: datetime) -> bool:
        """Two share a bridge: True when they are a customer who was on hold and his agent."""
        segment = item.segment
        if item.phase is not Phase.HELD or segment is None or segment.segment_id != segment_id:
            return False
        item.advance(Step.CONNECTED)
        before = segment.hold_time
        segment.end_hold(at)
        hold_time = segment.hold_time - before
        back = model.CustomerRetrieved(item.interaction_id, segment.segment_id, segment.agent_id, hold_time)
        self._write(item, segment, back)
        return True

    def over(self, item: Interaction, segment: Segment) -> None:
        """A conversation ended while the customer was on hold: whoever is still on the line has nobody there."""
        for leg_id in (item.leg_id, LegId(segment.segment_id)):
            self._telephony().hang_up(item.server_id, leg_id)

    def _write(self, item: Interaction, segment: Segment, event: Event) -> None:
        self._tell(item, event, rows=[(store.segments, store.segment_row(item, segment))])
        self._picture.touch(f"agent:{segment.agent_id}")
