"""Makes the environment of the SDK 3 tests: `python tests/sdk3/environment.py FOLDER`.

Version 3 of the SageMaker SDK cannot be installed beside version 2, so it gets a virtual environment of its
own (about 800 MB, two minutes). Then `SAGEWIZARD_SDK3_PYTHON=FOLDER/bin/python pytest -m sdk3` runs the tests
that need it. `make sdk3` does both.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

# What a reader of an SDK 3 tutorial installs, and what the tests' scripts import beside it.
PACKAGES = ("sagemaker>=3.27,<4", "boto3", "numpy", "pandas", "scikit-learn")
MARK = "sagewizard-sdk3.txt"


def say(text: str) -> None:
    print(f"sdk3 environment: {text}", flush=True)


def make(folder: Path) -> int:
    """Make the environment, or find it made; return the exit code. A failure leaves no folder behind."""
    mark = folder / MARK
    python = folder / "bin" / "python"
    wanted = "\n".join(PACKAGES) + "\n"
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted and python.exists():
        say(f"is there already: {python}")
        return 0
    if folder.exists() and not mark.is_file() and (not folder.is_dir() or any(folder.iterdir())):
        say(f"{folder} holds something else; name a folder that does not exist")
        return 2
    started = time.monotonic()
    say(f"making {folder} with {', '.join(PACKAGES)}")
    done = False
    try:
        venv.create(folder, with_pip=True, clear=True)
        # Compiling 40,000 files takes longer than copying them, and a test imports few of them.
        subprocess.run(
            [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile",
             "--no-input", *PACKAGES],
            check=True,
        )  # fmt: skip
        asked = "from importlib.metadata import version; print(version('sagemaker'))"
        found = subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout
        mark.write_text(wanted, encoding="utf-8")
        done = True
    except subprocess.CalledProcessError as failure:
        say(f"failed with exit code {failure.returncode}; what pip or venv said stands above")
        return 1
    finally:
        if not done:
            shutil.rmtree(folder, ignore_errors=True)
    say(f"sagemaker {found.strip()} in {time.monotonic() - started:.0f} s: {python}")
    return 0


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python tests/sdk3/environment.py FOLDER", file=sys.stderr)
        return 2
    return make(Path(sys.argv[1]).absolute())


if __name__ == "__main__":
    sys.exit(main())
