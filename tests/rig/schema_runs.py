"""Schemathesis on a running server: every operation of our own OpenAPI document, by values it allows and others.

A program of its own, run as an administrator whose token no request can reach. It fails for a 5xx, and for a status, a
content type or a body the document does not declare.
"""

import asyncio
import os
import sys
from pathlib import Path

from contactcenter.core.permissions import Right
from tests.rig.server import Server

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
LEFT_OUT = "session|/users/|/tokens/"
"""Operations by which the run would lock itself out; ``fuzz_requests`` does those."""


async def run_schemathesis(server: Server, *, examples: int, seed: int, folder: Path, limit: float) -> tuple[int, str]:
    """Return the exit code (0: nothing found) and what it printed; ``examples`` for each operation and phase."""
    rights = [one.value for one in Right if one not in (Right.PUBLIC, Right.SIGNED_IN)]
    body = {"name": "schemathesis", "rights": rights}
    token = (await server.api("POST", "/tokens", body))["token"]
    words = (
        *("run", f"{server.url}/api/v1/openapi.json", "--header", f"Authorization: Bearer {token}"),
        *("--checks", CHECKS, "--exclude-path-regex", LEFT_OUT, "--suppress-health-check", "all"),
        *("-n", str(examples), "--seed", str(seed), "--workers", "1", "--phases", "coverage,fuzzing"),
    )
    program = Path(sys.executable).with_name("st")
    env = {**os.environ, "NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        program, *words, cwd=folder, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=-1, stderr=-2
    )
    try:
        told, _ = await asyncio.wait_for(process.communicate(), limit)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, told.decode(errors="replace").replace(token, "...")
