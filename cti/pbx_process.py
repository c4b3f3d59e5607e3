"""Runs an Asterisk of ours from its run folder, and finds it again after our own death.

Asterisk outlives us on purpose: it runs in a session of its own, so calls survive a ``kill -9`` of the server. The next
start finds it by the pid file and adopts it when its configuration is the same (reloading what a reload is enough for);
otherwise it is ended first. A pid is believed only when /proc says that this process runs with our configuration file.
"""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Collection
from pathlib import Path

import structlog

from contactcenter.core.errors import Unavailable
from cti.installation import Installation
from cti.provision import PbxSettings, RunFolder

log = structlog.get_logger(__name__)

AMI_ADDRESS = "127.0.0.1"  # whatever phones and trunks are bound to: AMI is unencrypted
BOOT_SECONDS = 30.0
STOP_SECONDS = 5.0
_POLL_SECONDS = 0.05
_KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM)


class PbxProcess:
    """One Asterisk; ``start`` and ``stop`` are idempotent. Owned by bootstrap, not shared between tasks."""

    def __init__(self, installation: Installation, settings: PbxSettings, run_folder: RunFolder) -> None:
        self.installation = installation
        self.settings = settings
        self.run_folder = run_folder
        self.was_adopted = False
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the running Asterisk of this run folder, else None; ours is known without its pid file too."""
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        return running_pid(self.run_folder)

    @property
    def is_running(self) -> bool:
        """Whether an Asterisk runs with this folder's configuration."""
        return self.pid is not None

    async def start(self) -> None:
        """Start Asterisk, or adopt the one that runs; return when it is fully booted and AMI answers.

        Raises:
            Unavailable: ``asterisk-not-started`` with ``reason`` (last lines of its log) or ``port-in-use``.
        """
        self.was_adopted = await self._adopt()
        if not self.was_adopted:
            await self.stop()
            self._require_free_ports()
            self._launch()
        await self._wait_booted()
        log.info("asterisk-ready", pid=self.pid, adopted=self.was_adopted, version=self.installation.version)

    async def stop(self) -> None:
        """End the Asterisk of this run folder, also one that an earlier server left behind."""
        pid = self.pid
        if pid is not None and not await self._signal_and_wait(pid, signal.SIGTERM):
            log.warning("asterisk-killed", pid=pid)
            await self._signal_and_wait(pid, signal.SIGKILL)
        if self._child is not None:
            self._child.wait(timeout=1)  # it has ended: this only takes its exit code
            self._child = None
        self.run_folder.pid_file.unlink(missing_ok=True)
        self.run_folder.started_with.unlink(missing_ok=True)

    async def reload(self) -> None:
        """Let Asterisk read endpoints, trunks, dialplan, queue and music again; calls go on."""
        for command in ("module reload res_pjsip.so", "dialplan reload", "queue reload all", "moh reload"):
            await self.console(command)
        self._remember()

    async def console(self, command: str) -> str:
        """Run a console command on the running Asterisk and return what it printed."""
        process = await asyncio.create_subprocess_exec(
            str(self.installation.executable),
            *("-C", str(self.run_folder.main_config), "-rx", command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise Unavailable("asterisk-console", {"reason": output.decode(errors="replace").strip()})
        return output.decode(errors="replace")

    async def _adopt(self) -> bool:
        if not self.is_running or not self.run_folder.started_with.exists():
            return False
        started, _, loaded = self.run_folder.started_with.read_text().partition(" ")
        if started != self.run_folder.config_hash():
            log.info("asterisk-restart", reason="configuration changed")
            return False
        if loaded != self.run_folder.reload_hash():
            await self.reload()
        return True

    def _remember(self) -> None:
        text = f"{self.run_folder.config_hash()} {self.run_folder.reload_hash()}"
        self.run_folder.started_with.write_text(text)

    def _require_free_ports(self) -> None:
        wanted = {
            "ami": (self.settings.ami_port, socket.SOCK_STREAM),
            "sip-udp": (self.settings.sip_port, socket.SOCK_DGRAM),
            "sip-tcp": (self.settings.sip_port, socket.SOCK_STREAM),
            "http": (self.settings.http_port, socket.SOCK_STREAM),
        }
        for use, (port, kind) in wanted.items():
            others = {"ami": AMI_ADDRESS, "http": self.settings.http_address}
            address = others.get(use, self.settings.bind_address)
            if not _is_free(address, port, kind):
                raise Unavailable("port-in-use", {"use": use, "port": port})

    def _launch(self) -> None:
        # Not asyncio's subprocess: that one kills its child when its loop or transport goes, and calls must survive us.
        self._remember()
        with (self.run_folder.log / "console.log").open("ab") as console:
            self._child = subprocess.Popen(
                [str(self.installation.executable), "-f", "-C", str(self.run_folder.main_config)],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )

    async def _wait_booted(self) -> None:
        try:
            async with asyncio.timeout(BOOT_SECONDS):
                while not await self._has_booted():
                    if self._child is not None and self._child.poll() is not None:
                        raise Unavailable("asterisk-not-started", {"reason": self._last_words()})
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise Unavailable("asterisk-not-started", {"reason": "time is up: " + self._last_words()}) from None

    async def _has_booted(self) -> bool:
        """Log in over AMI: FullyBooted comes at once, or when the boot is done."""
        try:
            reader, writer = await asyncio.open_connection(AMI_ADDRESS, self.settings.ami_port)
        except OSError:
            return False
        try:
            return await self._await_fully_booted(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return False
        finally:
            writer.close()

    async def _await_fully_booted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        login = f"Action: Login\r\nUsername: {self.settings.ami_user}\r\nSecret: {self.settings.ami_secret}\r\n\r\n"
        writer.write(login.encode())
        while True:
            message = await reader.readuntil(b"\r\n\r\n")
            if b"Response: Error" in message:
                raise Unavailable("asterisk-not-started", {"reason": "AMI refused our login"})
            if b"Event: FullyBooted" in message:
                return True

    def _last_words(self) -> str:
        for file in (self.run_folder.log / "console.log", self.run_folder.messages):
            if file.exists() and (text := file.read_text(errors="replace").strip()):
                return text.splitlines()[-1][:300]
        return "no output"

    async def _signal_and_wait(self, pid: int, number: signal.Signals) -> bool:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        return await _until(lambda: not _is_alive(pid), STOP_SECONDS)


def running_pid(run_folder: RunFolder) -> int | None:
    """Return the pid of the Asterisk that runs with ``run_folder``'s configuration, else None."""
    try:
        pid = int(run_folder.pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if _is_ours(pid, run_folder.main_config) else None


def free_ports(
    count: int,
    address: str = "127.0.0.1",
    low: int = 20000,
    high: int = 24999,
    without: Collection[int] = (),
) -> list[int]:
    """Return ``count`` ports in [low, high] that are free for TCP and UDP now; nobody reserves them for us.

    ``without``: ports that somebody will want though nobody holds them yet.

    Raises:
        Unavailable: ``no-free-port``.
    """
    found: list[int] = []
    # Processes started together should not try the same ports first.
    start = os.getpid() * 37 % (high - low + 1)
    for offset in range(high - low + 1):
        port = low + (start + offset) % (high - low + 1)
        if port not in without and all(_is_free(address, port, kind) for kind in _KINDS):
            found.append(port)
        if len(found) == count:
            return found
    raise Unavailable("no-free-port", {"low": low, "high": high})


def _is_free(address: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


def _is_ours(pid: int, main_config: Path) -> bool:
    """Whether ``pid`` lives (a zombie does not) and runs with ``main_config``: pids are used again."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(main_config) in words


def _is_alive(pid: int) -> bool:
    """Whether ``pid`` still runs; on its way out it loses its command line before its sockets.

    Its first thread may be dead (a zombie) while others still end, and the sockets are theirs, too.
    """
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in {"Z", "X"} or len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


async def _until(condition: Callable[[], bool], seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - the end of a process that need not be our child
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        return False
    return True
