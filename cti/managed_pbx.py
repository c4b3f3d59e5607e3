"""An Asterisk of our own in the data folder: its ports and secrets are chosen once and kept, so that a restarted server
finds the Asterisk that went on without it. One that dies is started again; one that is frozen is left alone: its calls
may come back with it.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import structlog

from contactcenter.core.errors import ContactCenterError
from contactcenter.core.tasks import TaskSupervisor
from cti.installation import Installation, find_or_install
from cti.pbx_process import PbxProcess, free_ports
from cti.provision import EndpointSettings, MediaSettings, PbxSettings, RunFolder, TrunkSettings, write_run_folder

log = structlog.get_logger(__name__)

DEMO_TRUNK: Final = "demo"
WATCH_SECONDS: Final = 0.25
RESTART_PAUSES: Final = (0.0, 1.0, 2.0, 5.0)
"""Seconds before each try to start an Asterisk that died; the last one repeats."""
STEADY_SECONDS: Final = 60.0
"""One that ran this long is started at once when it dies, however often it died before."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was chosen for this data folder."""

    ami_port: int
    sip_port: int
    http_port: int
    agi_port: int
    demo_ami_port: int
    demo_sip_port: int
    demo_http_port: int
    rtp_start: int
    ami_secret: str
    demo_secret: str


def kept_numbers(data: Path) -> Numbers | None:
    """Return the ports and secrets chosen for this data folder; None before its first start."""
    try:
        known: dict[str, Any] = json.loads(_numbers_file(data).read_text())
    except FileNotFoundError:
        return None
    return Numbers(**known)


def _numbers_file(data: Path) -> Path:
    return data / "pbx" / "numbers.json"


def keep_numbers(data: Path, http_port: int) -> Numbers:
    """Return the ports and secrets of this data folder, chosen at the first call (``pbx/numbers.json``, private).

    ``http_port``: the server's own, which it takes only later.
    """
    known = kept_numbers(data)
    if known is not None:
        return known
    path = _numbers_file(data)
    ami, sip, http, agi, demo_ami, demo_sip, demo_http = free_ports(7, without=(http_port,))
    numbers = Numbers(ami, sip, http, agi, demo_ami, demo_sip, demo_http, _rtp_start(ami), _secret(), _secret())
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(json.dumps({name: getattr(numbers, name) for name in numbers.__slots__}))
    return numbers


def _rtp_start(port: int) -> int:
    """Return the start of an even range of 1,000 ports, different for most data folders."""
    return 10_000 + (port * 7 % 8) * 1000


def _secret() -> str:
    return secrets.token_hex(20)


def pbx_settings(
    data: Path,
    server_id: str,
    numbers: Numbers,
    trunks: Sequence[TrunkSettings] = (),
    bind_address: str = "127.0.0.1",
    external_address: str | None = None,
    media: MediaSettings = MediaSettings(),
    rtp: tuple[int, int] | None = None,
    is_websocket_local: bool = False,
) -> PbxSettings:
    """Return the settings of our Asterisk without phones, with a trunk for the demo's customers behind ``trunks``.

    ``rtp``: first and last port of sound; None takes the range chosen for this data folder.
    """
    data = data.resolve()
    rtp_start, rtp_end = rtp or (numbers.rtp_start, numbers.rtp_start + 999)
    return PbxSettings(
        server_id=server_id,
        ami_port=numbers.ami_port,
        ami_secret=numbers.ami_secret,
        sip_port=numbers.sip_port,
        http_port=numbers.http_port,
        agi_port=numbers.agi_port,
        recordings_dir=data / "recordings",
        rtp_start=rtp_start,
        rtp_end=rtp_end,
        bind_address=bind_address,
        is_websocket_local=is_websocket_local,
        external_address=external_address,
        media=media,
        trunks=(*trunks, TrunkSettings(DEMO_TRUNK, "127.0.0.1", numbers.demo_sip_port)),
    )


class ManagedPbx:
    """The process, its settings and its run folder."""

    def __init__(
        self,
        data: Path,
        server_id: str,
        prefix: Path | None,
        numbers: Numbers,
        trunks: Sequence[TrunkSettings] = (),
        bind_address: str = "127.0.0.1",
        external_address: str | None = None,
        media: MediaSettings = MediaSettings(),
        rtp: tuple[int, int] | None = None,
        is_websocket_local: bool = False,
    ) -> None:
        self.numbers = numbers
        self._data = data.resolve()
        self._prefix = (prefix or self._data / "pbx" / "asterisk").resolve()
        addresses = (bind_address, external_address, media, rtp, is_websocket_local)
        self.settings = pbx_settings(data, server_id, numbers, trunks, *addresses)
        self.installation: Installation | None = None
        self.process: PbxProcess | None = None
        self.restarts = 0
        self.not_running = ""
        """Why it is not running though it should; '' while all is well."""
        self._keeper: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()  # a reload must not meet a start

    @property
    def run_folder(self) -> RunFolder:
        """Where its configuration and files are."""
        return RunFolder(self._data / "pbx" / "run")

    async def start(self, endpoints: Sequence[EndpointSettings]) -> None:
        """Install if need be, write the configuration, start or adopt. Raises Unavailable with a reason."""
        self.installation = await find_or_install(self._prefix)
        self.settings = replace(self.settings, endpoints=tuple(endpoints))
        run_folder = write_run_folder(self.settings, self.installation, self.run_folder.path)
        self.process = PbxProcess(self.installation, self.settings, run_folder)
        await self.process.start()

    async def provision(self, endpoints: Sequence[EndpointSettings]) -> None:
        """Write changed endpoints and let Asterisk read them; calls go on. One that is down reads them at its start."""
        assert self.installation is not None
        assert self.process is not None
        async with self._changing:
            self.settings = replace(self.settings, endpoints=tuple(endpoints))
            write_run_folder(self.settings, self.installation, self.run_folder.path)
            if self.process.is_running:
                await self.process.reload()

    def keep_running(self, tasks: TaskSupervisor) -> None:
        """From now on start it again whenever it dies, until ``stop``."""
        self._keeper = tasks.keep("pbx-keeper", self._keep_running)

    async def _keep_running(self) -> None:
        assert self.process is not None
        tries, steady = 0, 0.0
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self.process.is_running:
                steady += WATCH_SECONDS
                tries = 0 if steady >= STEADY_SECONDS else tries
                continue
            self.not_running = self.not_running or "died"
            log.error("asterisk-died", tries=tries, reason=self.not_running)
            await asyncio.sleep(RESTART_PAUSES[min(tries, len(RESTART_PAUSES) - 1)])
            tries, steady = tries + 1, 0.0
            await self._start_again(self.process)

    async def _start_again(self, process: PbxProcess) -> None:
        async with self._changing:
            try:
                await process.start()
            except (ContactCenterError, OSError) as error:
                self.not_running = str(error)
                log.error("asterisk-not-restarted", reason=self.not_running)
                return
        self.restarts += 1
        self.not_running = ""

    async def stop(self) -> None:
        """End it, and the watch over it."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self.process is not None:
            await self.process.stop()
