"""How a job's folder comes to stand at /opt/ml: in a namespace, and by rewriting where there is none."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sagewizard.sandbox.containers.script import enter, packages, world

PATHMAP = Path(world.__file__).parent / "pathmap" / "sitecustomize.py"


@pytest.fixture
def base(tmp_path):
    (tmp_path / "job" / "model").mkdir(parents=True)
    (tmp_path / "job" / "model" / "a").write_text("from the job")
    return tmp_path / "job"


def entered(base, *command, python=sys.executable, **options):
    return subprocess.run(
        [python, "-I", "-S", enter.__file__, str(base), "", "/opt/ml/model", *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


needs_namespaces = pytest.mark.skipif(
    not world.open_world(Path(__file__).parent, {}).shown, reason="this system allows no mount namespace"
)


@needs_namespaces
def test_a_program_sees_the_folder_at_opt_ml_and_nobody_else_does(base):
    before = sorted(path.name for path in Path("/opt").iterdir())
    done = entered(base, "sh", "-c", "cat /opt/ml/model/a && pwd && echo new > /opt/ml/model/b && ls /opt")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "from the job/opt/ml/model"
    assert sorted({*lines[1:]}) == sorted({*before, "ml"}), "what else is in /opt stays to be seen"
    assert (base / "model" / "b").read_text() == "new\n"
    assert sorted(path.name for path in Path("/opt").iterdir()) == before


@needs_namespaces
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="needs a Python that everybody may run")
def test_an_ordinary_user_can_do_it_too(tmp_path):
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(enter.__file__, folder / "enter.py")
        (folder / "model").mkdir()
        (folder / "model" / "a").write_text("of nobody")
        (folder / ".hosts").write_text("127.1.2.3 algo-1\n")
        for path in (folder, folder / "model", folder / "model" / "a", folder / "enter.py"):
            os.chown(path, 65534, 65534)
        done = subprocess.run(
            [
                "/usr/bin/python3",
                "-I",
                "-S",
                folder / "enter.py",
                folder,
                "algo-1",
                "/opt/ml/model",
                "sh",
                "-c",
                "cat a /etc/hosts; id -u; cat /proc/sys/kernel/hostname",
            ],
            user=65534,
            group=65534,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode == enter.NOT_POSSIBLE:
            pytest.skip(f"ordinary users may not: {done.stderr}")
        assert done.stdout == "of nobody127.1.2.3 algo-1\n65534\nalgo-1\n", done.stderr


@needs_namespaces
def test_a_program_that_is_not_there_has_the_code_of_a_container_runtime(base):
    assert entered(base, "no-such-program").returncode == 127
    assert entered(base, "/opt/ml/model/a").returncode == 126


def test_what_is_not_allowed_ends_with_a_code_of_its_own(base):
    done = entered(base.parent / "nothing-here", "true")
    assert done.returncode == enter.NOT_POSSIBLE and "/opt/ml cannot be shown" in done.stderr


def test_without_a_namespace_texts_name_the_folder_itself(base):
    plain = world.World(base, shown=False)
    assert plain.text("/opt/ml") == str(base)
    assert plain.text("--a=/opt/ml/model:/opt/ml/x") == f"--a={base}/model:{base}/x"
    assert plain.text("/opt/mlx") == "/opt/mlx"
    assert world.World(base, shown=True).text("/opt/ml/model") == "/opt/ml/model"
    env = plain.environment({"PYTHONPATH": "mine", "A": "b"}, {"X": "/opt/ml/model"}, ["/code"])
    assert env["X"] == f"{base}/model" and env["SAGEMAKER_BASE_DIR"] == str(base) and env["A"] == "b"
    assert env["PYTHONPATH"].split(os.pathsep) == [str(PATHMAP.parent), "/code"]


@pytest.mark.parametrize(
    ("path", "led"),
    [
        ("/opt/ml/model", "/base/model"),
        ("/opt/ml", "/base"),
        ("/opt/mlx", "/opt/mlx"),
        ("opt/ml/model", "opt/ml/model"),
        (b"/opt/ml/model", b"/base/model"),
        (b"\xff", b"\xff"),
        (Path("/opt/ml/model"), "/base/model"),
        (7, 7),
        (None, None),
    ],
)
def test_paths_below_opt_ml_lead_to_the_folder_and_others_stay(path, led):
    spec = importlib.util.spec_from_file_location("pathmap", PATHMAP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.lead(path, "/base") == led


LIBRARIES = """
import glob, joblib, numpy as np, pandas as pd, shutil
from pathlib import Path
root = Path("/opt/ml/model")
assert (root / "a").read_text() == "from the job" and [p.name for p in root.iterdir()] == ["a"]
pd.DataFrame({"x": [1]}).to_csv("/opt/ml/model/t.csv", index=False)
assert pd.read_csv("/opt/ml/model/t.csv").x[0] == 1
np.save("/opt/ml/model/n.npy", np.arange(3)); assert np.load("/opt/ml/model/n.npy")[2] == 2
joblib.dump([1], "/opt/ml/model/j"); assert joblib.load("/opt/ml/model/j") == [1]
shutil.copy("/opt/ml/model/j", "/opt/ml/model/k"); (root / "deep" / "er").mkdir(parents=True)
assert sorted(map(str, glob.glob("/opt/ml/model/*.npy")))[0].endswith("n.npy")
(root / "k").rename(root / "l"); (root / "l").unlink()
"""


def test_the_usual_libraries_work_without_a_namespace(base):
    plain = world.World(base, shown=False)
    env = plain.environment(dict(os.environ), {})
    done = subprocess.run(
        [sys.executable, "-c", LIBRARIES], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (base / "model").iterdir()) == ["a", "deep", "j", "n.npy", "t.csv"]


def test_the_jobs_own_environment_sees_the_packages_here_and_its_own_pip(base):
    programs = packages.create(base)
    done = subprocess.run(
        [programs / "python", "-c", "import sys, numpy, sklearn; print(sys.prefix)"],
        capture_output=True, text=True, timeout=60, check=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.stdout.strip() == str(base / packages.FOLDER)
    assert (programs / "torchrun").read_text().endswith('/python" -m torch.distributed.run "$@"\n')
    where = subprocess.run(
        [programs / "pip", "--version"], capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    if where.returncode == 0:
        assert "pip" in where.stdout


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("", False), ("# nothing\n\n", False), ("numpy\n", True), ("\ufeff# a\nnumpy", True)],
)
def test_a_requirements_file_is_looked_through_for_a_requirement(tmp_path, text, wanted):
    (tmp_path / "requirements.txt").write_text(text, encoding="utf-8")
    assert packages.requirements(tmp_path / "requirements.txt") is wanted
    assert packages.requirements(tmp_path / "missing.txt") is False
