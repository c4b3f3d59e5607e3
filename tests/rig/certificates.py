"""Certificates of the test's own making, by the openssl program."""

import shutil
import subprocess
from pathlib import Path

import pytest


def _openssl(*words: object) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def make_key(folder: Path, name: str = "key") -> Path:
    """A private key as NAME.pem."""
    path = folder / f"{name}.pem"
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
    return path


def make_certificate(folder: Path, key: Path, name: str = "certificate", *, days: int = 90, host: str = "") -> Path:
    """A certificate of 127.0.0.1, localhost and ``host`` signed by its own key; with negative ``days`` it is over."""
    path, request, extra = folder / f"{name}.pem", folder / f"{name}.csr", folder / f"{name}.ext"
    extra.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost" + (f",DNS:{host}" if host else ""))
    _openssl("req", "-new", "-key", key, "-subj", f"/CN={host or 'localhost'}", "-out", request)
    _openssl("x509", "-req", "-in", request, "-signkey", key, "-days", days, "-extfile", extra, "-out", path)
    return path


def make_authority(folder: Path) -> tuple[Path, Path]:
    """An authority's certificate and key."""
    key = make_key(folder, "authority-key")
    path = folder / "authority.pem"
    extra = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    _openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=Test authority", "-days", 2, *extra, "-out", path)
    return path, key


def make_issued(folder: Path, authority: tuple[Path, Path], key: Path, address: str) -> Path:
    """A certificate of an IP address, issued by the authority."""
    path, request, extra = (folder / f"issued.{kind}" for kind in ("pem", "csr", "ext"))
    extra.write_text(f"subjectAltName=IP:{address}\nextendedKeyUsage=serverAuth\n")
    _openssl("req", "-new", "-key", key, "-subj", f"/CN={address}", "-out", request)
    by = ("-CA", authority[0], "-CAkey", authority[1], "-CAcreateserial")
    _openssl("x509", "-req", "-in", request, *by, "-days", 2, "-extfile", extra, "-out", path)
    return path


def trust(home: Path, authority: Path) -> None:
    """Have a Chromium with this HOME trust the authority."""
    if shutil.which("certutil") is None:
        pytest.skip("certutil is not installed (Debian: libnss3-tools)")
    place = home / ".pki/nssdb"
    place.mkdir(parents=True)
    for words in (("-N", "--empty-password"), ("-A", "-t", "C,,", "-n", "test authority", "-i", str(authority))):
        subprocess.run(["certutil", "-d", f"sql:{place}", *words], check=True, capture_output=True)
