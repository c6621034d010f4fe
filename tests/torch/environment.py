"""Makes the environment of the PyTorch tests: `python tests/torch/environment.py FOLDER [REQUIREMENT]`.

It sees what the interpreter that makes it has, and torch besides: half a minute and 760 MB on the disk with a
CPU wheel. REQUIREMENT is `torch` unless said otherwise: where that would bring gigabytes for GPUs, name a
version for CPUs. Then `SAGEWIZARD_TORCH_PYTHON=FOLDER/bin/python pytest -m torch` runs the tests that need
it. `make torch` does both.
"""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

MARK = "sagewizard-torch.txt"


def say(text: str) -> None:
    print(f"torch environment: {text}", flush=True)


def beside(folder: Path) -> None:
    """Let the environment see the packages of this interpreter, after its own."""
    own = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(folder), "platbase": str(folder)}))
    lines = [f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages()]
    (own / "_beside.pth").write_text("".join(lines), encoding="utf-8")


def make(folder: Path, requirement: str) -> int:
    """Make the environment, or find it made; return the exit code. A failure leaves no folder behind."""
    mark, python = folder / MARK, folder / "bin" / "python"
    wanted = f"{requirement} beside {sys.prefix}\n"
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted and python.exists():
        say(f"is there already: {python}")
        return 0
    if folder.exists() and not mark.is_file() and (not folder.is_dir() or any(folder.iterdir())):
        say(f"{folder} holds something else; name a folder that does not exist")
        return 2
    started = time.monotonic()
    say(f"making {folder} with {requirement}")
    done = False
    try:
        venv.create(folder, with_pip=True, clear=True)
        beside(folder)
        subprocess.run(
            [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile",
             "--no-input", requirement],
            check=True,
        )  # fmt: skip
        asked = "import importlib.metadata as m, torch; m.version('sagemaker'); print(torch.__version__)"
        found = subprocess.run(
            [python, "-W", "ignore", "-c", asked], check=True, capture_output=True, text=True
        )
        mark.write_text(wanted, encoding="utf-8")
        done = True
    except subprocess.CalledProcessError as failure:
        say(f"failed with exit code {failure.returncode}; what pip or venv said stands above")
        return 1
    finally:
        if not done:
            shutil.rmtree(folder, ignore_errors=True)
    say(f"torch {found.stdout.strip()} in {time.monotonic() - started:.0f} s: {python}")
    return 0


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print("usage: python tests/torch/environment.py FOLDER [REQUIREMENT]", file=sys.stderr)
        return 2
    return make(Path(sys.argv[1]).absolute(), sys.argv[2] if len(sys.argv) > 2 else "torch")


if __name__ == "__main__":
    sys.exit(main())
