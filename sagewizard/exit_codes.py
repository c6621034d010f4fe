"""The exit codes of every command, in one place.

What is left running on AWS and billed by the hour comes before every other reason: whatever ended the
command, Ctrl-C included, it is 5 then, and the last line has the price.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a finished command tells the shell."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    TIMEOUT = 4
    BILLABLE_REMAINS = 5
    BUDGET = 6
    INTERRUPTED = 130
