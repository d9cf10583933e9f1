"""The same work in one process, to compare with.

python alone.py embed RECORDINGS features.parquet
"""

from __future__ import annotations

import pyarrow as pa

import work


def run(job: work.Job, workers: int) -> pa.Table:
    """Maps the inputs of a job, a batch after the other."""
    del workers
    worker = job.worker(*job.arguments)
    batches = job.inputs.to_batches(max_chunksize=job.rows)
    return pa.concat_tables(worker(pa.table(batch)) for batch in batches)


if __name__ == "__main__":
    work.main(run)
