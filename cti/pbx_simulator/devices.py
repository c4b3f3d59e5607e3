"""Endpoints of the simulated PBX: registered or not, in use or not, and what is told of it. Pure."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final

from cti.pbx_simulator.channels import Channel, Headers

if TYPE_CHECKING:
    from cti.pbx_simulator.exchange import Exchange

NOT_IN_USE, BUSY, UNAVAILABLE = "NOT_INUSE", "BUSY", "UNAVAILABLE"
_LISTED: Final = {NOT_IN_USE: "Not in use", BUSY: "Busy", UNAVAILABLE: "Unavailable"}


class Devices:
    """All endpoints. Every one has its phone registered until told otherwise."""

    def __init__(self, exchange: "Exchange", endpoints: Iterable[str]) -> None:
        self._exchange = exchange
        self._registered = dict.fromkeys(endpoints, True)
        self._told: dict[str, str] = {}

    def is_reachable(self, endpoint: str) -> bool:
        """Whether the endpoint exists and its phone is registered."""
        return self._registered.get(endpoint, False)

    def provide(self, endpoints: Collection[str]) -> None:
        """Have these endpoints from now on; a new one's phone registers at once, calls of one that goes stay up."""
        for endpoint in [one for one in self._registered if one not in endpoints]:
            del self._registered[endpoint]
        for endpoint in endpoints:
            if endpoint not in self._registered:
                self.register(endpoint, registered=True)

    def register(self, endpoint: str, *, registered: bool) -> None:
        """Let a phone register or go away."""
        self._registered[endpoint] = registered
        contact = (
            ("URI", f"sip:{endpoint}@127.0.0.1"),
            ("ContactStatus", "Created" if registered else "Removed"),
            ("AOR", endpoint),
            ("EndpointName", endpoint),
        )
        self._exchange.tell("ContactStatus", contact, privilege="system,all")
        self._tell(endpoint)

    def state(self, endpoint: str) -> str:
        """Return Asterisk's word for the endpoint's state."""
        if not self.is_reachable(endpoint):
            return UNAVAILABLE
        return BUSY if self._in_use(endpoint) else NOT_IN_USE

    def changed(self, channel: Channel) -> None:
        """Tell the state of a channel's endpoint when it is another one now."""
        if channel.endpoint in self._registered:
            self._tell(channel.endpoint)

    def _tell(self, endpoint: str) -> None:
        state = self.state(endpoint)
        if self._told.get(endpoint, NOT_IN_USE) != state:
            device = (("Device", f"PJSIP/{endpoint}"), ("State", state))
            self._exchange.tell("DeviceStateChange", device)
        self._told[endpoint] = state

    def _in_use(self, endpoint: str) -> int:
        own = (one for one in self._exchange.channels.values() if one.endpoint == endpoint)
        return sum(one.state != "0" for one in own)

    def states(self) -> list[Headers]:
        """Return the events of DeviceStateList."""
        return [(("Device", f"PJSIP/{one}"), ("State", self.state(one))) for one in self._registered]

    def listed(self) -> list[Headers]:
        """Return the events of PJSIPShowEndpoints."""
        return [
            (
                ("ObjectType", "endpoint"),
                ("ObjectName", endpoint),
                ("Transport", ""),
                ("Aor", endpoint),
                ("Auths", ""),
                ("OutboundAuths", ""),
                ("Contacts", f"{endpoint}/sip:{endpoint}@127.0.0.1," if registered else ""),
                ("DeviceState", _LISTED[self.state(endpoint)]),
                ("ActiveChannels", str(self._in_use(endpoint))),
            )
            for endpoint, registered in self._registered.items()
        ]
