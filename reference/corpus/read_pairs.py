"""Reads pairs files with other Parquet readers, to check that they can.

    python -m pip install pyarrow duckdb pandas
    python read_pairs.py pairs-00000.parquet

prints the columns by their pyarrow names, the file's metadata, and sums over all rows by pyarrow,
DuckDB and pandas, which must agree. Each voice and face is compared with its SHA-256, and its first
bytes are printed. Nothing is written.
"""

import hashlib
import sys

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

path = sys.argv[1]
file = pq.ParquetFile(path)
print(file.schema_arrow.remove_metadata())
for key, value in file.metadata.metadata.items():
    print(key.decode(), "=", value.decode())
print(file.num_row_groups, "row groups; column: codec, encodings")
group = file.metadata.row_group(0)
for number in range(group.num_columns):
    column = group.column(number)
    print(f"  {column.path_in_schema}: {column.compression}, {sorted(set(column.encodings))}")

table = file.read()
features = np.stack(table["feature"].to_numpy())
points = np.stack(table["face_points"].to_numpy())
assert points.shape == (table.num_rows, 10)
for bytes_, hash_ in (("audio", "audio_sha256"), ("face", "face_sha256")):
    for value, expected in zip(table[bytes_].to_pylist(), table[hash_].to_pylist()):
        assert hashlib.sha256(value).hexdigest() == expected
    print(bytes_, "begins with", table[bytes_][0].as_py()[:4], "and agrees with its hash in every row")

COUNTS = ("gender", "age", "language")
arrow = [
    table.num_rows,
    sum(len(value) for value in table["audio"].to_pylist()),
    sum(len(value) for value in table["face"].to_pylist()),
    float(np.sum(table["seconds"].to_numpy(), dtype=np.float64)),
    float(np.sum(points, dtype=np.float64)),
    float(np.sum(features, dtype=np.float64)),
    *(table.num_rows - table[name].null_count for name in COUNTS),
    len(set(table["speaker_id"].to_pylist())),
]

duck = duckdb.sql(f"""
    select count(*), sum(octet_length(audio)), sum(octet_length(face)), sum(seconds::double),
           sum(list_sum(face_points::double[])),
           sum(list_sum(feature::double[])),
           count(gender), count(age), count(language), count(distinct speaker_id)
    from read_parquet('{path}')
""").fetchall()[0]

frame = pd.read_parquet(path)
pandas = [
    len(frame),
    frame["audio"].map(len).sum(),
    frame["face"].map(len).sum(),
    frame["seconds"].astype("float64").sum(),
    np.sum(np.stack(frame["face_points"]), dtype=np.float64),
    np.sum(np.stack(frame["feature"]), dtype=np.float64),
    *(frame[name].notna().sum() for name in COUNTS),
    frame["speaker_id"].nunique(),
]

for name, values in (("pyarrow", arrow), ("DuckDB", duck), ("pandas", pandas)):
    print(f"{name}:", *(round(float(value), 6) for value in values))
    # Sums in another order differ in the last digits.
    np.testing.assert_allclose(np.array(values, dtype=float), arrow, rtol=1e-9)
print(duckdb.sql(f"select split, gender, count(*) from read_parquet('{path}') group by all order by all"))
