"""The simulated PBX as a program: AMI on a TCP port, FastAGI as a client, records in a file, one timer.

Thin shell: it brings bytes and the time to the exchange and carries out what the exchange puts out, in order.
"""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TextIO, TypeVar

import structlog

from contactcenter.core.clock import Clock
from contactcenter.core.errors import Unavailable
from contactcenter.core.tasks import TaskSupervisor
from cti import dialplan_names as names
from cti.ami.codec import Message
from cti.pbx_simulator.actions import VERSION, act
from cti.pbx_simulator.ami_session import Account, AmiSession, encode
from cti.pbx_simulator.connections import AgiConnection, AmiConnection
from cti.pbx_simulator.dialplan import Dialplan
from cti.pbx_simulator.exchange import Exchange
from cti.pbx_simulator.outputs import AgiClose, AgiOpen, AgiSend, Output, Record, Reply, Tell
from cti.pbx_simulator.people import Customer, Phones, Reaction, RingsOn
from cti.provision import PACKAGED, PbxSettings, include_files

log = structlog.get_logger(__name__)

T = TypeVar("T")

_DIALPLAN: Final = "contactcenter_extensions.conf"


class SimulatedPbx:
    """One simulated PBX on 127.0.0.1. ``start`` and ``stop`` once each; every call from the running loop's thread."""

    def __init__(
        self,
        settings: PbxSettings,
        cel_file: Path,
        clock: Clock,
        tasks: TaskSupervisor,
        phones: Phones = lambda endpoint: RingsOn(),
        sounds: Callable[[str], float] = lambda name: 1.5,
    ) -> None:
        """Raise Invalid for settings that provisioning refuses: the dialplan is the one Asterisk is given."""
        self.settings = settings
        self.cel_file = cel_file
        self.version = VERSION
        self.phones = phones
        dialplan = Dialplan(include_files(settings, PACKAGED)[_DIALPLAN])
        endpoints = [*(one.name for one in settings.endpoints), *(one.name for one in settings.trunks)]
        self.exchange = Exchange(settings.server_id, clock.timestamp(), dialplan, endpoints, self._reaction, sounds)
        self._clock = clock
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._clients: dict[int, AmiConnection] = {}
        self._agi: dict[int, AgiConnection] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._records: TextIO | None = None
        self._connections = 0

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Begin to listen. Raises Unavailable ``port-in-use``."""
        port = self.settings.ami_port
        try:
            self._server = await self._loop.create_server(self._new_client, "127.0.0.1", port)
        except OSError as error:
            raise Unavailable("port-in-use", {"use": "ami", "port": port, "reason": str(error)}) from error
        self._open_records()  # nobody can have called yet
        log.info("simulated-pbx-ready", port=self.port)

    def _open_records(self) -> None:
        self.cel_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.cel_file.touch(mode=0o600)
        self._records = self.cel_file.open("a", encoding="utf-8", buffering=1)

    @property
    def is_running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    @property
    def port(self) -> int:
        """The AMI port listened on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Hang everybody up, which the records tell, and end. Idempotent."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        self._do(self._hang_everybody_up)
        if self._timer is not None:
            self._timer.cancel()
        transports = [client.transport for client in self._clients.values()]
        for transport in [*transports, *(session.transport for session in self._agi.values())]:
            transport.abort()
        await server.wait_closed()
        if self._records is not None:
            self._records.close()
            self._records = None

    def _hang_everybody_up(self) -> None:
        for channel in list(self.exchange.channels.values()):
            self.exchange.hang_up(channel)

    # ------------------------------------------------------------ people

    def _reaction(self, endpoint: str) -> Reaction:
        return self.phones(endpoint)

    def pick_up(self, leg_id: str) -> None:
        """Let somebody pick up the phone that rings on this leg; nothing when it does not ring."""
        self._do(lambda: self.exchange.legs.pick_up(leg_id))

    def customer_calls(self, customer: Customer) -> str:
        """Let a customer call; return the Uniqueid of his leg."""
        return self._do(lambda: self.exchange.legs.customer_calls(customer))

    def provide(self, endpoints: Iterable[str]) -> None:
        """Have these endpoints from now on."""
        wanted = [*endpoints, *(trunk.name for trunk in self.settings.trunks)]
        self._do(lambda: self.exchange.devices.provide(wanted))

    def register(self, endpoint: str, *, registered: bool) -> None:
        """Let a phone register, or go away."""
        self._do(lambda: self.exchange.devices.register(endpoint, registered=registered))

    def _do(self, work: Callable[[], T]) -> T:
        self.exchange.advance(self._clock.timestamp())
        result = work()
        self.exchange.settle()
        self._flush()
        return result

    # ------------------------------------------------------------ what the exchange puts out

    def _flush(self) -> None:
        for output in self.exchange.take():
            self._carry_out(output)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.exchange.deadline()
        if deadline is not None and self._server is not None:
            self._timer = self._loop.call_later(max(0.0, deadline - self._clock.timestamp()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.exchange.advance(self._clock.timestamp())
        self._flush()

    def _carry_out(self, output: Output) -> None:
        match output:
            case Tell(headers):
                data = encode(headers)
                for client in list(self._clients.values()):
                    client.tell(headers, data)
            case Reply(connection, headers):
                if connection in self._clients:
                    self._clients[connection].write(encode(headers))
            case Record(line):
                if self._records is not None:
                    self._records.write(line)
            case AgiOpen():
                self._tasks.spawn("simulated-agi", self._open_agi(output))
            case AgiSend(session, data):
                if session in self._agi:
                    self._agi[session].transport.write(data)
            case AgiClose(session):
                connection_ = self._agi.pop(session, None)
                if connection_ is not None:
                    connection_.transport.close()

    # ------------------------------------------------------------ AMI clients

    def _new_client(self) -> AmiConnection:
        account = Account(self.settings.ami_user, self.settings.ami_secret)
        return AmiConnection(self, AmiSession(account, names.AMI_EVENTS))

    def joined(self, connection: AmiConnection) -> int:
        """A client has connected; return the number it goes by."""
        self._connections += 1
        self._clients[self._connections] = connection
        return self._connections

    def acted(self, number: int, action: Message) -> None:
        """A client that is logged in sent an action."""
        act(self.exchange, self._clock.timestamp(), number, action)
        self._flush()

    def left(self, number: int) -> None:
        """A client is gone."""
        self._clients.pop(number, None)

    # ------------------------------------------------------------ FastAGI servers

    async def _open_agi(self, order: AgiOpen) -> None:
        try:
            await self._loop.create_connection(
                lambda: AgiConnection(self, order.session, order.request), order.host, order.port
            )
        except OSError:
            self._do(lambda: self.exchange.agi.failed(order.session))

    def agi_connected(self, connection: AgiConnection, session: int) -> None:
        """A FastAGI server took the connection."""
        self._agi[session] = connection
        self._do(lambda: self.exchange.agi.connected(session))

    def agi_line(self, session: int, line: str) -> None:
        """A FastAGI server sent a command."""
        self._do(lambda: self.exchange.agi.line(session, line))

    def agi_closed(self, session: int) -> None:
        """A FastAGI server ended its session, or was told to."""
        if self._agi.pop(session, None) is not None:
            self._do(lambda: self.exchange.agi.closed(session))
