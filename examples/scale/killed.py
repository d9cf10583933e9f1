"""Runs a script of this folder with a worker that is killed with SIGKILL once, for the test.

python killed.py MARKER with_ray embed RECORDINGS features.parquet

MARKER is a file that the worker writes before it dies. For Spark, the executor dies too.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from pathlib import Path

import pyarrow as pa

import work

MARKER = os.path.abspath(sys.argv[1])
ENGINE = sys.argv[2]
#: Seconds that `corpus prepare` has run when its worker dies.
PREPARING_S = 0.1


def die() -> None:
    """Kills this process, and the executor of Spark that it belongs to."""
    processes = [os.getpid()]
    if ENGINE == "with_spark":
        # This process is a child of PySpark's daemon, which is a child of the executor.
        daemon = Path(f"/proc/{os.getppid()}/stat").read_text()
        processes.insert(0, int(daemon.rsplit(")", 1)[1].split()[1]))
    for process in processes:
        os.kill(process, signal.SIGKILL)


def is_first() -> bool:
    """Whether no worker has died yet."""
    try:
        Path(MARKER).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class KilledEmbedding(work.EmbedRecordings):
    """Dies when it has computed the batch with a name that ends in `middle`."""

    def __call__(self, batch: pa.Table) -> pa.Table:
        result = super().__call__(batch)
        middle = any("middle" in name for name in batch["recording"].to_pylist())
        if middle and is_first():
            die()
        return result


class KilledPreparing(work.PrepareShards):
    """Dies while a shard is prepared; the program that prepares it goes on."""

    def prepare(self, shard: int) -> float:
        if shard == self.shards // 2 and is_first():
            threading.Timer(PREPARING_S, die).start()
        return super().prepare(shard)


if __name__ == "__main__":
    engine = importlib.import_module(ENGINE)
    sys.argv[1:] = sys.argv[3:]
    work.EmbedRecordings = KilledEmbedding  # type: ignore[misc]
    work.PrepareShards = KilledPreparing  # type: ignore[misc]
    work.main(engine.run)
