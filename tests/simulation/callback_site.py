"""A site whose callers ask to be called back, and what must hold of every promise whatever dies meanwhile."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

from contactcenter.interactions.callback_store import callbacks
from contactcenter.interactions.callbacks import OVER
from cti.pbx_simulator.people import PicksUp, Reaction, Refuses, RingsOn
from tests.simulation.site import Site

PAUSE, RING_TIME, ATTEMPTS = 20.0, 8.0, 3


class CallbackSite(Site):
    """``rung``: when each customer's phone was rung; ``promises``: the rows at the end."""

    dialed = ("3000", "3000", "2000")
    settings: ClassVar = {"callbacks": {"attempts": ATTEMPTS, "pause": PAUSE, "ring_time": RING_TIME}}

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.rung: dict[str, list[float]] = defaultdict(list)
        self.promises: Sequence[Any] = ()

    def _phone(self, endpoint: str) -> Reaction:
        if not endpoint.startswith("+"):
            return super()._phone(endpoint)
        self.rung[endpoint].append(self.loop.virtual)
        self.note(f"{endpoint} is rung")
        fate = self.dice.random()
        if fate < 0.15:
            return Refuses(17)
        if fate < 0.3:
            return RingsOn()
        return PicksUp(0.3 + 5 * self.dice.random(), 1 + 10 * self.dice.random())

    def is_quiet(self) -> bool:
        return super().is_quiet() and (self.center is None or not self.center.callbacks.open)

    async def rows(self) -> list[dict[str, Any]]:
        found = await super().rows()
        assert self.center is not None
        self.promises = await self.center.base.database.read(lambda c: c.execute(callbacks.select()).all())
        return found


def broken(site: CallbackSite) -> list[str]:
    """Return every promise that was not kept as it must be, as text."""
    turns = {row["id"]: row for row in site.final}
    written = Counter[str]()
    for one in site.promises:  # whoever asks anew in the same call has two
        written[one.number] += one.attempts
    wrong = []
    for one in site.promises:
        rung = site.rung.get(one.number, [])
        apart = [later - earlier for earlier, later in pairwise(rung)]
        if one.state not in {state.value for state in OVER}:
            wrong.append(f"{one.number} is {one.state} at the end")
        if len(rung) > written[one.number] or one.attempts > ATTEMPTS:
            wrong.append(f"{one.number} was called {len(rung)} times, written {written[one.number]}")
        if any(seconds < PAUSE for seconds in apart):
            wrong.append(f"{one.number} was called again after {min(apart):.1f} s")
        if one.reached_at is not None and any(at > one.reached_at.timestamp() for at in rung):
            wrong.append(f"{one.number} was called after he had answered")
        if one.state == "done" and one.reached_at is not None and turns[one.interaction_id]["outcome"] != "answered":
            wrong.append(f"{one.number} answered, and his turn is {turns[one.interaction_id]['outcome']}")
    wrong += [f"{number} was called, and nobody had promised it" for number in site.rung.keys() - written.keys()]
    asked = {row["id"] for row in site.final if row["outcome"] == "callback"}
    missing = asked - {one.asked_in for one in site.promises}
    return wrong + [f"{one}: no promise is kept of it" for one in missing]
