"""On Ray Data: an actor for each worker.

python with_ray.py embed RECORDINGS features.parquet --workers 8
"""

from __future__ import annotations

import pyarrow as pa
import ray
import ray.data

import work


def run(job: work.Job, workers: int) -> pa.Table:
    """Maps the inputs of a job on the cluster of RAY_ADDRESS, or on one that it starts here."""
    ray.init()
    # A block for each batch. `repartition` would need a processor beside those of the workers.
    blocks = [pa.table(batch) for batch in job.inputs.to_batches(max_chunksize=job.rows)]
    results = ray.data.from_arrow(blocks).map_batches(
        job.worker,
        fn_constructor_args=job.arguments,
        batch_format="pyarrow",
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=job.threads,
    )
    return pa.concat_tables(ray.get(results.to_arrow_refs()))


if __name__ == "__main__":
    work.main(run)
