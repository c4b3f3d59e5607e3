"""How long somebody will wait, as a range: half of those who stand as he does wait less than the first figure, nine in
ten less than the second.

A line moves on when an agent takes its first, or when somebody ahead gives up. Both rates are learned from what the
line did lately, while anybody stood in it: conversations begun per second and agent there, and giving up per second
and person in line. With ``k`` ahead, the wait is a sum of k + 1 stages, stage j as fast as the line moves with j
ahead of him: its mean and variance are known, and a gamma distribution of these gives the two quantiles (for one queue
with exponential times that is Whitt's exact result, "Predicting queueing delays", 1999, but for the gamma). What few
observations leave uncertain widens the range.

VIP customers of a queue are a line of their own: they pass the others, which the others' rate shows. Pure: fed with
the router's decisions, ``now`` is given. tests/simulation/test_estimates.py holds it against simulated days.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import exp, sqrt
from typing import Any, Final, NamedTuple

from contactcenter.core.ids import AgentId, InteractionId, QueueId
from routing import commands as c
from routing.agents import Agent
from routing.commands import Decision, Presence
from routing.eligibility import FOREVER
from routing.items import Item
from routing.requirements import Profile, join, relax, shortfall
from routing.states import AgentState

MEMORY: Final = 900.0
"""Seconds of a line that stands, after which what it did counts e times less."""
LEAST: Final = 4.0
"""Conversations begun out of line (as far as remembered) without which nothing is said."""
AT_ONCE: Final = 0.5
"""Seconds: who stands in an empty line no longer did not wait; a clock moves a little within one command, too."""
RECOUNT: Final = 5.0  # seconds for which the number of agents there is taken as known
P50, P90 = 0.0, 1.2815515594600038  # quantiles of the normal distribution


class Range(NamedTuple):
    """Seconds: half wait less than ``p50``, nine in ten less than ``p90``."""

    p50: float
    p90: float


class Pace(NamedTuple):
    """How fast a line moves now: conversations begun with its people a second, and how fast each of them gives up.

    ``seen``: conversations it was learned from, the older ones counting less.
    """

    serving: float
    leaving: float
    seen: float

    def range(self, ahead: int) -> Range:
        """Return what somebody with ``ahead`` before him in the line has to wait."""
        sums = _sums(self)
        while len(sums) <= ahead:
            rate = self.serving + len(sums) * self.leaving
            mean, variance = sums[-1] if sums else (0.0, 0.0)
            sums.append((mean + 1 / rate, variance + 1 / rate**2))
        mean, variance = sums[ahead]
        variance += mean * mean / self.seen
        shape = mean * mean / variance
        return Range(_quantile(mean, shape, P50), _quantile(mean, shape, P90))


Key = tuple[QueueId, bool]  # a queue, and whether the line is that of its VIP customers


@lru_cache(maxsize=256)
def _sums(pace: Pace) -> list[tuple[float, float]]:
    """Mean and variance of the wait by how many are ahead, as far as asked for: whole lines are asked about."""
    return []


class _Line:
    """What one line did lately. All sums fade as it stands."""

    __slots__ = ("agents", "at", "begun", "given_up", "staffed", "stood", "waiting")

    def __init__(self, now: float, agents: int) -> None:
        self.at = now
        self.agents = agents  # there to serve it, when last looked
        self.waiting = 0
        self.begun = 0.0  # conversations with those who had to wait, or came while others did
        self.staffed = 0.0  # agent-seconds while somebody stood in it
        self.given_up = 0.0
        self.stood = 0.0  # person-seconds

    def pass_to(self, now: float) -> None:
        seconds, self.at = max(0.0, now - self.at), max(now, self.at)
        if not self.waiting or not seconds:
            return
        kept = exp(-seconds / MEMORY)
        self.begun *= kept
        self.given_up *= kept
        self.staffed = self.staffed * kept + self.agents * seconds
        self.stood = self.stood * kept + self.waiting * seconds

    def pace(self, agents: int) -> Pace | None:
        if self.begun < LEAST or not self.staffed or not agents:
            return None
        leaving = self.given_up / self.stood if self.stood else 0.0
        return Pace(self.begun / self.staffed * agents, leaving, self.begun)


def _quantile(mean: float, shape: float, normal: float) -> float:
    """Return a gamma distribution's quantile (Wilson and Hilferty's approximation)."""
    part = 1 / (9 * shape)
    return float(mean * max(0.0, 1 - part + normal * sqrt(part)) ** 3)


class Estimates:
    """Learns from every decision of one engine; reads its ``agents``, ``items`` and ``queues``, changes nothing."""

    def __init__(
        self,
        agents: Mapping[AgentId, Agent],
        items: Mapping[InteractionId, Item],
        queues: Mapping[QueueId, c.QueueRules],
    ) -> None:
        self._agents, self._items, self._queues = agents, items, queues
        self._lines: dict[Key, _Line] = {}
        self._standing: dict[InteractionId, tuple[Key, float]] = {}  # in which line, and since when
        self._staff: Counter[Profile] = Counter()
        self._counted_at = -FOREVER
        self._serving: dict[QueueId, int] = {}
        self._takes: Mapping[type, Callable[[Any, float], None]] = {
            c.Queued: self._queued,
            c.Requeued: self._queued,
            c.Reserve: self._reserved,
            c.Withdrawn: self._withdrawn,
        }

    def take(self, decision: Decision, now: float) -> None:
        """Learn from one decision."""
        take = self._takes.get(type(decision))
        if take is not None:
            take(decision, now)

    def pace(self, queue_id: QueueId, now: float, *, vip: bool = False) -> Pace | None:
        """Return how fast a line moves; None: too little was seen of it, or nobody is there to serve."""
        line = self._lines.get((queue_id, vip))
        return None if line is None else line.pace(self._there(queue_id, now))

    # -------------------------------------------------------------- learning

    def _line(self, key: Key, now: float) -> _Line:
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(now, self._there(key[0], now))
        line.pass_to(now)
        line.agents = self._there(key[0], now)
        return line

    def _queued(self, decision: c.Queued | c.Requeued, now: float) -> None:
        item = self._items.get(decision.interaction_id)
        key = (decision.queue_id, item is not None and item.vip)
        before, since = self._standing.get(decision.interaction_id, (None, now))
        if before == key:
            return
        if before is not None:
            self._line(before, now).waiting -= 1
        self._standing[decision.interaction_id] = key, since
        self._line(key, now).waiting += 1

    def _reserved(self, decision: c.Reserve, now: float) -> None:
        key, since = self._standing.pop(decision.interaction_id, (None, now))
        if key is None:
            return
        line = self._line(key, now)
        line.waiting -= 1
        if line.waiting or now - since > AT_ONCE:
            line.begun += 1

    def _withdrawn(self, decision: c.Withdrawn, now: float) -> None:
        key, _ = self._standing.pop(decision.interaction_id, (None, now))
        if key is not None:
            line = self._line(key, now)
            line.waiting -= 1
            line.given_up += 1

    # -------------------------------------------------------------- who is there

    def _there(self, queue_id: QueueId, now: float) -> int:
        """Return how many ready agents (working ones too) could ever take what enters a queue."""
        if now - self._counted_at >= RECOUNT:
            ready = (one for one in self._agents.values() if one.presence is Presence.READY)
            self._staff = Counter(one.profile for one in ready if one.state is AgentState.PRESENT)
            self._counted_at = now
            self._serving = {}
        found = self._serving.get(queue_id)
        if found is None:
            found = self._serving[queue_id] = self._count(queue_id)
        return found

    def _count(self, queue_id: QueueId) -> int:
        rules = self._queues.get(queue_id)
        if rules is None:
            return 0
        need = relax(join(rules.requirement, c.ANYBODY), rules.steps)
        return sum(
            count
            for profile, count in self._staff.items()
            if any(shortfall(profile, queue_id, medium, need, FOREVER) is None for medium in profile.media)
        )
