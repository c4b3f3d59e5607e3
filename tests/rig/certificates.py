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
