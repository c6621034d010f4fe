"""Owns what becomes of an exception: an error for a person, and the text that goes into a report."""

from __future__ import annotations

import traceback

from sagewizard.errors import SageWizardError


def as_error(raised: BaseException) -> SageWizardError:
    """Return any exception as one of ours, for a person; a fault of the program carries its traceback."""
    if isinstance(raised, SageWizardError):
        return raised
    from sagewizard import boto_errors

    if isinstance(raised, Exception) and boto_errors.is_boto(raised):
        return boto_errors.translate(raised)
    error = SageWizardError(
        f"The program met a fault of its own: {type(raised).__name__}: {raised}.",
        remedy="Copy the details into a report; what you were doing can be tried again.",
    )
    error.__cause__ = raised
    return error


def detail_of(error: BaseException) -> str:
    """Return the text for a report: the error, with its traceback when it is a fault of the program."""
    cause = error.__cause__ or error
    lines = [f"{type(error).__name__}: {error}"]
    if not isinstance(cause, SageWizardError):
        lines += ["", "".join(traceback.format_exception(cause)).rstrip()]
    return "\n".join(lines)
