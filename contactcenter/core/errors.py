"""The tree of expected errors. Codes are stable kebab-case words, listed in docs/errors.md.

::

    ContactCenterError(code, fields)
      NotFound        no such thing, or none the caller may see
      Conflict        the thing's present state forbids it
        Stale         it was changed since it was read; ``fields``: who, when, what
      Forbidden       the caller lacks the right
      Unauthenticated nobody is signed in
      Invalid         the input is wrong; ``fields`` names where
      RateLimited     too many tries; ``fields["retry_after"]`` seconds
      TelephonyError
        Unavailable     nothing was sent; safe to retry
        ActionFailed    the PBX said no; known
        OutcomeUnknown  sent, no answer: reconcile by id, never repeat blindly

No HTTP here: core/web maps class to status in one table.
"""

from collections.abc import Mapping
from typing import Any


class ContactCenterError(Exception):
    """An expected failure with a stable code; never shown to users as text, always translated by code."""

    def __init__(self, code: str, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.fields = dict(fields or {})

    def __str__(self) -> str:
        return f"{self.code} {self.fields}" if self.fields else self.code


class NotFound(ContactCenterError):
    """No such thing, or none within the caller's scope (the two are not told apart)."""


class Conflict(ContactCenterError):
    """The present state of the thing forbids the act."""


class Stale(Conflict):
    """The thing was changed since the caller read it: read it again before it is written over."""


class Forbidden(ContactCenterError):
    """The caller lacks the right."""


class Unauthenticated(ContactCenterError):
    """Nobody is signed in, or the session or token ended."""


class Invalid(ContactCenterError):
    """The input is wrong; ``fields`` maps each wrong field to a code."""


class RateLimited(ContactCenterError):
    """Too many tries; ``fields["retry_after"]`` is seconds."""


class TelephonyError(ContactCenterError):
    """An act on the PBX went wrong."""


class Unavailable(TelephonyError):
    """Nothing was sent; safe to retry."""


class ActionFailed(TelephonyError):
    """The PBX refused; the outcome is known."""


class OutcomeUnknown(TelephonyError):
    """The act was sent and no answer came: reconcile by id, never repeat blindly."""
