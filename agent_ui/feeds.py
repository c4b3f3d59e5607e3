"""A feed: what one page was shown, numbered. Pure: no socket, no clock.

A slot is sent when it differs from what the page has. The last changes are kept so that a page that reconnects goes on
where it left off; what is older than the ring means a fresh snapshot.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from agent_ui.protocol import Changes, Snapshot

KEPT: Final = 256

Slots = dict[str, Any]


class Feed:
    """The numbered slots of one page. Owned by the hub."""

    __slots__ = ("_kept", "epoch", "seq", "slots")

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.seq = 0
        self.slots: Slots = {}
        self._kept: deque[Changes] = deque(maxlen=KEPT)

    def offer(self, slots: Mapping[str, Any]) -> Changes | None:
        """Take slots as they are now (None: gone); return what differs from before, or None when nothing does."""
        news = {key: value for key, value in slots.items() if self.slots.get(key) != value}
        if not news:
            return None
        for key, value in news.items():
            if value is None:
                del self.slots[key]
            else:
                self.slots[key] = value
        changes = Changes(self.seq + 1, self.seq, news)
        self.seq += 1
        self._kept.append(changes)
        return changes

    def since(self, epoch: str, seq: int) -> list[Changes] | None:
        """Return the changes after ``seq``, or None when they are not all here any more."""
        if epoch != self.epoch or seq > self.seq:
            return None
        missed = [changes for changes in self._kept if changes.seq > seq]
        return missed if len(missed) == self.seq - seq else None

    def snapshot(self, now: str) -> Snapshot:
        """Return everything as of the last number."""
        return Snapshot(self.epoch, self.seq, now, dict(self.slots))
