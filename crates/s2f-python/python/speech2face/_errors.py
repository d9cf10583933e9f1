"""Exceptions. Each has the message and the hint of the command."""

from __future__ import annotations


class Error(Exception):
    """Why something could not be done.

    Attributes
    ----------
    message : str
        What happened.
    hint : str or None
        What to do about it.
    """

    message: str
    hint: str | None

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"

    def __reduce__(self) -> tuple[type[Error], tuple[str, str | None]]:
        return type(self), (self.message, self.hint)


class NotFoundError(Error, FileNotFoundError):
    """A file or folder does not exist."""


class InvalidValueError(Error, ValueError):
    """An argument cannot have this value."""


class RecordingWarning(UserWarning):
    """Something is unusual about a recording: damage, no speech, two voices."""


class EvaluationWarning(UserWarning):
    """Something about an evaluation may make its scores worthless."""
