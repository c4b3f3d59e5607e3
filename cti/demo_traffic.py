"""Customers and desk phones for the demo, on a second Asterisk joined to ours by a SIP trunk.

They live apart so that their halves of the calls do not show in our events, counts and CEL. Customers ring, press a
digit, wait, talk, or give up, as a seeded random draws it; the phones at ``agent_contact_uri`` pick up and talk, and so
do customers who are called, by any number.
"""

import asyncio
import random
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from contactcenter.core.errors import ActionFailed, Invalid, OutcomeUnknown, Unavailable
from contactcenter.core.tasks import TaskSupervisor
from cti import provision
from cti.ami.client import AmiClient, AmiSettings
from cti.ami.codec import Message
from cti.ami.link import LinkState
from cti.installation import Installation
from cti.pbx_process import PbxProcess
from cti.provision import PbxSettings, TrunkSettings

log = structlog.get_logger(__name__)

CONTEXT_PHONES = "cc-demo-phones"
CONTEXT_CUSTOMER = "cc-demo-customer"
PHONE_PREFIX = "phone"
TRUNK_TO_MAIN = "main"
TRUNK_TO_DEMO = "demo"
SERVER_ID = "demo"
RING_SECONDS = 40

_NUMBER = re.compile(r"\+?[0-9]{2,15}")
_DIGITS = re.compile(r"[0-9*#]{0,10}")
_NOT_IN_NAME = re.compile(r"[^\w .'-]")


class Level(StrEnum):
    """How much the customers call."""

    NONE = "none"
    LIGHT = "light"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two calls on average (exponential), and how many may be up at once."""

    mean_gap: float
    at_once: int


PACES = {Level.LIGHT: Pace(15.0, 3), Level.BUSY: Pace(3.0, 12)}


@dataclass(frozen=True, slots=True)
class DemoCaller:
    """A customer's number and name as his phone shows them."""

    number: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSettings:
    """``dialed``: our number; ``menu``: what a customer may press ('' = nothing); times are seconds.

    A phone is not answered in ``no_answer_percent`` of 100 calls; a customer's is busy half as often as that.
    """

    callers: Sequence[DemoCaller]
    dialed: str = "1000"
    menu: Sequence[str] = ("1", "2")
    level: Level = Level.LIGHT
    seed: int = 1
    menu_delay: int = 3
    talk_low: int = 8
    talk_high: int = 30
    no_answer_percent: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings(TrafficSettings):
    """What the second Asterisk needs besides; there are ``phones`` of them, from 1."""

    ami_port: int
    sip_port: int
    http_port: int
    ami_secret: str
    rtp_start: int = 11000
    rtp_end: int = 11999
    phones: int = 40


@dataclass(frozen=True, slots=True)
class DemoCall:
    """One customer's plan: press ``digits`` after ``delay``, wait ``patience``, talk ``talk_time`` seconds."""

    caller: DemoCaller
    digits: str
    delay: int
    patience: int
    talk_time: int


def draw_call(rng: random.Random, settings: TrafficSettings, free: Sequence[DemoCaller]) -> DemoCall:
    """Return the next customer's plan, of those ``free``: of 20, one leaves in the menu, three give up in the queue."""
    caller = rng.choice(free)
    lot = rng.randrange(20)
    patience = 180
    if lot == 0:
        return DemoCall(caller, "", rng.randint(1, settings.menu_delay), 0, 1)
    if lot <= 3:
        patience = rng.randint(8, 25)
    talk_time = rng.randint(settings.talk_low, 2 * settings.talk_high)
    return DemoCall(caller, rng.choice(settings.menu), settings.menu_delay, patience, talk_time)


class Traffic(ABC):
    """Customers who call, as often as the level says; where they call from is the subclass's affair."""

    def __init__(self, settings: TrafficSettings, tasks: TaskSupervisor) -> None:
        """Raise Invalid for numbers or digits that are none."""
        _validate(settings)
        self.settings = settings
        self.calls_started = 0
        self._tasks = tasks
        self._rng = random.Random(settings.seed)
        self._up: dict[str, DemoCaller] = {}
        self._calling: asyncio.Task[None] | None = None

    @property
    def calls_up(self) -> int:
        """Customers' calls that are up or ringing now."""
        return len(self.up)

    @property
    def up(self) -> Mapping[str, DemoCaller]:
        """The customers whose calls are up or ringing, by leg."""
        return self._up

    @property
    @abstractmethod
    def is_live(self) -> bool:
        """Whether customers can call."""

    @abstractmethod
    async def call(self, plan: DemoCall) -> str:
        """Let one customer call now; return the id of his leg where he calls from.

        Raises:
            Unavailable, ActionFailed, OutcomeUnknown: as AmiClient.send.
        """

    def begin(self) -> None:
        """From now on customers call, unless the level is none."""
        if self.settings.level in PACES:
            self._calling = self._tasks.keep("demo-traffic", self._call_for_ever)

    async def stop(self) -> None:
        """Let no more customers call."""
        if self._calling is not None:
            self._calling.cancel()
            await asyncio.wait([self._calling])

    async def _call_for_ever(self) -> None:
        pace = PACES[self.settings.level]
        while True:
            busy = set(self.up.values())
            free = [caller for caller in self.settings.callers if caller not in busy]
            if free and len(busy) < pace.at_once and self.is_live:
                await self._try_call(draw_call(self._rng, self.settings, free))
            await asyncio.sleep(self._rng.expovariate(1 / pace.mean_gap))

    async def _try_call(self, plan: DemoCall) -> None:
        try:
            await self.call(plan)
        except (Unavailable, ActionFailed, OutcomeUnknown) as error:
            log.warning("demo-call-failed", error=error.code)


class DemoTraffic(Traffic):
    """The second Asterisk and the customers who call from it. Owned by bootstrap; ``start`` and ``stop`` once each."""

    settings: DemoSettings

    def __init__(
        self, settings: DemoSettings, installation: Installation, run_folder: Path, tasks: TaskSupervisor
    ) -> None:
        super().__init__(settings, tasks)
        self._installation = installation
        self._run_folder = run_folder
        self._process: PbxProcess | None = None
        self._client: AmiClient | None = None

    @property
    def trunk(self) -> TrunkSettings:
        """What our Asterisk's settings must list for the customers to come in."""
        return TrunkSettings(TRUNK_TO_DEMO, "127.0.0.1", self.settings.sip_port)

    def agent_contact_uri(self, number: int) -> str:
        """Where the demo's desk phone ``number`` rings: an EndpointSettings.contact_uri."""
        return f"sip:{PHONE_PREFIX}{number}@127.0.0.1:{self.settings.sip_port}"

    @property
    def is_live(self) -> bool:
        """Whether customers can call: the link to the second Asterisk is up."""
        return self._client is not None and self._client.state is LinkState.LIVE

    async def start(self, main: PbxSettings) -> None:
        """Start the second Asterisk, joined to ``main``, and the customers.

        Raises:
            Unavailable: as PbxProcess.start.
        """
        pbx = self._pbx_settings(main)
        overrides = {"contactcenter_extensions.conf": self._dialplan()}
        folder = provision.write_run_folder(pbx, self._installation, self._run_folder, overrides)
        self._process = PbxProcess(self._installation, pbx, folder)
        await self._process.start()
        self._client = self._connect()
        self._client.start()
        self.begin()

    async def stop(self) -> None:
        """End the customers, their calls and their Asterisk."""
        await super().stop()
        if self._client is not None:
            await self._client.close()
        if self._process is not None:
            await self._process.stop()

    async def call(self, plan: DemoCall) -> str:
        """Let one customer call now; return the id of his leg on the second Asterisk."""
        if self._client is None:
            raise Unavailable("demo-not-started")
        self.calls_started += 1
        leg_id = f"demo-{self.calls_started:08}"
        await self._client.send("Originate", self._originate(plan, leg_id))
        self._up[leg_id] = plan.caller
        return leg_id

    # ------------------------------------------------------------------ inside

    def _originate(self, plan: DemoCall, leg_id: str) -> dict[str, str | Sequence[str]]:
        name = _NOT_IN_NAME.sub("", plan.caller.name)[:40]
        return {
            "Channel": f"PJSIP/{self.settings.dialed}@{TRUNK_TO_MAIN}",
            "Context": CONTEXT_CUSTOMER,
            "Exten": "s",
            "Priority": "1",
            "CallerID": f'"{name}" <{plan.caller.number}>',
            "Timeout": str(RING_SECONDS * 1000),
            "ChannelId": leg_id,
            "Async": "true",
            "Variable": [
                f"CC_NUMBER={plan.caller.number}",
                f"CC_DIGITS={plan.digits}",
                f"CC_DELAY={plan.delay}",
                f"CC_PATIENCE={plan.patience}",
                f"CC_TALK_TIME={plan.talk_time}",
            ],
        }

    def _on_message(self, message: Message) -> None:
        if message.kind == "Hangup":
            self._up.pop(message.get("Uniqueid"), None)

    def _connect(self) -> AmiClient:
        return AmiClient(
            AmiSettings("127.0.0.1", self.settings.ami_port, "contactcenter", self.settings.ami_secret),
            on_message=self._on_message,
            on_state=lambda state, reason: None,
            tasks=self._tasks,
            rng=self._rng,
            wanted=("Hangup",),
        )

    def _pbx_settings(self, main: PbxSettings) -> PbxSettings:
        trunk = TrunkSettings(TRUNK_TO_MAIN, main.bind_address, main.sip_port, context=CONTEXT_PHONES)
        return PbxSettings(
            server_id=SERVER_ID,
            ami_port=self.settings.ami_port,
            ami_secret=self.settings.ami_secret,
            sip_port=self.settings.sip_port,
            http_port=self.settings.http_port,
            agi_port=main.agi_port,
            recordings_dir=self._run_folder / "recordings",
            rtp_start=self.settings.rtp_start,
            rtp_end=self.settings.rtp_end,
            trunks=[trunk],
        )

    def _dialplan(self) -> str:
        names = {
            "CONTEXT_PHONES": CONTEXT_PHONES,
            "CONTEXT_CUSTOMER": CONTEXT_CUSTOMER,
            "PHONE_PREFIX": PHONE_PREFIX,
        }
        return provision.render("demo/extensions.conf.j2", {"demo": names, "s_demo": self.settings})


def _validate(settings: TrafficSettings) -> None:
    """Numbers and digits become part of AMI actions and dialplan: nothing but digits may."""
    wrong = {}
    for number, caller in enumerate(settings.callers):
        if not _NUMBER.fullmatch(caller.number):
            wrong[f"callers.{number}.number"] = "format"
    if not _NUMBER.fullmatch(settings.dialed):
        wrong["dialed"] = "format"
    if not settings.callers or not settings.menu or not all(_DIGITS.fullmatch(choice) for choice in settings.menu):
        wrong["menu" if settings.callers else "callers"] = "format"
    if wrong:
        raise Invalid("demo-settings", wrong)
