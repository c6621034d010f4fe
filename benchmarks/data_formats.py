"""RecordIO against the SageMaker SDK and CSV against pandas, on 50,000x784 float32 with labels.

Ours and theirs take turns in one child process (the SDK replaces `sys.excepthook` and prints, so it never
runs in this one), both on files in one temporary folder; the figures are medians. Reading means a file to
arrays of features and labels: the SDK gives a list of protobuf records, from which the arrays are then made
a row at a time. Memory is the process's high-water mark during a run of its own, less what it held before
(Linux only; the result of a read counts).
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
ROWS, COLUMNS = 50_000, 784
AIMS = {"RecordIO write": 30.0, "RecordIO read": 50.0, "CSV write": 8.0}
TEXTS = {
    "RecordIO write": "sagewizard.data.recordio.write against the SDK's write_numpy_to_dense_tensor",
    "RecordIO read": "sagewizard.data.recordio.read against the SDK's read_records, made into an array",
    "CSV write": "sagewizard.data.csvio.write_csv against pandas' to_csv",
}


def rows(repeats: int = 3) -> Iterator[dict[str, Any]]:
    """Yield a row a comparison as it is measured.

    Keys: name, text, ours and theirs (seconds), ratio, aim, ours_peak_mb and theirs_peak_mb (None where the
    system does not tell), data. CSV is measured with one run of pandas, which takes some 20 seconds.
    """
    environ = {
        **os.environ,
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "OPENBLAS_NUM_THREADS": "1",
    }
    with tempfile.TemporaryDirectory(prefix="sagewizard-benchmark-") as folder:
        command = [
            sys.executable,
            str(Path(__file__).resolve()),
            "--child",
            folder,
            "--repeats",
            str(repeats),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, text=True) as child:
            assert child.stdout is not None
            try:
                for line in child.stdout:
                    if line.startswith("{"):  # the SDK prints lines of its own
                        yield json.loads(line)
            finally:
                if child.poll() is None and sys.exc_info()[0] is not None:
                    child.kill()
        if child.returncode:
            raise RuntimeError(f"the measuring process ended with {child.returncode}")


def _child(folder: Path, repeats: int) -> None:
    import numpy as np
    import pandas as pd
    from sagemaker.amazon.common import read_records, write_numpy_to_dense_tensor

    from sagewizard.data import csvio, recordio

    features, labels, data = _data(np)

    def sdk_write() -> None:
        with (folder / "theirs.pbr").open("wb") as file:
            write_numpy_to_dense_tensor(file, features, labels)

    def sdk_read() -> Any:
        with (folder / "theirs.pbr").open("rb") as file:
            records = read_records(file)
        table, targets = np.empty(features.shape, np.float32), np.empty(len(records), np.float32)
        for number, record in enumerate(records):
            table[number] = record.features["values"].float32_tensor.values
            targets[number] = record.label["values"].float32_tensor.values[0]
        return table, targets

    def pandas_write() -> None:
        frame = pd.DataFrame(features)
        frame.insert(0, "label", labels)
        frame.to_csv(folder / "theirs.csv", header=False, index=False)

    pairs: list[tuple[str, Callable[[], Any], Callable[[], Any], int]] = [
        ("RecordIO write", lambda: recordio.write(folder / "ours.pbr", features, labels), sdk_write, repeats),
        ("RecordIO read", lambda: recordio.read(folder / "ours.pbr"), sdk_read, repeats),
        ("CSV write", lambda: csvio.write_csv(folder / "ours.csv", features, labels), pandas_write, 1),
    ]
    for name, ours, theirs, count in pairs:
        mine, other = [], []
        for _ in range(count):
            mine += [_seconds(ours) for _ in range(3)]
            other.append(_seconds(theirs))
            mine += [_seconds(ours) for _ in range(2)]
        row: dict[str, Any] = {
            "name": name,
            "text": TEXTS[name],
            "ours": statistics.median(mine),
            "theirs": statistics.median(other),
            "ratio": statistics.median(other) / statistics.median(mine),
            "aim": AIMS[name],
            "ours_peak_mb": _peak(ours),
            "theirs_peak_mb": _peak(theirs) if name != "CSV write" else None,
            "data": data,
        }
        print(json.dumps(row), flush=True)
    same = (folder / "ours.pbr").read_bytes() == (folder / "theirs.pbr").read_bytes()
    if not same:
        raise SystemExit("the two RecordIO files differ")


def _data(np: Any) -> tuple[Any, Any, str]:
    """Return MNIST's training images where SAGEWIZARD_DATA has them, else numbers much like them."""
    from sagewizard import settings
    from sagewizard.data.mnist import FILE, read_mnist

    folder = settings.load().data
    path = folder / FILE.folder / FILE.name if folder else None
    if path is not None and path.is_file():
        train = read_mnist(path)["train"]
        return train.features, train.labels.astype(np.float32), "MNIST"
    rng = np.random.default_rng(0)
    ink = rng.random((ROWS, COLUMNS)) < 0.19  # MNIST's share of pixels that are not paper
    features = (ink * rng.integers(1, 256, (ROWS, COLUMNS)) / 256).astype(np.float32)
    return features, rng.integers(0, 10, ROWS).astype(np.float32), "generated"


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    kept = work()
    took = time.perf_counter() - start
    del kept
    return took


def _peak(work: Callable[[], Any]) -> float | None:
    """Return how far the resident memory rises while `work` runs, in MB."""
    try:
        gc.collect()
        if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            libc.malloc_trim(0)  # memory kept from earlier runs would hide what this one takes
        Path("/proc/self/clear_refs").write_text("5")  # sets the high-water mark back to what is resident
        before = _status("VmRSS")
        kept = work()
        peak = _status("VmHWM") - before
        del kept
    except OSError:
        return None
    return max(0.0, peak) / 1000


def _status(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return float(line.split()[1])
    raise OSError(name)


def main() -> int:
    """Print the table; exit 1 when an aim is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        _child(options.child, options.repeats)
        return 0
    missed = False
    print(f"{'':16}{'ours':>10}{'theirs':>10}{'ratio':>8}{'aim':>6}{'our MB':>9}{'their MB':>10}")
    for row in rows(options.repeats):
        memory = [f"{row[k]:.0f}" if row[k] is not None else "-" for k in ("ours_peak_mb", "theirs_peak_mb")]
        print(
            f"{row['name']:16}{row['ours']:>9.3f}s{row['theirs']:>9.2f}s{row['ratio']:>7.0f}x{row['aim']:>5.0f}x"
            f"{memory[0]:>9}{memory[1]:>10}  {row['data']}",
            flush=True,
        )
        missed = missed or row["ratio"] < row["aim"]
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
