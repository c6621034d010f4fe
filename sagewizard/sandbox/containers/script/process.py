"""The program of a processing container: runs the job's entry point with /opt/ml/processing in its place."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.containers.contract import base_folder
from sagewizard.sandbox.containers.script import images, packages
from sagewizard.sandbox.containers.script.train import IMAGE_VARIABLE
from sagewizard.sandbox.containers.script.world import FALLBACK_NOTE, open_world, run

if TYPE_CHECKING:
    from collections.abc import Mapping


def main() -> int:
    """Run the entry point of config/processingjobconfig.json; its exit code is ours."""
    return process(os.environ)


def process(environ: Mapping[str, str]) -> int:
    """Run the entry point; 127 when there is no such program, as a container runtime has it."""
    base = base_folder(environ)
    config: dict[str, Any] = json.loads((base / "config" / "processingjobconfig.json").read_bytes())
    application = config["AppSpecification"]
    framework = images.recognise(environ.get(IMAGE_VARIABLE, ""))
    if framework is not None:
        _say(images.note(framework))
    world = open_world(base, environ)
    if not world.shown:
        _say(FALLBACK_NOTE)
    programs = packages.create(base, framework, with_pip=False)
    path = os.pathsep.join([world.name(programs), environ.get("PATH", os.defpath)])
    # The variables of the request again, for the paths below /opt/ml in them.
    asked = {name: environ[name] for name in config.get("Environment", {}) if name in environ}
    settings = framework.settings if framework is not None else {}
    env = world.environment({**settings, **environ}, {**asked, "PATH": path})
    env.pop(IMAGE_VARIABLE, None)
    command = [*application["ContainerEntrypoint"], *application.get("ContainerArguments", [])]
    if Path(command[0]).name.startswith("python") and not _there(command[0]):
        # /opt/conda/bin/python and the like: the image's own interpreter.
        command[0] = "python3"
    if "/" not in command[0] and (programs / command[0]).exists():
        command[0] = world.name(programs / command[0])
    work = base / "processing"
    work.mkdir(exist_ok=True)
    return run(world.command(command, work), env, work).code


def _there(program: str) -> bool:
    return "/" not in program or Path(program).exists()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
