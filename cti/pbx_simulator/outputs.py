"""What the exchange hands to its shell, in order: events, answers, records, bytes for FastAGI servers. Pure."""

from dataclasses import dataclass

from cti.pbx_simulator.channels import Headers


@dataclass(frozen=True, slots=True)
class Tell:
    """An AMI event for everyone who is logged in."""

    headers: Headers


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, or an event of a list, for one AMI connection."""

    connection: int
    headers: Headers


@dataclass(frozen=True, slots=True)
class Record:
    """A line for the channel event log."""

    line: str


@dataclass(frozen=True, slots=True)
class AgiOpen:
    """Connect to a FastAGI server and send ``request``; then tell connected, failed, line, closed."""

    session: int
    host: str
    port: int
    request: bytes


@dataclass(frozen=True, slots=True)
class AgiSend:
    """Bytes for a FastAGI session."""

    session: int
    data: bytes


@dataclass(frozen=True, slots=True)
class AgiClose:
    """End a FastAGI session."""

    session: int


Output = Tell | Reply | Record | AgiOpen | AgiSend | AgiClose
