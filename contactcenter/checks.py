"""``contactcenter check``: what is reachable and what is wrong, line by line, each with what to do."""

import asyncio
import random
from dataclasses import dataclass

from agent_ui.pages import DIST
from contactcenter.bootstrap import FLOWS, ContactCenter
from contactcenter.core.errors import ContactCenterError
from contactcenter.core.migrations import is_current
from contactcenter.settings import Settings
from cti import check as pbx_check
from cti.ami import AmiClient, LinkState
from cti.ami.client import AmiSettings
from cti.managed_pbx import ManagedPbx, keep_numbers
from cti.pbx_process import running_pid
from cti.provision import PbxSettings
from ivr.loader import load_flows

CONNECT_TIME = 10.0


@dataclass(frozen=True, slots=True)
class Line:
    """One thing looked at."""

    ok: bool
    name: str
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        word = "ok   " if self.ok else "WRONG"
        return f"{word} {self.name}: {self.detail}{f' -> {self.remedy}' if not self.ok and self.remedy else ''}"


async def run_checks(settings: Settings) -> list[str]:
    """Return all lines."""
    center = ContactCenter(settings)
    lines = [Line(True, "data folder", str(settings.data.resolve())), _database(center), _flows(settings), _pages()]
    return [str(line) for line in [*lines, *await _pbx(center)]]


def _database(center: ContactCenter) -> Line:
    database = center.base.database
    current = is_current(database.engine)
    return Line(current, "database", str(database.path), "run `python -m contactcenter migrate`")


def _flows(settings: Settings) -> Line:
    folder = settings.flows or FLOWS
    flows = load_flows(folder)
    wrong = "; ".join(str(problem) for problem in flows.errors)
    return Line(not flows.errors, "call flows", wrong or f"{len(flows.flows)} in {folder}", "mend the lines named")


def _pages() -> Line:
    built = (DIST / "manifest.json").exists()
    return Line(built, "front end", "built" if built else "not built", "run scripts/build-frontend")


async def _pbx(center: ContactCenter) -> list[Line]:
    settings = center.base.settings
    mode = settings.pbx.mode
    if mode in ("auto", "asterisk", "simulated"):
        own = ManagedPbx(settings.data, center.server_id, settings.pbx.prefix, keep_numbers(settings.data))
        if running_pid(own.run_folder) is None:
            return [Line(False, "Asterisk", "not running in the data folder", "start the server: scripts/run")]
        ami = AmiSettings("127.0.0.1", own.settings.ami_port, own.settings.ami_user, own.settings.ami_secret)
        return await _asterisk(center, ami, own.settings)
    host, _, port = mode.rpartition(":")
    ami = AmiSettings(host, int(port), settings.pbx.ami_user, settings.pbx.ami_secret.get_secret_value())
    own = ManagedPbx(settings.data, center.server_id, None, keep_numbers(settings.data))
    return await _asterisk(center, ami, own.settings)


async def _asterisk(center: ContactCenter, ami: AmiSettings, settings: PbxSettings) -> list[Line]:
    changed = asyncio.Event()
    client = AmiClient(
        ami,
        on_message=lambda message: None,
        on_state=lambda state, reason: changed.set(),
        tasks=center.base.tasks,
        rng=random.Random(),
    )
    client.start()
    where = f"{ami.host}:{ami.port}"
    try:
        async with asyncio.timeout(CONNECT_TIME):
            while client.state is not LinkState.LIVE:
                await changed.wait()
                changed.clear()
                if client.reason == "auth-failed":
                    return [Line(False, "AMI", f"{where} refuses the login", "set pbx.ami_user and pbx.ami_secret")]
        found = await pbx_check.check(client, settings)
        return [Line(True, "AMI", where), *(Line(one.ok, one.name, one.detail, one.remedy) for one in found)]
    except TimeoutError:
        return [Line(False, "AMI", f"{where}: {client.reason or 'no answer'}", "is Asterisk running and reachable?")]
    except ContactCenterError as error:
        return [Line(False, "AMI", str(error), "see the PBX's log")]
    finally:
        await client.close()
        await center.base.tasks.close()
