"""What the command line loads: a fresh interpreter tells, since this one has loaded everything by now."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "numpy",
    "pandas",
    "scipy",
    "sklearn",
    "boto3",
    "botocore",
    "moto",
    "pydantic",
    "yaml",
    "orjson",
    "textual",
    "questionary",
    "prompt_toolkit",
    "sagemaker",
    "platformdirs",
    "sqlite3",
)

SCRIPT = """
import sys
sys.argv = ["sagewizard", *{arguments!r}]
from sagewizard.cli import main
try:
    main()
except SystemExit:
    pass
print("\\nLOADED", *sorted({{name.split(".")[0] for name in sys.modules}}))
"""


def loaded(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(arguments=list(arguments))],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["rnu"], []])
def test_help_loads_nothing_heavy(arguments):
    assert not loaded(*arguments) & set(HEAVY)


def test_importing_the_package_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", "import sagewizard, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert not {name.split(".")[0] for name in done.stdout.split()} & set(HEAVY)


def test_the_engine_and_the_commands_load_no_front_end():
    script = (
        "import sys, importlib\n"
        "for name in ('engine.engine', 'api', 'cli.run', 'cli.report', 'cli.runs', 'cli.resources',"
        " 'cli.doctor',"
        " 'cli.sandbox', 'cli.recipes', 'cli.pictures'):\n"
        "    importlib.import_module('sagewizard.' + name)\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert not set(done.stdout.split()) & {"textual", "questionary", "prompt_toolkit", "sagemaker"}


def test_every_public_name_can_be_had():
    import sagewizard

    for name in sagewizard.__all__:
        assert getattr(sagewizard, name) is not None
    assert set(dir(sagewizard)) >= set(sagewizard.__all__)
    with pytest.raises(AttributeError):
        _ = sagewizard.nothing
