"""A job's own Python environment: it sees what SageWizard's has, and what is installed stays in the job."""

from __future__ import annotations

import importlib.util
import re
import site
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import TYPE_CHECKING

from sagewizard.sandbox.containers.contract import AlgorithmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.sandbox.containers.script.images import Framework
    from sagewizard.sandbox.containers.script.world import World

FOLDER = ".environment"
INSTALLING = f"{FOLDER}/installing"  # is there, below a job's folder, while pip installs what it asked for
TOOLKIT = Path(__file__).parent / "toolkit"
OLDER = Path(__file__).parents[2] / "older"
_PACKAGE = Path(__file__).resolve().parents[4]
# Otherwise the person's own pip would be found, and install into the person's own environment; torchrun is
# where torch is, which need not be on the PATH.
_PROGRAMS = {"pip": "pip", "pip3": "pip", "torchrun": "torch.distributed.run"}
_LAST_LINES = 600


def create(base: Path, framework: Framework | None = None, *, with_pip: bool = False) -> Path:
    """Make the environment in a job's folder; its folder of programs, `bin`.

    The packages of this interpreter are found through a .pth file, and what stands for SageMaker's own
    libraries after them; what pip installs goes before both. What the image's libraries had and the installed
    ones have dropped is there again for the scripts of a framework image.
    """
    folder = base / FOLDER
    pip = with_pip and importlib.util.find_spec("pip") is None
    venv.EnvBuilder(symlinks=True, with_pip=pip).create(folder)
    own = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(folder), "platbase": str(folder)}))
    lines = [f"import site; site.addsitedir({path!r})\n" for path in _site_folders()]
    lines += [f"import sys; sys.path.append({str(path)!r})\n" for path in (TOOLKIT, _PACKAGE)]
    if framework is not None:
        asked = f"{framework.name!r}, {framework.version!r}"
        lines += [f"import sys; sys.path.append({str(OLDER)!r})\n"]
        lines += [f"import _sagewizard_older; _sagewizard_older.install({asked})\n"]
    (own / "_beside.pth").write_text("".join(lines), encoding="utf-8")
    programs = folder / "bin"
    for name, module in _PROGRAMS.items():
        if not (programs / name).exists():
            text = f'#!/bin/sh\nexec "$(dirname "$0")/python" -m {module} "$@"\n'
            (programs / name).write_text(text, encoding="ascii")
            (programs / name).chmod(0o755)
    return programs


def _site_folders() -> list[str]:
    found = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    return [path for path in dict.fromkeys(found) if Path(path).is_dir()]


def requirements(path: Path) -> bool:
    """Tell whether a requirements.txt asks for anything at all."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return False
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def install(world: World, bin_folder: Path, path: Path, env: Mapping[str, str]) -> None:
    """Install a requirements.txt into the job's environment; AlgorithmError with pip's last words."""
    mark = bin_folder.parent / Path(INSTALLING).name
    mark.touch()
    try:
        _install(world, bin_folder, path, env)
    finally:
        mark.unlink(missing_ok=True)


def _install(world: World, bin_folder: Path, path: Path, env: Mapping[str, str]) -> None:
    python = world.name(bin_folder / "python")
    command = [python, "-m", "pip", "install", "-r", path.name]
    sys.stdout.write(f"Installing dependencies from {path.name}: {' '.join(command)}\n")
    sys.stdout.flush()
    quiet = [
        "--disable-pip-version-check",
        "--no-input",
        "--no-cache-dir",
        "--retries",
        "1",
        "--timeout",
        "10",
    ]
    done = subprocess.run(
        world.command([*command, *quiet], path.parent),
        env=dict(env),
        cwd=path.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    output = done.stdout.decode("utf-8", "replace")
    sys.stdout.write(output)
    if done.returncode == 0:
        return
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    said = "\n".join(errors) or output
    hint = ""
    if re.search(
        r"No matching distribution|Could not find a version|ConnectionError|Failed to establish", output
    ):
        hint = (
            "\nThe package index may be out of reach: install the packages beside SageWizard and leave"
            " requirements.txt empty."
        )
    raise AlgorithmError(
        f"InstallRequirementsError:\nExitCode {done.returncode}\n"
        f'ErrorMessage "{said[-_LAST_LINES:].strip()}"\nCommand "pip install -r {path.name}"{hint}'
    )
