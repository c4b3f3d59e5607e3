"""One AMI connection on the PBX's side: bytes to actions, the login, which events go out. Pure.

Source: Asterisk 22, main/manager.c: what is not understood is passed over, nothing is done before the login.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hmac import compare_digest

from cti.ami.codec import MAX_LINE_BYTES, Message
from cti.pbx_simulator.channels import Headers

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
MAX_ACTION_BYTES = 128 * MAX_LINE_BYTES
BOOTED: Headers = (
    ("Event", "FullyBooted"),
    ("Privilege", "system,all"),
    ("Uptime", "1"),
    ("LastReload", "1"),
    ("Status", "Fully Booted"),
)


def encode(headers: Headers) -> bytes:
    """Return one message for the wire; line ends inside a value become spaces."""
    lines = (f"{name}: {value}".replace("\r", " ").replace("\n", " ") for name, value in headers)
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace")


@dataclass(slots=True)
class Account:
    """The one AMI user."""

    username: str
    secret: str


class AmiSession:
    """Owns what one client has sent; ``feed`` returns bytes for the client and actions for the exchange, in order."""

    def __init__(self, account: Account, events: Iterable[str]) -> None:
        self.is_logged_in = False
        self.is_over = False
        self._account = account
        self._wanted = frozenset(events)
        self._takes_events = True
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes | Message]:
        """Take bytes, split anywhere."""
        *blocks, self._rest = (self._rest + data).split(b"\r\n\r\n")
        self.is_over = self.is_over or len(self._rest) > MAX_ACTION_BYTES
        done: list[bytes | Message] = []
        for block in blocks:
            action = _read(block)
            if action is not None and not self.is_over:
                done += self._take(action)
        return done

    def wants(self, event: Headers) -> bool:
        """Whether this client is told an event."""
        return self.is_logged_in and self._takes_events and event[0][1] in self._wanted

    def _take(self, action: Message) -> list[bytes | Message]:
        name = action.get("Action").lower()
        if name == "login":
            return [*self._login(action)]
        if name == "logoff":
            self.is_over = True
            return [_answer(action, "Goodbye", ("Message", "Thanks for all the fish."))]
        if not self.is_logged_in:
            return [_answer(action, "Error", ("Message", "Permission denied"))]
        if name == "events":
            self._takes_events = action.get("EventMask").lower() not in ("off", "0", "")
            return [_answer(action, "Success", ("Events", "On" if self._takes_events else "Off"))]
        return [action]

    def _login(self, action: Message) -> list[bytes]:
        if self.is_logged_in:
            return [_answer(action, "Success", ("Message", "Already authenticated"))]
        given = f"{action.get('Username')}\0{action.get('Secret')}".encode()
        if not compare_digest(given, f"{self._account.username}\0{self._account.secret}".encode()):
            self.is_over = True
            return [_answer(action, "Error", ("Message", "Authentication failed"))]
        self.is_logged_in = True
        self._takes_events = action.get("Events", "on").lower() != "off"
        return [_answer(action, "Success", ("Message", "Authentication accepted")), encode(BOOTED)]


def _answer(action: Message, response: str, *pairs: tuple[str, str]) -> bytes:
    tag = [("ActionID", action.get("ActionID"))] if action.get("ActionID") else []
    return encode([("Response", response), *tag, *pairs])


def _read(block: bytes) -> Message | None:
    lines = [line.partition(":") for line in block.decode("utf-8", "replace").split("\r\n") if ":" in line]
    pairs = [(name.strip(), value.strip()) for name, _, value in lines]
    return Message.of(pairs) if any(name.lower() == "action" for name, _ in pairs) else None
