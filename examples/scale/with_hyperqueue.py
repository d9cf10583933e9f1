"""On HyperQueue: a task for each shard of a corpus, and one that merges them.

python with_hyperqueue.py CORPUS PAIRS --shards 16

It submits to the server that `hq server start` began, or with --local N to a server and a worker
with N processors that it starts here.
"""

from __future__ import annotations

import argparse

from hyperqueue import Client, Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
from hyperqueue.ffi.protocol import ResourceRequest

import work


def job(corpus: str, pairs: str, shards: int, threads: int) -> Job:
    """The tasks. One whose worker is lost runs again, and resumes its shard."""
    tasks = Job(name="prepare", max_fails=None)
    prepare = ["speech2face", "corpus", "prepare", corpus, "-o", pairs, f"--threads={threads}"]
    resources = ResourceRequest(cpus=threads)
    environment = work.variables()
    prepared = [
        tasks.program(
            [*prepare, f"--shard={shard}/{shards}"], resources=resources, env=environment
        )
        for shard in range(shards)
    ]
    tasks.program(["speech2face", "corpus", "merge", pairs, "-o", pairs], deps=prepared)
    return tasks


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", help="folder of the corpus, seen by all workers")
    parser.add_argument("pairs", help="folder for the pairs, seen by all workers")
    parser.add_argument("--shards", type=int, default=16, help="[default: 16]")
    parser.add_argument("--threads", type=int, default=1, help="of a task [default: 1]")
    parser.add_argument("--local", type=int, metavar="N", help="start a server and a worker")
    arguments = parser.parse_args()

    corpus, pairs = work.absolute(arguments.corpus), work.absolute(arguments.pairs)
    tasks = job(corpus, pairs, arguments.shards, arguments.threads)
    if arguments.local is None:
        client = Client()
        client.wait_for_jobs([client.submit(tasks)])
    else:
        with LocalCluster(worker_config=WorkerConfig(cores=arguments.local)) as cluster:
            client = cluster.client()
            client.wait_for_jobs([client.submit(tasks)])


if __name__ == "__main__":
    main()
