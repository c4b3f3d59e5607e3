"""A bare Asterisk for trying the rig itself: one process in a run folder of its own, configured by the caller's files.

Not the project's way of running Asterisk (that one provisions include files); it stands apart so that the rig and the
oracle can be proven without any code under test.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

_CACHE = Path(os.environ.get("CONTACTCENTER_CACHE") or Path.home() / ".cache/contactcenter")
PREFIX = Path(os.environ.get("ASTERISK_PREFIX") or _CACHE / "asterisk22")
"""Where scripts/test puts Asterisk when nobody says otherwise."""
_LIBRARY = "usr/lib/x86_64-linux-gnu/asterisk/modules"
_NOLOAD = ("*odbc*", "*pgsql*", "*radius*", "*tds*", "chan_iax2.so", "chan_unistim.so", "pbx_dundi.so", "res_hep*")


def _asterisk_conf(run: Path) -> str:
    places = {
        "astetcdir": run / "etc",
        "astmoddir": PREFIX / _LIBRARY,
        "astvarlibdir": run / "lib",
        "astdbdir": run / "lib",
        "astkeydir": run / "keys",
        "astdatadir": PREFIX / "usr/share/asterisk",
        "astagidir": run / "lib",
        "astspooldir": run / "spool",
        "astrundir": run / "run",
        "astlogdir": run / "log",
    }
    lines = [f"{name} => {path}" for name, path in places.items()]
    return "\n".join(["[directories]", *lines, "[options]", "systemname = rig", "verbose = 3", ""])


def _modules_conf() -> str:
    refused = sorted(path.name for pattern in _NOLOAD for path in (PREFIX / _LIBRARY).glob(pattern))
    return "\n".join(["[modules]", "autoload=yes", *(f"noload => {name}" for name in refused), ""])


def write_config(run: Path, files: Mapping[str, str]) -> None:
    """Lay out the run folder: every directory Asterisk writes to, and ``files`` (name -> text) in its etc."""
    for name in ("etc", "lib", "keys", "spool/monitor", "run", "log/cel-custom"):
        (run / name).mkdir(parents=True, exist_ok=True)
    ours = {
        "asterisk.conf": _asterisk_conf(run),
        "modules.conf": _modules_conf(),
        "logger.conf": "[general]\n[logfiles]\nmessages => notice,warning,error,verbose\n",
    }
    for name, text in {**ours, **files}.items():
        (run / "etc" / name).write_text(text)


class Asterisk:
    """One running Asterisk; ends only its own process, by its id."""

    def __init__(self, run: Path, process: asyncio.subprocess.Process) -> None:
        self.run = run
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def command(self, text: str) -> str:
        """Run one console command and return what it prints."""
        conf = str(self.run / "etc/asterisk.conf")
        asked = await asyncio.create_subprocess_exec(
            str(PREFIX / "asterisk"), "-C", conf, "-rx", text, stdout=-1, stderr=-2, stdin=-3
        )
        out, _ = await asyncio.wait_for(asked.communicate(), 20)
        return out.decode(errors="replace")

    async def wait_booted(self, limit: float = 20) -> None:
        """Return once every module is loaded. Raises TimeoutError, or RuntimeError when the process ended."""
        async with asyncio.timeout(limit):
            while "fully booted" not in (await self.command("core waitfullybooted")).lower():
                if self._process.returncode is not None:
                    raise RuntimeError(f"Asterisk ended with {self._process.returncode}, see {self.run}/log")
                await asyncio.sleep(0.1)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the process; SIGKILL when it does not go in 5 s."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(how)
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def bare_asterisk(run: Path, files: Mapping[str, str]) -> AsyncIterator[Asterisk]:
    """Start an Asterisk in ``run`` with the given configuration files, ready for calls; stop it at the end."""
    write_config(run, files)
    with (run / "log/console").open("wb") as console:
        process = await asyncio.create_subprocess_exec(
            str(PREFIX / "asterisk"), "-f", "-C", str(run / "etc/asterisk.conf"), stdout=console, stderr=-2, stdin=-3
        )
    asterisk = Asterisk(run, process)
    try:
        await asterisk.wait_booted()
        yield asterisk
    finally:
        await asterisk.stop()
