"""A throw-away Redis: one server in a folder of its own, run by a user without rights, on a free port of loopback.

It keeps nothing on disk. Ends only the process it started.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from tempfile import mkdtemp

from tests.rig.ports import free_ports

BINARY = shutil.which("redis-server")
"""None where there is none."""


class RedisServer:
    """One server; the port stays its own over ``stop`` and ``start``."""

    def __init__(self, password: str = "") -> None:
        self.folder = Path(mkdtemp(prefix="cc-redis-"))
        self.port = free_ports(2)
        self.tls_port = self.port + 1
        self.process: subprocess.Popen | None = None
        self.password = password
        self._user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self.folder.chmod(0o700)
        os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    @property
    def socket_path(self) -> Path:
        return self.folder / "redis.sock"

    def url_at(self, port: int) -> str:
        secret = f":{self.password}@" if self.password else ""
        return f"redis://{secret}127.0.0.1:{port}/0"

    def start(self, tls: tuple[Path, Path] | None = None) -> None:
        """Start it and wait until it answers. ``tls``: a certificate and its key, served on ``tls_port``."""
        assert BINARY is not None
        words = (
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--daemonize", "no"),
            *("--save", "", "--appendonly", "no", "--unixsocket", str(self.socket_path)),
            *(("--requirepass", self.password) if self.password else ()),
            *(self._tls(*tls) if tls else ()),
        )
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [BINARY, *words],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self._user.pw_uid,
                group=self._user.pw_gid,
                extra_groups=[],
            )
        limit = time.monotonic() + 10
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < limit, (self.folder / "log").read_text()
            time.sleep(0.01)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, also when it is frozen."""
        if self.process is not None:
            self.process.send_signal(how)
            self.thaw()
            self.process.wait(10)
            self.process = None

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it stand still: connections stay, nothing is answered."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _tls(self, *files: Path) -> tuple[str, ...]:
        certificate, key = (Path(shutil.copy(file, self.folder)) for file in files)
        for file in (certificate, key):
            file.chmod(0o400)
            os.chown(file, self._user.pw_uid, self._user.pw_gid)
        words = ("--tls-port", str(self.tls_port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key))
        return (*words, "--tls-auth-clients", "no")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False
