"""Linear Learner as processes: train, then serve over a Unix socket; and MNIST at its full size."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import pickle
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sagewizard.data import recordio

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[3]
DATA = Path(os.environ.get("SAGEWIZARD_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
MNIST = DATA / "mnist" / "mnist.pkl.gz"
PACKAGE = "sagewizard.sandbox.containers.linear_learner"


def start(program: str, environ: dict[str, str]) -> subprocess.Popen[str]:
    code = f"import sys; from {PACKAGE}.{program} import main; sys.exit(main())"
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **threads, **environ},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def _listens(path: Path) -> bool:
    """Whether the container listens: between bind and listen the socket is there, and refuses."""
    with socket.socket(socket.AF_UNIX) as one:
        return one.connect_ex(str(path)) == 0


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose name is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="sw") as name:
        yield Path(name)


def test_a_job_is_trained_and_served_by_processes(job: Any, digits: Any, short_folder: Path) -> None:
    features, classes = digits
    labels = (classes == 0).astype(np.float32)
    job.records("train", features[:1200], labels[:1200])
    job.records("validation", features[1200:1500], labels[1200:1500])
    here = job.run({"predictor_type": "binary_classifier", "mini_batch_size": 100})
    (job.base / "model" / "model_algo-1").unlink()
    environ = {"SAGEMAKER_BASE_DIR": str(job.base)}
    training = start("train", environ)
    log, _ = training.communicate(timeout=120)
    assert training.returncode == 0, log
    assert "#quality_metric: host=algo-1, validation binary_classification_accuracy <score>=" in log
    assert (job.base / "model" / "model_algo-1").read_bytes() == here.model

    path = short_folder / "serve.sock"
    server = start("serve", {**environ, "SAGEWIZARD_BIND_UNIX": str(path), "MAX_CONTENT_LENGTH": "2000000"})
    try:
        while not _listens(path) and server.poll() is None:
            os.sched_yield()
        assert path.exists() and path.stat().st_mode & 0o077 == 0
        connection = UnixConnection(str(path))

        def call(method: str, url: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
            connection.request(method, url, body, {name.replace("_", "-"): v for name, v in headers.items()})
            reply = connection.getresponse()
            return reply.status, reply.read()

        assert call("GET", "/ping")[0] == 200
        first_socket = connection.sock
        body = recordio.encode(features[1500:])
        status, reply = call("POST", "/invocations", body, Content_Type="application/x-recordio-protobuf")
        predicted = [row["predicted_label"] for row in json.loads(reply)["predictions"]]
        assert status == 200 and (np.array(predicted) == labels[1500:]).mean() > 0.97
        assert call("POST", "/invocations", b"1,2", Content_Type="text/csv")[0] == 400
        assert call("GET", "/ping")[0] == 200
        assert connection.sock is first_socket, "the connection was not kept alive"
        status, reply = call("POST", "/invocations", b"1" * 3_000_000, Content_Type="text/csv")
        assert status == 413 and b"2000000 bytes" in reply
        connection.close()
    finally:
        server.terminate()
        output, _ = server.communicate(timeout=30)
    assert server.returncode == 0 and not path.exists()
    assert output.count('"POST /invocations HTTP/1.1" 200') == 1
    assert output.count('"GET /ping HTTP/1.1" 200') == 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
@pytest.mark.skipif(not MNIST.exists(), reason=f"{MNIST} is not there; set SAGEWIZARD_TEST_DATA")
def test_mnist_is_learned_to_an_f1_of_0_955_with_the_data_held_once(job: Any) -> None:
    with gzip.open(MNIST) as file:
        sets = pickle.load(file, encoding="latin1")
    size = 0
    for name, (images, numbers) in zip(("train", "validation", "test"), sets, strict=True):
        job.records(name, images.astype(np.float32), (numbers == 0).astype(np.float32))
        size += images.size * 4
    config = job.base / "input" / "config"
    settings = {"predictor_type": "binary_classifier", "feature_dim": "784", "mini_batch_size": "200"}
    (config / "hyperparameters.json").write_text(json.dumps(settings))
    (config / "inputdataconfig.json").write_text(json.dumps(job.channels))
    code = (
        f"import re, sys\nfrom {PACKAGE}.train import main\ncode = main()\n"
        "print('PEAK', re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\nsys.exit(code)"
    )
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "SAGEMAKER_BASE_DIR": str(job.base)}
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **threads},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=250,
        check=True,
    )
    f1 = float(run.stdout.split("#quality_metric: host=algo-1, test binary_f_1.000 <score>=")[1].split()[0])
    assert f1 >= 0.955
    peak = int(run.stdout.split("PEAK ")[1]) * 1024
    assert peak < size + 80 * 2**20, "more than the data and the program was in memory"
