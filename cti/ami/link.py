"""The life of one AMI link as a pure machine: states as a table, heartbeat, time limits, back-off. Time is an argument.

The shell (client.py) reports what happened (``step``, ``heard``, ``pinged``, ``ponged``) and asks at ``deadline`` what
is due. Nothing here reads a clock, a socket or a global random source.
"""

import random
from dataclasses import dataclass
from enum import StrEnum


class LinkState(StrEnum):
    """Where the link stands. LIVE: Asterisk is fully booted and takes actions; the picture is the owner's work."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    LOGGING_IN = "logging-in"
    BOOTING = "booting"
    LIVE = "live"
    CLOSED = "closed"


class Signal(StrEnum):
    """What happened to the link."""

    DIALLED = "dialled"
    CONNECTED = "connected"
    LOGGED_IN = "logged-in"
    BOOTED = "booted"
    LOST = "lost"
    CLOSED = "closed"


_S, _E = LinkState, Signal
TRANSITIONS: dict[tuple[LinkState, Signal], LinkState] = {
    (_S.DISCONNECTED, _E.DIALLED): _S.CONNECTING,
    (_S.CONNECTING, _E.CONNECTED): _S.LOGGING_IN,
    (_S.LOGGING_IN, _E.LOGGED_IN): _S.BOOTING,
    (_S.BOOTING, _E.BOOTED): _S.LIVE,
    **{(state, _E.LOST): _S.DISCONNECTED for state in (_S.CONNECTING, _S.LOGGING_IN, _S.BOOTING, _S.LIVE)},
    **{(state, _E.CLOSED): _S.CLOSED for state in _S if state is not _S.CLOSED},
}

AUTH_FAILED = "auth-failed"
"""The reason that makes retries slow: a wrong secret does not mend itself and fills the PBX's security log."""


class IllegalSignal(Exception):
    """The signal has no row for the state; nothing was changed."""


class Due(StrEnum):
    """What the shell must do now."""

    NOTHING = "nothing"
    DIAL = "dial"
    PING = "ping"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class LinkTiming:
    """Every time limit of a link, in seconds. ``login_timeout``: Asterisk holds a refusal back for one second.

    ``stale_after``: without a byte for this long the PBX counts as frozen. ``ping_timeout``: the same for an unanswered
    ping while events still flow (they come that late, too). One ping is on its way at a time.
    """

    connect_timeout: float = 5.0
    login_timeout: float = 5.0
    boot_timeout: float = 120.0
    ping_interval: float = 2.0
    stale_after: float = 5.0
    ping_timeout: float = 10.0
    retry_first: float = 0.2
    retry_cap: float = 5.0
    auth_retry: float = 30.0
    settled_after: float = 5.0
    """Live for this long before the back-off starts again from ``retry_first``."""
    own_stall: float = 1.0
    """A timer this late shows that our own process stood still: that silence is not the PBX's."""


_TIMEOUT_REASON = {
    LinkState.CONNECTING: "connect-timeout",
    LinkState.LOGGING_IN: "login-timeout",
    LinkState.BOOTING: "boot-timeout",
}


class Link:
    """State, reason and deadlines of one link; owned by one client, changed in its loop only.

    ``reason`` is the code of the last loss ('' while all is well).
    """

    def __init__(self, timing: LinkTiming, rng: random.Random, now: float) -> None:
        self.timing = timing
        self.state = LinkState.DISCONNECTED
        self.reason = ""
        self.attempts = 0
        self._rng = rng
        self._act_at = now  # dial, or give up the present step
        self._heard_at = now
        self._ping_at = now
        self._asked_at: float | None = None  # when the unanswered ping was sent
        self._live_at = now

    def step(self, signal: Signal, now: float, reason: str = "") -> LinkState:
        """Apply ``signal`` and return the new state.

        Raises:
            IllegalSignal: no row in TRANSITIONS; nothing changed.
        """
        state = TRANSITIONS.get((self.state, signal))
        if state is None:
            raise IllegalSignal(f"{signal} in {self.state}")
        if signal is Signal.LOST:
            self._act_at = now + self._retry_delay(reason, now)
        before, self.state = self.state, state
        if signal in (Signal.LOST, Signal.CLOSED):
            self.reason = reason
        self._enter(before, now)
        return state

    def _enter(self, before: LinkState, now: float) -> None:
        timing = self.timing
        if self.state is LinkState.CONNECTING:
            self._act_at = now + timing.connect_timeout
        elif self.state is LinkState.LOGGING_IN:
            self._act_at = now + timing.login_timeout
        elif self.state is LinkState.BOOTING:
            self._act_at = now + timing.boot_timeout
            self._heard_at, self._ping_at, self._asked_at = now, now + timing.ping_interval, None
        elif self.state is LinkState.LIVE:
            self._live_at, self.reason = now, ""

    def _retry_delay(self, reason: str, now: float) -> float:
        """Exponential back-off with jitter over its upper half (so that many clients do not come back together)."""
        timing = self.timing
        if self.state is LinkState.LIVE and now - self._live_at >= timing.settled_after:
            self.attempts = 0
        ceiling = min(timing.retry_cap, timing.retry_first * 2.0 ** min(self.attempts, 30))
        self.attempts += 1
        if reason == AUTH_FAILED:
            ceiling = timing.auth_retry
        return ceiling * self._rng.uniform(0.5, 1.0)

    def heard(self, now: float) -> None:
        """Bytes arrived."""
        self._heard_at = now

    def pinged(self, now: float) -> None:
        """A ping was written."""
        self._ping_at = now + self.timing.ping_interval
        self._asked_at = now

    def ponged(self) -> None:
        """The ping was answered."""
        self._asked_at = None

    def silent_for(self, now: float) -> float:
        """Seconds since the last byte; the age alarm's figure, meaningful from BOOTING on."""
        return now - self._heard_at

    def deadline(self) -> float | None:
        """The next instant at which ``due`` has something to say; None when closed."""
        if self.state is LinkState.CLOSED:
            return None
        if self.state not in (LinkState.BOOTING, LinkState.LIVE):
            return self._act_at
        next_ping = self._ping_at if self._asked_at is None else self._asked_at + self.timing.ping_timeout
        limits = [next_ping, self._heard_at + self.timing.stale_after]
        if self.state is LinkState.BOOTING:
            limits.append(self._act_at)
        return min(limits)

    def due(self, now: float) -> tuple[Due, str]:
        """Return what is due at ``now`` and, for DROP, the reason."""
        deadline = self.deadline()
        if deadline is None or now < deadline:
            return Due.NOTHING, ""
        if self.state is LinkState.DISCONNECTED:
            return Due.DIAL, ""
        self._forgive_own_stall(now - deadline)
        if self.state is not LinkState.LIVE and now >= self._act_at:
            return Due.DROP, _TIMEOUT_REASON[self.state]
        if self.state in (LinkState.BOOTING, LinkState.LIVE):
            return self._heartbeat(now)
        return Due.NOTHING, ""

    def _heartbeat(self, now: float) -> tuple[Due, str]:
        if now >= self._heard_at + self.timing.stale_after:
            return Due.DROP, "stale"
        if self._asked_at is None:
            return (Due.PING, "") if now >= self._ping_at else (Due.NOTHING, "")
        if now >= self._asked_at + self.timing.ping_timeout:
            return Due.DROP, "ping-unanswered"
        return Due.NOTHING, ""

    def _forgive_own_stall(self, late: float) -> None:
        """Shift the limits by our own delay and a little more: what arrived meanwhile must be read first."""
        if late < self.timing.own_stall:
            return
        grace = late + self.timing.own_stall
        self._heard_at += grace
        self._act_at += grace
        if self._asked_at is not None:
            self._asked_at += grace
