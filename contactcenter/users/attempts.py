"""Failed sign-ins counted per login and per network address: this process's, and those others tell of."""

from collections.abc import Callable
from typing import Final

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from contactcenter.core.errors import RateLimited

PER_LOGIN: Final = "10/5 minutes"
PER_ADDRESS: Final = "50/5 minutes"
RETRY_AFTER: Final = 60


class SignInAttempts:
    """Refuses further tries after too many failures; successful ones are not counted."""

    def __init__(self, per_login: str = PER_LOGIN, per_address: str = PER_ADDRESS) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._per_login: RateLimitItem = parse(per_login)
        self._per_address: RateLimitItem = parse(per_address)
        self.tell: Callable[[str, str], None] = lambda login, address: None
        """Told of each try here: login and address of a failure, an empty address for a login whose owner got in."""

    def check(self, login: str, address: str) -> None:
        """Raise RateLimited when this login or this address failed too often lately."""
        ok = self._limiter.test(self._per_login, "login", login)
        if not (ok and self._limiter.test(self._per_address, "address", address)):
            raise RateLimited("rate-limited", {"retry_after": RETRY_AFTER})

    def failed(self, login: str, address: str) -> None:
        """Count a failure."""
        self.count(login, address)
        self.tell(login, address)

    def succeeded(self, login: str) -> None:
        """Forget the failures of a login whose owner got in."""
        self.count(login, "")
        self.tell(login, "")

    def count(self, login: str, address: str) -> None:
        """Take a try as ``tell`` tells it, here or in another process."""
        if address:
            self._limiter.hit(self._per_login, "login", login)
            self._limiter.hit(self._per_address, "address", address)
        else:
            self._limiter.clear(self._per_login, "login", login)
