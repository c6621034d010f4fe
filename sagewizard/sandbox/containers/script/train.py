"""The training program of the framework images: fetches the user's source and runs its script."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.containers.contract import AlgorithmError, CustomerError, run_training
from sagewizard.sandbox.containers.joblog import JobLog
from sagewizard.sandbox.containers.script import (
    distribution,
    environment,
    images,
    packages,
    remote_function,
    source,
)
from sagewizard.sandbox.containers.script.world import FALLBACK_NOTE, Ended, open_world, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sagewizard.clock import Clock
    from sagewizard.sandbox.containers.contract import TrainingContainer
    from sagewizard.sandbox.containers.script.images import Framework
    from sagewizard.sandbox.containers.script.world import World

IMAGE_VARIABLE, ENTRY_VARIABLE = "SAGEWIZARD_IMAGE", "SAGEWIZARD_ENTRYPOINT"
_CONFIGS = ("resourceconfig", "inputdataconfig")
_REASON = 1000  # the service shows 1,024 characters, of which its own prefix takes some
_TRACEBACK = "Traceback (most recent call last):"
# torch.distributed writes it before each line of a traceback.
_RANK = re.compile(r"^\[rank\d+\]: ?", re.MULTILINE)
_TORCHRUN_SAYS = re.compile(r"^[EW]\d{4} \d\d:\d\d:.*", re.MULTILINE | re.DOTALL)
_TORCHRUN_FAILED = "ChildFailedError"
_PYTHON = {
    "sklearn": "/miniconda3/bin/python",
    "xgboost": "/miniconda3/bin/python3",
    "pytorch": "/opt/conda/bin/python",
}


class ExecuteUserScriptError(AlgorithmError):
    """The user's script ended with another exit code than 0; the text is the toolkit's."""

    label = "Reporting training FAILURE"

    def __init__(self, ended: Ended, command: str) -> None:
        head, tail = (
            f'ExecuteUserScriptError:\nExitCode {ended.code}\nErrorMessage "',
            f'"\nCommand "{command[:300]}"',
        )
        super().__init__(head + error_message(ended.errors, _REASON - len(head) - len(tail)) + tail)
        self.exit_code = ended.code


class EntryPointError(AlgorithmError):
    """The job's own entry point ended with another exit code than 0."""

    def __init__(self, said: str, code: int) -> None:
        super().__init__(f"{said}, exit code: {code}")
        self.exit_code = code


def error_message(errors: str, length: int) -> str:
    """Return the end of what a script wrote to stderr: its last traceback, if there is one.

    The traceback with which torchrun says that a script failed does not count beside the script's own.
    """
    errors = _RANK.sub("", errors)
    parts = [_TRACEBACK + part for part in errors.split(_TRACEBACK)[1:]]
    own = [part for part in parts if _TORCHRUN_FAILED not in part]
    if len(own) < len(parts) and own:
        parts = [_TORCHRUN_SAYS.sub("", own[-1])]
    text = (parts[-1] if parts else errors).strip()
    return text if len(text) <= length else f"...{text[-(length - 3) :]}"


def main() -> int:
    """Run the job the environment describes; the exit code is that of the container."""
    return run_training(train, new_log=_ToolkitJobLog)


def train(container: TrainingContainer, environ: Mapping[str, str] | None = None) -> None:
    """Run the user's script; a script that fails is an ExecuteUserScriptError."""
    environ = os.environ if environ is None else environ
    framework = images.recognise(environ.get(IMAGE_VARIABLE, ""))
    if framework is None:
        raise AlgorithmError(f"The image {environ.get(IMAGE_VARIABLE, '')!r} is no framework image.")
    log = _Log(container)
    container.log.line(images.note(framework))
    world = open_world(container.base, environ)
    if not world.shown:
        container.log.line(FALLBACK_NOTE)
    if environ.get(ENTRY_VARIABLE):
        _run_entry_point(container, world, framework, environ)
        return
    log.line("sagemaker-containers", f"Imported framework sagemaker_{framework.name}_container.training")
    log.line("sagemaker-training-toolkit", "No GPUs detected (normal if no gpus installed)")
    _, kept = environment.split(environment.decode(container.hyperparameters))
    program = kept.get("sagemaker_program")
    if not isinstance(program, str) or not program:
        raise CustomerError(
            "The hyperparameter sagemaker_program is missing: it names the script to run, such as train.py."
        )
    distribution.check(kept)
    code = container.base / "code"
    code.mkdir(exist_ok=True)
    place = kept.get("sagemaker_submit_directory")
    if place:
        source.fetch(str(place), code, environ)
    _let_run(code / program)
    resources, inputs = (_config(container.base, name) for name in _CONFIGS)
    told = environment.variables(container, resources, inputs, world, framework.name, environ)
    asked = code / "requirements.txt"
    wanted = packages.requirements(asked)
    programs = packages.create(container.base, framework, with_pip=wanted)
    env = framework.settings | _environment(container.base, world, programs, told, environ)
    if framework.name == "pytorch":
        env |= distribution.variables(world, min(container.hosts))
        log.line("sagemaker_pytorch_container.training", "Block until all host DNS lookups succeed.")
    if wanted:
        packages.install(world, programs, asked, env)
    own = environment.arguments(json.loads(told["SM_HPS"]))
    if distribution.wanted(kept):
        log.line("sagemaker-training-toolkit", "Starting distributed training through torchrun")
        command, written = distribution.command(
            kept, world, programs / "python", container.hosts, container.current_host, [program, *own], env
        )
    else:
        command, written = _command(world, programs, program, own, _PYTHON[framework.name])
    log.announce(told, written)
    for folder in ("model", "output/data"):
        (container.base / folder).mkdir(parents=True, exist_ok=True)
    ended = run(world.command(command, code), env, code)
    if ended.code != 0:
        if not container.stopping.is_set():
            raise ExecuteUserScriptError(ended, written)
        return
    (container.base / "output" / "success").touch()
    log.line("sagemaker-containers", "Reporting training SUCCESS")


def _run_entry_point(
    container: TrainingContainer, world: World, framework: Framework, environ: Mapping[str, str]
) -> None:
    """Run the job's own entry point in the place of the toolkit; AlgorithmError with its exit code."""
    resources, inputs = (_config(container.base, name) for name in _CONFIGS)
    told = environment.variables(container, resources, inputs, world, framework.name, environ)
    lacking = remote_function.lacks_core(container.base)
    programs = packages.create(container.base, framework, with_pip=lacking)
    env = framework.settings | _environment(container.base, world, programs, told, environ)
    if lacking:
        container.log.line(remote_function.NOTE)
        asked = programs.parent / "sagemaker-core.txt"
        asked.write_text(f"{remote_function.REQUIREMENT}\n", encoding="ascii")
        packages.install(world, programs, asked, env)
    work = container.base / "code"
    work.mkdir(exist_ok=True)
    (container.base / "model").mkdir(exist_ok=True)
    ended = run(world.command(json.loads(environ[ENTRY_VARIABLE]), work), env, work)
    if ended.code == 0 or container.stopping.is_set():
        return
    if (container.base / "output" / "failure").is_file():
        sys.exit(ended.code)  # it has said itself why it failed
    raise EntryPointError(error_message(ended.errors, _REASON - 64), ended.code)


def _environment(
    base: Path, world: World, programs: Path, told: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    path = os.pathsep.join([world.name(programs), environ.get("PATH", os.defpath)])
    # The last is torchrun's default for its port, so that two jobs at a time do not meet there.
    extra = {**told, "PATH": path, "PET_MASTER_PORT": str(world.hosts.port)}
    env = world.environment(environ, extra, [world.name(base / "code")])
    for name in (IMAGE_VARIABLE, ENTRY_VARIABLE):
        env.pop(name, None)
    return env


def _let_run(program: Path) -> None:
    """Make a program that is no Python file executable, as the toolkit does: archives often have it plain."""
    if program.suffix != ".py" and program.is_file() and not program.is_symlink():
        program.chmod(0o777)


def _command(
    world: World, programs: Path, program: str, own: list[str], shown_python: str
) -> tuple[list[str], str]:
    """Return the command of a script, and the same as the real container writes it."""
    if program.endswith(".py"):
        return [world.name(programs / "python"), program, *own], shlex.join([shown_python, program, *own])
    command = shlex.join([f"./{program}", *own])
    return ["/bin/sh", "-c", command], f"/bin/sh -c {command}"


def _config(base: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads((base / "input" / "config" / f"{name}.json").read_bytes())
    except FileNotFoundError:
        return {}
    return content if isinstance(content, dict) else {}


class _ToolkitJobLog(JobLog):
    """The log of a framework container, where the toolkit says why the job failed."""

    def error(self, text: str) -> None:
        """Write that the job failed and why, as two records."""
        head, reason = ExecuteUserScriptError.label, text.removeprefix(f"{ExecuteUserScriptError.label}: ")
        for part in (head, reason):
            self.line(f"{_stamp(self.clock)} sagemaker-training-toolkit ERROR    {part}")


def _stamp(clock: Clock) -> str:
    now = datetime.fromtimestamp(clock.now(), UTC)
    return f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03d}"


class _Log:
    """The toolkit's own lines: time, name, level, message."""

    def __init__(self, container: TrainingContainer) -> None:
        self._container = container

    def line(self, name: str, text: str) -> None:
        self._container.log.line(f"{_stamp(self._container.clock)} {name} INFO     {text}")

    def announce(self, told: Mapping[str, str], command: str) -> None:
        """Write what the script is told and how it is started."""
        self.line("sagemaker-training-toolkit", "Invoking user training script.")
        self.line("sagemaker-training-toolkit", "Invoking user script")
        described = json.dumps(json.loads(told["SM_TRAINING_ENV"]), indent=4, sort_keys=True)
        values = "\n".join(f"{name}={value}" for name, value in told.items())
        self._container.log.line(
            f"\nTraining Env:\n\n{described}\n\nEnvironment variables:\n\n{values}\n\n"
            f"Invoking script with the following command:\n\n{command}\n\n"
        )
