"""The media customers reach us on, by their words."""

from collections.abc import Mapping
from typing import Final

VOICE: Final = "voice"
MOST: Final[Mapping[str, int]] = {VOICE: 1, "chat": 20, "email": 50}
"""Each medium with the most of its interactions one agent may be given at once; one call until there are second calls
and conferences."""
