"""One line of ``contactcenter check``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One thing looked at."""

    ok: bool
    name: str
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        word = "ok   " if self.ok else "WRONG"
        return f"{word} {self.name}: {self.detail}{f' -> {self.remedy}' if not self.ok and self.remedy else ''}"
