"""Every error a person can meet, as one tree.

    SageWizardError
    ├── UsageError              exit 2   what was asked for cannot be done as written
    │   ├── FileError                    a YAML file: file, line, column, key
    │   │   ├── RecipeError              a recipe
    │   │   └── FaultPlanError           a plan of faults for the sandbox
    │   └── DataError                    a dataset: file, row, column, byte offset
    ├── TargetError             exit 3   the target does not answer, or refuses who asks
    │   ├── CredentialsError             no, wrong or expired credentials
    │   ├── ScheduleError                an endpoint may not be told to delete itself
    │   └── SandboxError                 the embedded SageMaker could not be started or reached
    ├── JobFailedError          exit 1   SageMaker ran the job and it failed
    ├── WaitTimeoutError        exit 4   something took longer than it was given
    ├── BillableRemainsError    exit 5   finished, but something that costs money is still there
    ├── BudgetReachedError      exit 6   going on would have passed the budget: stopped before, and torn down
    └── CancelledError          exit 130 the person stopped it

Each carries `remedy`: one sentence that says what to do next.
"""

from __future__ import annotations

from typing import ClassVar

from sagewizard.exit_codes import ExitCode


class SageWizardError(Exception):
    """The root: a message for a person, a place if there is one, and a remedy."""

    exit_code: ClassVar[ExitCode] = ExitCode.JOB_FAILED

    def __init__(self, message: str, *, remedy: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class UsageError(SageWizardError):
    """What was asked for cannot be done as written; nothing was created."""

    exit_code = ExitCode.USAGE


class FileError(UsageError):
    """A YAML file is wrong at a line, a column and a key."""

    def __init__(
        self, message: str, *, remedy: str = "", file: str = "", line: int = 0, column: int = 0, key: str = ""
    ) -> None:
        place = ":".join([file, *(str(n) for n in (line, column) if n)]) if file else ""
        super().__init__(message, remedy=remedy, where=place)
        self.file, self.line, self.column, self.key = file, line, column, key


class RecipeError(FileError):
    """A recipe is wrong."""


class FaultPlanError(FileError):
    """A plan of faults for the sandbox is wrong."""


class DataError(UsageError):
    """A dataset is not what it should be, at a row, a column or a byte offset (rows and columns from 1)."""

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        file: str = "",
        row: int | None = None,
        column: int | str | None = None,
        offset: int | None = None,
    ) -> None:
        parts = [file] if file else []
        parts += [f"row {row}"] if row is not None else []
        parts += [f"column {column}"] if column is not None else []
        parts += [f"byte {offset}"] if offset is not None else []
        super().__init__(message, remedy=remedy, where=", ".join(parts))
        self.file, self.row, self.column, self.offset = file, row, column, offset


class TargetError(SageWizardError):
    """The target does not answer, or refuses who asks."""

    exit_code = ExitCode.UNREACHABLE


class CredentialsError(TargetError):
    """There are no credentials, or they are wrong or expired."""


class ScheduleError(TargetError):
    """The schedule that would delete an endpoint cannot be made; the endpoint was not made either."""


class SandboxError(TargetError):
    """The embedded SageMaker could not be started or reached."""


class JobFailedError(SageWizardError):
    """SageMaker ran the job and it failed; the message holds the FailureReason."""

    exit_code = ExitCode.JOB_FAILED


class WaitTimeoutError(SageWizardError):
    """Something took longer than it was given."""

    exit_code = ExitCode.TIMEOUT


class BillableRemainsError(SageWizardError):
    """Everything asked for was done, but something that costs money is still there."""

    exit_code = ExitCode.BILLABLE_REMAINS


class BudgetReachedError(SageWizardError):
    """Going on would have passed the budget: the run stopped before that, and what it made is torn down."""

    exit_code = ExitCode.BUDGET


class CancelledError(SageWizardError):
    """The person stopped it; what is still alive is listed by whoever catches this."""

    exit_code = ExitCode.INTERRUPTED
