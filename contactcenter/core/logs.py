"""Where log lines go. One that cannot be written is lost and counted; it never stops what wanted to tell it.

stderr is often a file: on a full disk each line would raise there, in the midst of a commit or of a call.
"""

from typing import Any, TextIO


class LogStream:
    """Takes what a logger prints to ``stream``; ``lost`` counts the writes that failed since the last that did not."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = 0

    def write(self, text: str) -> int:
        """Write it if that can be done."""
        self._tried(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Bring it to where it belongs, if that can be done."""
        self._tried(self._stream.flush)

    def _tried(self, act: Any, *values: str) -> None:
        try:
            act(*values)
        except (OSError, ValueError):  # full, gone, closed
            self.lost += 1
        else:
            self.lost = 0
