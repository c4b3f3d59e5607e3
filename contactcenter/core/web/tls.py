"""HTTPS of our own: a certificate and its key from files, proven at the start, taken anew when the files change.

Whether they are any good is found out by using them: a handshake with ourselves in memory. It tells a key that does not
belong to the certificate, and one that is not meant for servers. One whose date is past, or not yet there, serves all
the same, and is told loudly: browsers warn, but a contact center is not to stay closed because of a date.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import structlog

from contactcenter.core.clock import Clock, from_timestamp
from contactcenter.core.errors import Unavailable

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 10.0
SOON: Final = 14 * 86400.0
"""Seconds before its end from which on a certificate counts as degraded: renewals come 30 days ahead."""
_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h, to which the module ssl gives no name."""
_REASONS: Final = {
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
    "NO_START_LINE": "no certificate or no key in PEM form",
    "PEM_LIB": "no certificate or no key in PEM form",
}


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """The certificate, with the chain behind it, and its key: PEM, the key not encrypted."""

    certificate: Path
    key: Path

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Return what changes when the files do; links are followed."""
        found = (path.stat() for path in (self.certificate, self.key))
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)


@dataclass(frozen=True, slots=True)
class Proven:
    """A context that serves, and what its certificate says; it is valid from ``begins_at`` to ``ends_at``, epoch
    seconds.
    """

    context: ssl.SSLContext
    names: tuple[str, ...]
    begins_at: float
    ends_at: float

    def invalid(self, now: float) -> str:
        """Return what is wrong with its dates at ``now``; '' when nothing is."""
        if now < self.begins_at:
            return f"the certificate is valid from {_day(self.begins_at)} on only"
        return f"the certificate ended at {_day(self.ends_at)}" if now >= self.ends_at else ""


def prove(files: CertificateFiles) -> Proven:
    """Read the files and try them, whatever their dates. Raises Unavailable ``tls-unusable`` with file and reason."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(files.certificate, files.key, lambda: _refuse(files.key, "the key is encrypted"))
        told = _shake_hands(context, files.certificate)
    except ssl.SSLCertVerificationError as error:
        _refuse(files.certificate, error.verify_message)
    except ssl.SSLError as error:
        _refuse(files.certificate, _REASONS.get(error.reason or "", error.reason or str(error)))
    except OSError as error:
        _refuse(_unreadable(files), error.strerror or str(error))
    names = tuple(str(name) for kind, name in told.get("subjectAltName", ()) if kind in ("DNS", "IP Address"))
    begins_at, ends_at = (float(ssl.cert_time_to_seconds(str(told[name]))) for name in ("notBefore", "notAfter"))
    return Proven(context, names, begins_at, ends_at)


def _day(at: float) -> str:
    return f"{from_timestamp(at):%Y-%m-%d %H:%M} UTC"


def _refuse(file: Path, reason: str) -> NoReturn:
    raise Unavailable("tls-unusable", {"file": str(file), "reason": reason})


def _unreadable(files: CertificateFiles) -> Path:
    """Return which of the two: the error of the library names none."""
    try:
        with files.certificate.open("rb"):
            return files.key
    except OSError:
        return files.certificate


def _shake_hands(server: ssl.SSLContext, certificate: Path) -> Mapping[str, Any]:
    """Speak TLS with ourselves, trusting exactly these certificates; return what ours says."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    trusting.load_verify_locations(certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = trusting.wrap_bio(to_client, to_server)
    for side in (theirs, ours, theirs, ours):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return theirs.getpeercert() or {}


class Certificate:
    """The certificate in use. ``context`` serves for the life of the server; renewed files are put into it."""

    def __init__(self, files: CertificateFiles, clock: Clock) -> None:
        """Prove the files. Raises Unavailable ``tls-unusable``."""
        self.files = files
        self.refused = ""
        """Why the files of now are not taken; '' while they are."""
        self._clock = clock
        self._stamp = files.stamp() if files.certificate.exists() and files.key.exists() else ()
        self._proven = prove(files)
        self.context = self._proven.context
        self.context.sni_callback = self._choose
        if reason := self._proven.invalid(clock.timestamp()):
            log.error("certificate-not-valid", file=str(files.certificate), reason=reason)

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        """Give each new connection the newest certificate; asked also when the browser names no server."""
        connection.context = self._proven.context

    def degraded(self) -> list[dict[str, Any]]:
        """Return what is wrong, for health and screens."""
        now = self._clock.timestamp()
        left, invalid = self._proven.ends_at - now, self._proven.invalid(now)
        fields = {"file": str(self.files.certificate), "days": int(left // 86400), "reason": self.refused or invalid}
        if invalid:
            return [{"code": "certificate-not-valid", "since": None, "fields": fields}]
        return [{"code": "certificate-ends", "since": None, "fields": fields}] if left < SOON or self.refused else []

    async def keep(self) -> None:
        """For ever: take renewed files. Those that are no good, or half written, are looked at again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self.renew)

    def renew(self) -> bool:
        """Take the files if they changed and are good; tell whether they were taken.

        Files whose date is not right now never take the place of those whose date is.
        """
        try:
            stamp = self.files.stamp()
            if stamp == self._stamp and not self.refused:
                return False
            proven, now = prove(self.files), self._clock.timestamp()
            if (reason := proven.invalid(now)) and not self._proven.invalid(now):
                _refuse(self.files.certificate, reason)
            self._proven = proven
        except (OSError, Unavailable) as error:
            if str(error) != self.refused:
                log.error("certificate-refused", reason=str(error))
            self.refused = str(error)
            return False
        self._stamp, self.refused = stamp, ""
        log.info("certificate-renewed", ends_at=self._proven.ends_at)
        return True
