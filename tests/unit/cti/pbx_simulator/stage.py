"""An exchange in virtual time: the test is its AMI client, its FastAGI server and its people."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from cti import dialplan_names as names
from cti.ami import Message
from cti.pbx_simulator.actions import act
from cti.pbx_simulator.dialplan import Dialplan
from cti.pbx_simulator.exchange import Exchange
from cti.pbx_simulator.outputs import AgiClose, AgiOpen, AgiSend, Output, Record, Reply, Tell
from cti.pbx_simulator.people import Customer, Dead, Reaction
from cti.provision import PACKAGED, EndpointKind, EndpointSettings, PbxSettings, TrunkSettings, include_files

BEGIN = 1_780_000_000.0
AGENTS = ("agent-1", "agent-2", "agent-3")
SETTINGS = PbxSettings(
    "sim", 1, "Simulated1Secret", 2, 3, 4, Path("/var/recordings"), fallback_round=10, fallback_rounds=2, ivr_guard=3,
    endpoints=[EndpointSettings(one, EndpointKind.DESK, "Desk2Secret8888xx") for one in AGENTS],
    trunks=[TrunkSettings("demo", "127.0.0.1")],
)  # fmt: skip
DIALPLAN = Dialplan(include_files(SETTINGS, PACKAGED)["contactcenter_extensions.conf"])
HOLD = "SET VARIABLE CC_NEXT hold"


class Stage:
    """``scripts``: step -> commands its session sends one after the other, then it closes; None: nobody listens."""

    def __init__(self, phones: Mapping[str, Reaction] | None = None) -> None:
        self.phones: dict[str, Reaction] = dict(phones or {})
        self.scripts: dict[str, Sequence[str] | None] = {"ivr": [HOLD], "next": [HOLD]}
        self.events: list[Message] = []
        self.records: list[dict[str, str]] = []
        self.heard: list[str] = []  # what FastAGI servers were answered
        self.requests: list[str] = []
        self._replies: list[Message] = []
        self._sessions: dict[int, list[str]] = {}
        self.exchange = Exchange(
            "sim", BEGIN, DIALPLAN, [*AGENTS, "demo"], lambda one: self.phones.get(one, Dead()), lambda _: 2.0
        )

    @property
    def now(self) -> float:
        return self.exchange.now

    def advance(self, seconds: float) -> None:
        """Let time pass, from one deadline to the next."""
        end = self.now + seconds
        while (due := self.exchange.deadline()) is not None and due <= end:
            self.exchange.advance(due)
            self.drain()
        self.exchange.advance(end)
        self.drain()

    def act(self, name: str, **fields: str | Sequence[str]) -> list[Message]:
        """Carry out an action; what its client is told: the answer first."""
        pairs = [("Action", name), ("ActionID", "a1")]
        for header, value in fields.items():
            pairs += [(header, one) for one in ([value] if isinstance(value, str) else value)]
        self._replies = []
        act(self.exchange, self.now, 1, Message.of(pairs))
        self.drain()
        self.advance(0.002)
        return self._replies

    def answered(self, name: str, **fields: str | Sequence[str]) -> Message:
        return self.act(name, **fields)[0]

    def calls(self, customer: Customer) -> str:
        leg = self.exchange.legs.customer_calls(customer)
        self.exchange.settle()
        self.drain()
        self.advance(0.0)
        return leg

    def waiting(self, **more: float) -> str:
        leg = self.calls(Customer("+4930901820", "2000", "Ada", delay=0.0, **more))  # type: ignore[arg-type]
        assert self.place(leg) == (names.HOLD, "MusicOnHold")
        return leg

    def alert(self, caller: str, endpoint: str, reservation: str, *, limit: float = 20.0, **more: str) -> None:
        self.act("Setvar", Channel=caller, Variable="CC_RES", Value=reservation)
        self.rings(caller, endpoint, reservation, limit=limit, **more)

    def rings(self, caller: str, endpoint: str, reservation: str, *, limit: float = 20.0, **more: str) -> None:
        variables = {"CC_RES": reservation, "CALLER_CHAN": caller, **more}
        self.act(
            "Originate", Channel=f"PJSIP/{endpoint}", Context=names.BRIDGE, Exten="s", Priority="1", Async="true",
            ChannelId=reservation, Timeout=str(int(limit * 1000)), Account=caller, CallerID='"Ada" <+4930901820>',
            Variable=[f"{name}={value}" for name, value in variables.items()],
        )  # fmt: skip

    def stands_in(self, leg: str, reservation: str, *, ring: int = 20, number: str = "+4930901820") -> None:
        """A leg for a customer who is to be called, as ``cti.stand_ins`` has it made."""
        variables = {"CC_RES": reservation, "__CC_STAND_IN": leg, "CC_CALLED": number, "CC_SHOWN": "+49305550"}
        self.act(
            "Originate", Channel="Local/dial@cc-callback/n", Context=names.CALLBACK, Exten="place", Priority="1",
            ChannelId=leg, OtherChannelId=names.dialling_half(leg), CallerID=f'"Ada" <{number}>', Async="true",
            Variable=[f"{name}={value}" for name, value in {**variables, "CC_RING": str(ring)}.items()],
        )  # fmt: skip

    def place(self, leg: str) -> tuple[str, str]:
        channel = self.exchange.channels[leg]
        return channel.context, channel.application

    def partners(self, leg: str) -> set[str]:
        bridge = self.exchange.channels[leg].bridge
        return {one.uniqueid for one in bridge.inside if one.uniqueid != leg} if bridge else set()

    def named(self, event: str, **fields: str) -> list[Message]:
        return [one for one in self.events if one.kind == event and all(one.get(k) == v for k, v in fields.items())]

    # ------------------------------------------------------------ what the shell does

    def drain(self) -> None:
        while outputs := self.exchange.take():
            for output in outputs:
                self._take(output)

    def _take(self, output: Output) -> None:
        match output:
            case Tell(headers):
                self.events.append(Message.of(headers))
            case Reply(_, headers):
                self._replies.append(Message.of(headers))
            case Record(line):
                (row,) = csv.reader([line])
                self.records.append(dict(zip(names.CEL_FIELDS, row, strict=True)))
            case AgiOpen(session, _, _, request):
                self._open(session, request.decode())
            case AgiSend(session, data):
                self.heard.append(data.decode().rstrip("\n"))
                if self.heard[-1] != "HANGUP":
                    self._next(session)
            case AgiClose(session):
                self._sessions.pop(session, None)

    def _open(self, session: int, request: str) -> None:
        self.requests.append(request)
        step = request.partition("agi_network_script: ")[2].partition("\n")[0]
        script = self.scripts[step]
        if script is None:
            self.exchange.agi.failed(session)
        else:
            self._sessions[session] = list(script)
            self.exchange.agi.connected(session)
            self._next(session)
        self.exchange.settle()

    def _next(self, session: int) -> None:
        script = self._sessions.get(session)
        if script is None:
            return
        if not script:
            del self._sessions[session]
            self.exchange.agi.closed(session)
        elif script[0] != "FROZEN":
            self.exchange.agi.line(session, script.pop(0))
        self.exchange.settle()
