"""On Spark: a function over the Arrow batches of each partition.

spark-submit --py-files work.py with_spark.py embed RECORDINGS features.parquet
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

import work


def run(job: work.Job, workers: int) -> pa.Table:
    """Maps the inputs of a job on the master that spark-submit names."""
    del workers

    def map_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        worker = job.worker(*job.arguments)
        for batch in batches:
            yield from worker(pa.table(batch)).to_batches()

    spark = SparkSession.builder.appName("speech2face").getOrCreate()
    partitions = -(-job.inputs.num_rows // job.rows)
    inputs = spark.createDataFrame(job.inputs).repartition(partitions)
    results = inputs.mapInArrow(map_partition, from_arrow_schema(job.schema))
    return results.toArrow()


if __name__ == "__main__":
    work.main(run)
