"""What a function that `@remote` of SDK 3 sends to a job finds there: that SDK's core.

The images that such jobs run in on AWS have it. Here a job's Python has what SageWizard's has, which is
version 2 of the SDK: enough for the `@remote` of that version.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

REQUIREMENT = "sagemaker-core>=2,<3"
NOTE = (
    "Sandbox: a function of version 3 of the SageMaker SDK needs sagemaker-core 2, which an image for it has;"
    " here it is installed from the package index, for this job alone."
)
_DRIVER = "input/data/sagemaker_remote_function_bootstrap/job_driver.sh"
_ONLY_IN_3 = b"sagemaker.core.remote_function"


def lacks_core(base: Path) -> bool:
    """Tell whether a job is to run a function of SDK 3, and the core of that SDK is not installed."""
    try:
        if _ONLY_IN_3 not in (base / _DRIVER).read_bytes():
            return False
        return int(version("sagemaker-core").partition(".")[0]) < 2
    except PackageNotFoundError:
        return True
    except OSError:
        return False
