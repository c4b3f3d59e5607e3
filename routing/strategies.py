"""The order of work and of agents as static keys: docs/routing/rules.md in formulas.

A key may depend only on what changes together with the item's or agent's own place, so that places are kept sorted and
never recomputed by time: what time changes, it changes at an instant (``next_change``).
"""

from collections.abc import Sequence
from typing import Final

from routing.commands import AgentRule, QueueRules, Requirement, Skills, WorkOrder
from routing.items import Item
from routing.requirements import Profile

VIP, LATE, REALTIME, DEFERRABLE, OUTBOUND = range(5)
CLASS_NAMES: Final = ("vip", "late", "real-time", "deferrable", "outbound")
STRICT: Final = 1e6
"""Seconds of waiting that one point of priority outweighs where priority is strict: eleven days."""


def points_of(item: Item, rules: QueueRules) -> int:
    """Return the item's priority: the queue's, its own, and what the queue gives for the customer's value."""
    points = rules.priority + item.priority
    gained = 0
    for least, more in rules.value_steps:
        if item.value >= least:
            gained = more
    return points + gained


def late_at(item: Item, rules: QueueRules) -> float | None:
    """Return the instant from which on the item is late, None for never."""
    if item.due_at is not None:
        return item.due_at - rules.late_guard
    if item.outbound or rules.late_after is None:
        return None
    return item.entered_at + rules.late_after


def rank(item: Item, rules: QueueRules, now: float) -> tuple[int, float]:
    """Return the item's class and its key within the class."""
    late = late_at(item, rules)
    is_late = late is not None and late <= now
    is_realtime = item.due_at is None and not item.outbound
    if item.vip and (is_realtime or is_late):
        return VIP, item.entered_at - item.points * STRICT
    if is_late and late is not None:
        return LATE, late
    if is_realtime:
        return REALTIME, _key(item, rules)
    if item.outbound:
        return OUTBOUND, item.entered_at - item.points * STRICT
    assert item.due_at is not None
    return DEFERRABLE, item.due_at


def _key(item: Item, rules: QueueRules) -> float:
    if rules.order is WorkOrder.FIFO:
        return item.entered_at
    if rules.order is WorkOrder.AGING:
        return item.entered_at - item.points * rules.aging
    if rules.order is WorkOrder.DUE:
        return item.entered_at + rules.target_time
    return item.entered_at - item.points * STRICT


def next_change(item: Item, rules: QueueRules, thresholds: Sequence[float], now: float) -> float | None:
    """Return the next instant after ``now`` at which the waiting item's class, needs or window changes by itself."""
    instants = [item.entered_at + threshold for threshold in thresholds]
    late = late_at(item, rules)
    if late is not None:
        instants.append(late)
    if item.preferred is not None:
        instants.append(item.entered_at + rules.preferred_wait)
    return min([at for at in instants if at > now], default=None)


def missing(profile: Profile, preferred: Skills) -> int:
    """Return how many of the preferred skills the profile lacks."""
    return sum([profile.skills.get(skill, 0) < level for skill, level in preferred])


def tier(rule: AgentRule, profile: Profile, needs: Requirement) -> int:
    """Return where the rule puts a profile among those free; lower goes first."""
    if rule is AgentRule.LEAST_FLEXIBLE:
        return profile.flexibility
    if rule is AgentRule.MOST_SKILLED:
        return -sum([profile.skills.get(skill, 0) for skill, _ in needs.skills])
    return 0
