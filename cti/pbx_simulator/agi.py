"""The PBX's side of FastAGI: the request block, and the commands of a session with their answers. Pure.

Source: Asterisk's res_agi and https://docs.asterisk.org, "AGI Commands". After a hang-up the running command is
answered, then ``HANGUP`` is said and the session closed, as with AGIEXITONHANGUP, which our dialplan sets.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cti.pbx_simulator.agi_commands import COMMANDS
from cti.pbx_simulator.channels import Channel, Wait
from cti.pbx_simulator.outputs import AgiClose, AgiOpen, AgiSend

if TYPE_CHECKING:
    from cti.pbx_simulator.exchange import Exchange

CONNECT_SECONDS: Final = 2.0
DEFAULT_PORT: Final = 4573
SAMPLES: Final = 8000
_WORD: Final = re.compile(r'"((?:\\.|[^"\\])*)"|(\S+)')


@dataclass(slots=True, eq=False)
class Session:
    """One session. ``running``: the command under way; ``escape``: digits that end it; ``began_at``: since when."""

    number: int
    channel: Channel
    wait: Wait
    is_connected: bool = False
    running: Wait | None = None
    escape: str = ""
    collects: int = 0
    collected: str = ""
    began_at: float = 0.0
    queue: deque[str] = field(default_factory=deque)


class AgiSessions:
    """Every session of one exchange."""

    def __init__(self, exchange: "Exchange") -> None:
        self.exchange = exchange
        self._sessions: dict[int, Session] = {}
        self._count = 0

    # ------------------------------------------------------------ the dialplan's side

    def start(self, channel: Channel, url: str) -> None:
        """Run AGI(url) on a channel: its dialplan waits until the session is over."""
        self._count += 1
        session = Session(self._count, channel, self.exchange.wait(channel, "agi"))
        self._sessions[session.number] = session
        channel.agi = session.number
        address, _, script = url.removeprefix("agi://").partition("/")
        host, _, port = address.partition(":")
        request = _request(channel, url, script)
        self.exchange.put(AgiOpen(session.number, host, int(port or DEFAULT_PORT), request))
        self.exchange.schedule(CONNECT_SECONDS, lambda: self._connect_late(session))

    def stop(self, channel: Channel) -> None:
        """The channel hung up or was taken elsewhere: its session ends, and AGISTATUS stays what it was."""
        session = self._sessions.pop(channel.agi, None)
        channel.agi = 0
        if session is None:
            return
        if session.running is not None:
            self.send(session, "200 result=-1")
        self.send(session, "HANGUP")
        self.exchange.put(AgiClose(session.number))

    def digit(self, channel: Channel) -> None:
        """Digits were pressed: a command that listens takes them."""
        session = self._sessions.get(channel.agi)
        if session is not None and session.running is not None and session.escape:
            self._take_digits(session)

    # ------------------------------------------------------------ the server's side

    def connected(self, number: int) -> None:
        """The connection stands."""
        if (session := self._sessions.get(number)) is not None:
            session.is_connected = True

    def failed(self, number: int) -> None:
        """Nobody listens there."""
        self._finish(number, "FAILURE")

    def closed(self, number: int) -> None:
        """The server ended the session."""
        self._finish(number, "SUCCESS")

    def line(self, number: int, text: str) -> None:
        """Take one command."""
        session = self._sessions.get(number)
        if session is not None:
            session.queue.append(text)
            self._next(session)

    def _connect_late(self, session: Session) -> None:
        if not session.is_connected and session.number in self._sessions:
            self.exchange.put(AgiClose(session.number))
            self.failed(session.number)

    def _finish(self, number: int, status: str) -> None:
        session = self._sessions.pop(number, None)
        if session is not None:
            session.channel.agi = 0
            session.channel.variables["AGISTATUS"] = status
            self.exchange.release(session.channel, session.wait)

    # ------------------------------------------------------------ commands

    def _next(self, session: Session) -> None:
        while session.queue and session.running is None and session.number in self._sessions:
            words = [_unquoted(quoted, bare) for quoted, bare in _WORD.findall(session.queue.popleft())]
            name = next(
                (one for one in COMMANDS if [w.upper() for w in words[: one.count(" ") + 1]] == one.split()), ""
            )
            if not name:
                self.send(session, "510 Invalid or unknown command")
                continue
            try:
                answer = COMMANDS[name](self, session, words[name.count(" ") + 1 :])
            except ValueError:  # a number that is none
                answer = "520 Invalid command syntax."
            if answer is not None:
                self.send(session, answer)

    def run(self, session: Session, seconds: float, escape: str, *, collects: int = 0) -> None:
        """Let a command run: until its time is over or a digit of ``escape`` is pressed."""
        running = session.running = Wait("command")
        session.escape, session.began_at = escape, self.exchange.now
        session.collects, session.collected = collects, ""
        self.exchange.schedule(seconds, lambda: self._time_over(session, running))
        self._take_digits(session)

    def _take_digits(self, session: Session) -> None:
        channel = session.channel
        while channel.digits and session.running is not None:
            digit, channel.digits = channel.digits[0], channel.digits[1:]
            if digit not in session.escape:
                continue
            if not session.collects:
                self._done(session, f"200 result={ord(digit)}{self._position(session)}")
                continue
            session.collected += digit if digit != "#" else ""
            if digit == "#" or len(session.collected) >= session.collects:
                self._done(session, f"200 result={session.collected}")

    def _time_over(self, session: Session, running: Wait) -> None:
        if session.running is running and session.number in self._sessions:
            if session.collects:
                self._done(session, f"200 result={session.collected} (timeout)")
            else:
                self._done(session, f"200 result=0{self._position(session)}")

    def _position(self, session: Session) -> str:
        """Where a sound or a recording stands; a command that only waits (no sound) tells it too, nobody reads it."""
        return f" endpos={max(1, round((self.exchange.now - session.began_at) * SAMPLES))}"

    def _done(self, session: Session, answer: str) -> None:
        session.running, session.escape = None, ""
        self.send(session, answer)
        self._next(session)

    def send(self, session: Session, line: str) -> None:
        """Say one line to the session's server."""
        self.exchange.put(AgiSend(session.number, f"{line}\n".encode()))


def _unquoted(quoted: str, bare: str) -> str:
    return bare or re.sub(r"\\(.)", r"\1", quoted)


def _request(channel: Channel, url: str, script: str) -> bytes:
    fields = {
        "network": "yes",
        "network_script": script,
        "request": url,
        "channel": channel.name,
        "language": "en",
        "type": channel.name.partition("/")[0],
        "uniqueid": channel.uniqueid,
        "version": "22",
        "callerid": channel.caller_number or "unknown",
        "calleridname": channel.caller_name or "unknown",
        "dnid": "unknown",
        "rdnis": "unknown",
        "context": channel.context,
        "extension": channel.exten,
        "priority": str(channel.priority),
        "enhanced": "0.0",
        "accountcode": channel.account,
    }
    return "".join(f"agi_{name}: {value}\n" for name, value in fields.items()).encode() + b"\n"
