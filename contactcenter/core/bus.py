"""The bus: short messages between the processes of one site. None is promised to arrive."""

from abc import ABC, abstractmethod
from collections.abc import Callable


class Bus(ABC):
    """Carries messages to whoever listens to a channel."""

    reaches_others: bool
    degraded: str
    lost: int

    @abstractmethod
    def publish(self, channel: str, message: bytes) -> None:
        """Send ``message`` soon; it may be lost."""

    @abstractmethod
    def subscribe(self, channel: str, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Call ``listener`` in the event loop with each message; returns what ends it."""

    @abstractmethod
    def on_restored(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when messages may have been missed: first connected, or connected again."""
