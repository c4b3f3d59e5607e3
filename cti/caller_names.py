r"""A caller's name as he meant it: the escapes that SIP and the manager interface put around it are taken off.

A quote in a SIP display name travels as ``\"`` (RFC 3261, 25.1, quoted-pair) and Asterisk keeps the backslash. Its
channel events escape the name once more, C style (``ast_escape_c``), the FastAGI request does not. Pure.
"""

import re
from typing import Final

_ESCAPE: Final = re.compile(r"\\(.)")
_CONTROLS: Final = dict.fromkeys("abfnrtv", " ")


def from_events(name: str) -> str:
    """Return the name of a channel event (CallerIDName)."""
    return from_request(_ESCAPE.sub(lambda found: _CONTROLS.get(found[1], found[1]), name))


def from_request(name: str) -> str:
    """Return the name of a FastAGI request (agi_calleridname)."""
    return _ESCAPE.sub(r"\1", name)
