"""Makes the environments of tests that need what cannot be installed beside the others.

`python tests/environments.py sdk3 FOLDER`: version 3 of the SageMaker SDK, which cannot share an environment
with version 2 (about 800 MB, two minutes). `python tests/environments.py torch FOLDER [REQUIREMENT]`: what
the interpreter that makes it has, and torch besides (half a minute and 760 MB with a CPU wheel); REQUIREMENT
is `torch` unless said otherwise: where that would bring gigabytes for GPUs, name a version for CPUs.

Then `SAGEWIZARD_SDK3_PYTHON` or `SAGEWIZARD_TORCH_PYTHON` is `FOLDER/bin/python` for `pytest -m sdk3` or
`pytest -m torch`; `make sdk3` and `make torch` do both.
"""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
import sysconfig
import time
import venv
from dataclasses import dataclass
from pathlib import Path

USAGE = "usage: python tests/environments.py sdk3 FOLDER | torch FOLDER [REQUIREMENT]"


@dataclass(frozen=True)
class Environment:
    """What one holds: with `beside` also what this interpreter has; the code `tell` prints what it got."""

    name: str
    packages: tuple[str, ...]
    tell: str
    beside: bool = False

    @property
    def mark(self) -> str:
        """The name of the file that says what was installed."""
        return f"sagewizard-{self.name}.txt"

    @property
    def wanted(self) -> str:
        """The content of that file."""
        return "\n".join((*self.packages, *([f"beside {sys.prefix}"] if self.beside else []))) + "\n"


def sdk3() -> Environment:
    """What a reader of an SDK 3 tutorial installs, and what the tests' scripts import beside it."""
    return Environment(
        "sdk3",
        ("sagemaker>=3.27,<4", "boto3", "numpy", "pandas", "scikit-learn"),
        "from importlib.metadata import version; print('sagemaker', version('sagemaker'))",
    )


def torch(requirement: str = "torch") -> Environment:
    """PyTorch, where SageWizard and version 2 of the SDK are."""
    return Environment(
        "torch",
        (requirement,),
        "import importlib.metadata as m, torch; m.version('sagemaker'); print('torch', torch.__version__)",
        beside=True,
    )


def make(environment: Environment, folder: Path) -> int:
    """Make the environment, or find it made; return the exit code. A failure leaves no folder behind."""

    def say(text: str) -> None:
        print(f"{environment.name} environment: {text}", flush=True)

    mark, python = folder / environment.mark, folder / "bin" / "python"
    if mark.is_file() and mark.read_text(encoding="utf-8") == environment.wanted and python.exists():
        say(f"is there already: {python}")
        return 0
    if folder.exists() and not mark.is_file() and (not folder.is_dir() or any(folder.iterdir())):
        say(f"{folder} holds something else; name a folder that does not exist")
        return 2
    started = time.monotonic()
    say(f"making {folder} with {', '.join(environment.packages)}")
    done = False
    try:
        venv.create(folder, with_pip=True, clear=True)
        if environment.beside:
            _see_this_interpreters(folder)
        # Compiling 40,000 files takes longer than copying them, and a test imports few of them.
        subprocess.run(
            [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile",
             "--no-input", *environment.packages],
            check=True,
        )  # fmt: skip
        found = subprocess.run(
            [python, "-W", "ignore", "-c", environment.tell], check=True, capture_output=True, text=True
        ).stdout
        mark.write_text(environment.wanted, encoding="utf-8")
        done = True
    except subprocess.CalledProcessError as failure:
        say(f"failed with exit code {failure.returncode}; what pip or venv said stands above")
        return 1
    finally:
        if not done:
            shutil.rmtree(folder, ignore_errors=True)
    say(f"{found.strip()} in {time.monotonic() - started:.0f} s: {python}")
    return 0


def _see_this_interpreters(folder: Path) -> None:
    own = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(folder), "platbase": str(folder)}))
    lines = [f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages()]
    (own / "_beside.pth").write_text("".join(lines), encoding="utf-8")


def main() -> int:
    match sys.argv[1:]:
        case ["sdk3", folder]:
            return make(sdk3(), Path(folder).absolute())
        case ["torch", folder]:
            return make(torch(), Path(folder).absolute())
        case ["torch", folder, requirement]:
            return make(torch(requirement), Path(folder).absolute())
    print(USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
