"""160 MB into S3 and back: the sandbox against a plain file copy and against moto alone.

All three take turns in one run, on files in one temporary folder; the figures are medians. The client is
boto3's `upload_file` and `download_file` (parts of 8 MiB, ten threads) with its checksums, so most of the
sandbox's and moto's time is the client's own. Memory is the server process's high-water mark over all of
its runs, less what it held before the first one (Linux only); the copy has none.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
SIZE_MB = 160
BUCKET = "benchmark"
TEXTS = {
    "upload, copy": "upload_file to the sandbox against shutil.copyfile of the same file",
    "upload, moto": "upload_file to the sandbox against upload_file to a moto server",
    "download, copy": "download_file from the sandbox against shutil.copyfile of the same file",
    "download, moto": "download_file from the sandbox against download_file from a moto server",
}
# A copy has no aim: it shows what the disk can do. Moto writes nothing to disk, so keeping up is a lot.
AIMS = {"upload, copy": 0.0, "upload, moto": 0.7, "download, copy": 0.0, "download, moto": 0.7}


@dataclass
class _Server:
    """A server under measurement: its process and a client of it."""

    pid: int
    client: Any
    before_mb: float | None = None
    seconds: dict[str, list[float]] = field(default_factory=dict)


def rows(repeats: int = 3) -> Iterator[dict[str, Any]]:
    """Yield a row a comparison, once everything is measured.

    Keys: name, text, ours and theirs (seconds), ratio (theirs through ours), aim (of the ratio, 0 for none),
    ours_peak_mb and theirs_peak_mb (None where the system does not tell, or nothing serves), data.
    """
    with tempfile.TemporaryDirectory(prefix="sagewizard-benchmark-") as name:
        folder = Path(name)
        source = folder / "source"
        with source.open("wb") as file:
            for _ in range(SIZE_MB):
                file.write(os.urandom(1 << 20))
        copies: dict[str, list[float]] = {"upload": [], "download": []}
        with _sandbox(folder) as ours, _moto() as theirs:
            for server in (ours, theirs):
                server.client.create_bucket(Bucket=BUCKET)
                server.client.put_object(Bucket=BUCKET, Key="warm", Body=b"up")
                server.before_mb = _memory(server.pid, "VmRSS")
            for _ in range(repeats):
                for server in (ours, theirs):
                    _up_and_down(server, source, folder / "back")
                for seconds in copies.values():
                    seconds.append(_seconds(lambda: shutil.copyfile(source, folder / "copy")))
            for direction in ("upload", "download"):
                yield _row(f"{direction}, copy", ours, ours.seconds[direction], copies[direction], None)
                yield _row(
                    f"{direction}, moto", ours, ours.seconds[direction], theirs.seconds[direction], theirs
                )


def _up_and_down(server: _Server, source: Path, back: Path) -> None:
    up, down = server.seconds.setdefault("upload", []), server.seconds.setdefault("download", [])
    up.append(_seconds(lambda: server.client.upload_file(str(source), BUCKET, "big")))
    back.unlink(missing_ok=True)
    down.append(_seconds(lambda: server.client.download_file(BUCKET, "big", str(back))))
    if back.stat().st_size != source.stat().st_size:
        raise RuntimeError("what came back has another size")


def _row(
    name: str, ours: _Server, mine: list[float], other: list[float], theirs: _Server | None
) -> dict[str, Any]:
    return {
        "name": name,
        "text": TEXTS[name],
        "ours": statistics.median(mine),
        "theirs": statistics.median(other),
        "ratio": statistics.median(other) / statistics.median(mine),
        "aim": AIMS[name],
        "ours_peak_mb": _rise(ours),
        "theirs_peak_mb": _rise(theirs) if theirs is not None else None,
        "data": f"{SIZE_MB} MB",
    }


@contextmanager
def _sandbox(folder: Path) -> Iterator[_Server]:
    from sagewizard.sandbox import launcher
    from sagewizard.settings import Settings

    settings = Settings(home=folder / "home", data=None)
    address = launcher.ensure(settings)
    try:
        status = launcher.status(settings)
        if status is None:
            raise RuntimeError("the sandbox ended")
        keys = address.credentials
        yield _Server(status["pid"], _client(address.url, keys.access_key, keys.secret_key))
    finally:
        launcher.stop(settings, force=True)


@contextmanager
def _moto() -> Iterator[_Server]:
    program = (
        "import logging, sys; logging.getLogger('werkzeug').setLevel(logging.ERROR)\n"
        "from moto.server import ThreadedMotoServer\n"
        "server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False); server.start()\n"
        "print(server.get_host_and_port()[1], flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        try:
            port = int(child.stdout.readline())
            yield _Server(child.pid, _client(f"http://127.0.0.1:{port}", "key", "secret"))
        finally:
            child.kill()


def _client(url: str, access_key: str, secret_key: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(proxies={}, s3={"addressing_style": "path"}),
    )


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _rise(server: _Server) -> float | None:
    peak = _memory(server.pid, "VmHWM")
    return max(0.0, peak - server.before_mb) if peak is not None and server.before_mb is not None else None


def _memory(pid: int, name: str) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((float(line.split()[1]) / 1000 for line in lines if line.startswith(name + ":")), None)


def main() -> int:
    """Print the table; exit 1 when an aim is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    missed = False
    print(f"{'':16}{'ours':>10}{'theirs':>10}{'ratio':>8}{'aim':>6}{'our MB':>9}{'their MB':>10}")
    for row in rows(options.repeats):
        memory = [f"{row[k]:.0f}" if row[k] is not None else "-" for k in ("ours_peak_mb", "theirs_peak_mb")]
        print(
            f"{row['name']:16}{row['ours']:>9.3f}s{row['theirs']:>9.3f}s{row['ratio']:>7.2f}x{row['aim']:>5.1f}x"
            f"{memory[0]:>9}{memory[1]:>10}  {row['data']}",
            flush=True,
        )
        missed = missed or row["ratio"] < row["aim"]
    return int(missed)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
