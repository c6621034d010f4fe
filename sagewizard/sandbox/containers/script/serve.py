"""The serving program of the framework images: finds the user's code and starts what serves with it.

The code lies in the model's folder `code/`, or where SAGEMAKER_SUBMIT_DIRECTORY says (S3, or a folder below
/opt/ml); SAGEMAKER_PROGRAM names the script. A requirements.txt beside it is installed first; the one that
ModelBuilder of SDK 3 writes, which names all that was imported where the model was built, only when something
cannot be imported without it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from sagewizard.sandbox.containers.contract import REAL_BASE, CustomerError, JobError, base_folder
from sagewizard.sandbox.containers.script import images, model_builder, packages, source
from sagewizard.sandbox.containers.script.host import (
    CODE_VARIABLE,
    FRAMEWORK_VARIABLE,
    MODULE_IS_MISSING,
    PROGRAM_VARIABLE,
    TRY_VARIABLE,
)
from sagewizard.sandbox.containers.script.train import IMAGE_VARIABLE
from sagewizard.sandbox.containers.script.world import FALLBACK_NOTE, open_world, run
from sagewizard.sandbox.containers.serving import ACCEPT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SUBMIT_VARIABLE = "SAGEMAKER_SUBMIT_DIRECTORY"
_DEFAULT_PROGRAM = "inference.py"


def main() -> int:
    """Serve until told to stop; what keeps it from starting is said in the log, and the exit code is 1."""
    try:
        return serve(os.environ)
    except JobError as error:
        sys.stdout.write(f"[ERROR] The model cannot be served: {error}\n")
        sys.stdout.flush()
        return 1


def serve(environ: Mapping[str, str]) -> int:
    """Prepare the code and run the serving process; its exit code."""
    framework = images.recognise(environ.get(IMAGE_VARIABLE, ""))
    if framework is None:
        raise CustomerError(f"The image {environ.get(IMAGE_VARIABLE, '')!r} is no framework image.")
    sys.stdout.write(f"{images.note(framework)}\n")
    base = base_folder(environ)
    world = open_world(base, environ)
    if not world.shown:
        sys.stdout.write(f"{FALLBACK_NOTE}\n")
    code = _code(base, environ)
    program = environ.get(PROGRAM_VARIABLE) or _DEFAULT_PROGRAM
    # PyTorch's own handlers serve a TorchScript model.pth without any script.
    if not (code / program).is_file() and framework.name != "pytorch":
        raise CustomerError(
            f"There is no script {program} to serve with: give SAGEMAKER_PROGRAM, and the script in code/ of"
            " the model archive or in the archive that SAGEMAKER_SUBMIT_DIRECTORY names."
        )
    asked = code / "requirements.txt"
    wanted = packages.requirements(asked)
    programs = packages.create(base, framework, with_pip=wanted)
    extra = {
        "PATH": os.pathsep.join([world.name(programs), environ.get("PATH", os.defpath)]),
        CODE_VARIABLE: world.name(code),
        PROGRAM_VARIABLE: program,
        FRAMEWORK_VARIABLE: framework.name,
        ACCEPT_VARIABLE: environ.get(ACCEPT_VARIABLE) or "application/json",
        "SM_MODEL_DIR": f"{world.root}/model",
    }
    env = world.environment({**framework.settings, **environ}, extra, [world.name(code)])
    python = world.name(programs / "python")
    command = world.command([python, "-m", "sagewizard.sandbox.containers.script.host"], base)
    if wanted and model_builder.packed(code):
        tried = run(command, {**env, TRY_VARIABLE: "1"}, base).code
        if tried != MODULE_IS_MISSING:
            return tried
    if wanted:
        packages.install(world, programs, asked, env)
    return run(command, env, base).code


def _code(base: Path, environ: Mapping[str, str]) -> Path:
    """Return the folder of the user's code, fetched if it lies in S3; CustomerError for one outside."""
    place = environ.get(SUBMIT_VARIABLE, "")
    if place.startswith("s3://"):
        source.fetch(place, base / "code", environ)
        return base / "code"
    if place and place != REAL_BASE and not place.startswith(f"{REAL_BASE}/"):
        raise CustomerError(
            f"SAGEMAKER_SUBMIT_DIRECTORY is {place!r}: it must be in S3 or below {REAL_BASE}."
        )
    if place:
        return base / place.removeprefix(REAL_BASE).lstrip("/")
    return base / "model" / "code"
