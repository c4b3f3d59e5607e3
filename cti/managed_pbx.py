"""An Asterisk of our own in the data folder: its ports and secrets are chosen once and kept, so that a restarted server
finds the Asterisk that went on without it.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cti.installation import Installation, find_or_install
from cti.pbx_process import PbxProcess, free_ports
from cti.provision import EndpointSettings, PbxSettings, RunFolder, TrunkSettings, write_run_folder

DEMO_TRUNK: Final = "demo"


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


def keep_numbers(data: Path) -> Numbers:
    """Return the ports and secrets of this data folder, chosen at the first call (``pbx/numbers.json``, private)."""
    path = data / "pbx" / "numbers.json"
    if path.exists():
        known: dict[str, Any] = json.loads(path.read_text())
        return Numbers(**known)
    ami, sip, http, agi, demo_ami, demo_sip, demo_http = free_ports(7)
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


def pbx_settings(data: Path, server_id: str, numbers: Numbers, trunks: Sequence[TrunkSettings] = ()) -> PbxSettings:
    """Return the settings of our Asterisk without phones, with a trunk for the demo's customers beside ``trunks``."""
    data = data.resolve()
    return PbxSettings(
        server_id=server_id,
        ami_port=numbers.ami_port,
        ami_secret=numbers.ami_secret,
        sip_port=numbers.sip_port,
        http_port=numbers.http_port,
        agi_port=numbers.agi_port,
        recordings_dir=data / "recordings",
        rtp_start=numbers.rtp_start,
        rtp_end=numbers.rtp_start + 999,
        trunks=(TrunkSettings(DEMO_TRUNK, "127.0.0.1", numbers.demo_sip_port), *trunks),
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
    ) -> None:
        self.numbers = numbers
        self._data = data.resolve()
        self._prefix = (prefix or self._data / "pbx" / "asterisk").resolve()
        self.settings = pbx_settings(data, server_id, numbers, trunks)
        self.installation: Installation | None = None
        self.process: PbxProcess | None = None

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
        """Write changed endpoints and let Asterisk read them; calls go on."""
        assert self.installation is not None
        assert self.process is not None
        self.settings = replace(self.settings, endpoints=tuple(endpoints))
        write_run_folder(self.settings, self.installation, self.run_folder.path)
        await self.process.reload()

    async def stop(self) -> None:
        """End it."""
        if self.process is not None:
            await self.process.stop()
