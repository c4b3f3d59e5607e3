"""Finds an Asterisk on this machine or unpacks one into a folder of ours (config/asterisk/install.sh)."""

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import structlog

from contactcenter.core.errors import Unavailable

log = structlog.get_logger(__name__)

SCRIPT = Path(__file__).resolve().parent.parent / "config" / "asterisk" / "install.sh"
INSTALL_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Installation:
    """An unpacked Asterisk: the program to run, its version, and where its modules, sounds and music are."""

    executable: Path
    version: str
    prefix: Path
    modules_dir: Path
    data_dir: Path


async def find_or_install(prefix: Path, script: Path = SCRIPT) -> Installation:
    """Return the Asterisk under ``prefix``, unpacked there first if need be (about 10 s and 184 MB).

    Raises:
        Unavailable: ``asterisk-not-installable`` with ``reason``, one line for people.
    """
    executable = prefix / "asterisk"
    if not os.access(executable, os.X_OK):
        await _install(prefix, script)
    code, output = await _run(str(executable), "-V")
    if code != 0:
        raise Unavailable("asterisk-not-installable", {"reason": _last_line(output), "prefix": str(prefix)})
    return Installation(executable, output.strip(), prefix, _modules_dir(prefix), prefix / "usr/share/asterisk")


async def _install(prefix: Path, script: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        raise Unavailable("asterisk-not-installable", {"reason": "no bash on this machine"})
    log.info("asterisk-installing", prefix=str(prefix))
    code, output = await _run(bash, str(script), str(prefix))
    if code != 0:
        raise Unavailable("asterisk-not-installable", {"reason": _last_line(output), "exit_code": code})


async def _run(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(INSTALL_SECONDS):
            output, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, output.decode(errors="replace")


def _modules_dir(prefix: Path) -> Path:
    found = sorted(prefix.glob("usr/lib/*/asterisk/modules"))
    if not found:
        raise Unavailable("asterisk-not-installable", {"reason": "no modules folder", "prefix": str(prefix)})
    return found[0]


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1] if lines else "no output"
