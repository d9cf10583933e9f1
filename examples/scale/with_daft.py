"""On Daft, whose cluster is Ray: a class of user-defined functions.

python with_daft.py embed RECORDINGS features.parquet --workers 8
"""

from __future__ import annotations

import daft
import pyarrow as pa

import work


def run(job: work.Job, workers: int) -> pa.Table:
    """Maps the inputs of a job on the cluster of RAY_ADDRESS, or on one that it starts here."""
    daft.set_runner_ray()
    [name] = job.inputs.column_names

    @daft.cls(max_concurrency=workers, cpus=job.threads)
    class Worker:
        def __init__(self) -> None:
            self.work = job.worker(*job.arguments)

        @daft.method.batch(return_dtype=daft.DataType.from_arrow_type(pa.struct(job.schema)))
        def map(self, names: daft.Series) -> pa.Array:
            batch = pa.table({name: names.to_arrow()})
            return self.work(batch).to_struct_array().combine_chunks()

    inputs = daft.from_arrow(job.inputs).into_partitions(-(-job.inputs.num_rows // job.rows))
    results = inputs.select(Worker().map(inputs[name]).alias("result"))
    results = results.select(*(results["result"][field].alias(field) for field in job.schema.names))
    return results.to_arrow()


if __name__ == "__main__":
    work.main(run)
