"""What the scripts of this folder have in common: the work, and the command line.

The work is a class that is made once in each worker process and then maps Arrow tables. It does
not depend on which rows share a table, so the result does not depend on the engine, on the number
of workers, or on workers that died.
"""

from __future__ import annotations

import argparse
import io
import os
import posixpath
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

#: Seconds between attempts at a shard that another process still holds.
BUSY_WAIT_S = 2
#: What `corpus prepare` says about such a shard.
BUSY = "another process is already processing shard"


@dataclass(frozen=True)
class Job:
    """Inputs, and the class that maps them."""

    worker: Callable[..., Callable[[pa.Table], pa.Table]]
    """Is made once in each worker process, from `arguments`."""
    arguments: tuple[object, ...]
    inputs: pa.Table
    """One column, which names the rows."""
    schema: pa.Schema
    """Of the results: the column of the inputs, and others."""
    rows: int
    """Rows of a batch: what is computed again if a worker dies."""
    threads: int
    """Threads of a worker."""


#: Maps the inputs of a job on so many workers; the order of the results does not matter.
Engine = Callable[[Job, int], pa.Table]


class EmbedRecordings:
    """Loads a model, then maps names of recordings to face features."""

    SCHEMA = pa.schema(
        {"recording": pa.string(), "feature": pa.list_(pa.float32()), "error": pa.string()}
    )

    def __init__(self, folder: str, model: str, threads: int) -> None:
        import speech2face

        self.files, self.root = open_folder(folder)
        self.model = speech2face.Model(model)
        self.threads = threads

    def __call__(self, batch: pa.Table) -> pa.Table:
        names = batch["recording"].to_pylist()
        recordings = [self.read(name) for name in names]
        features, errors = self.model.embed(recordings, jobs=self.threads, errors="return")
        rows = [
            {"recording": name, "feature": feature, "error": None}
            if error is None
            else {"recording": name, "feature": None, "error": error.message}
            for name, feature, error in zip(names, features, errors, strict=True)
        ]
        return pa.Table.from_pylist(rows, self.SCHEMA)

    def read(self, name: str) -> io.BytesIO:
        """A recording in memory, with its name for messages."""
        with self.files.open_input_file(posixpath.join(self.root, name)) as file:
            recording = io.BytesIO(file.read())
        recording.name = name
        return recording


class PrepareShards:
    """Maps numbers of shards to the seconds that `corpus prepare` took for them."""

    SCHEMA = pa.schema({"shard": pa.int32(), "seconds": pa.float32()})

    def __init__(self, command: list[str], shards: int, variables: dict[str, str]) -> None:
        self.command = command
        self.shards = shards
        self.variables = variables

    def __call__(self, batch: pa.Table) -> pa.Table:
        shards = batch["shard"].to_pylist()
        rows = [{"shard": shard, "seconds": self.prepare(shard)} for shard in shards]
        return pa.Table.from_pylist(rows, self.SCHEMA)

    def prepare(self, shard: int) -> float:
        """Prepares a shard, or does nothing if it is complete."""
        start = time.monotonic()
        command = [*self.command, "--quiet", f"--shard={shard}/{self.shards}"]
        variables = {**os.environ, **self.variables}
        while True:
            done = subprocess.run(
                command, env=variables, stderr=subprocess.PIPE, text=True, check=False
            )
            if done.returncode == 0:
                return time.monotonic() - start
            if BUSY not in done.stderr:
                raise RuntimeError(f"shard {shard}: {done.stderr.strip()}")
            # A worker was killed, and the program that it had started still runs.
            time.sleep(BUSY_WAIT_S)


def variables() -> dict[str, str]:
    """The program's environment variables here, which workers on other machines may lack."""
    return {name: text for name, text in os.environ.items() if name.startswith("SPEECH2FACE_")}


def open_folder(folder: str) -> tuple[fs.FileSystem, str]:
    """A local folder, or an address such as s3://bucket/voices."""
    files, root = fs.FileSystem.from_uri(absolute(folder))
    return files, root


def absolute(folder: str) -> str:
    """An address as it is, a local folder from the root."""
    return folder if "://" in folder else os.path.abspath(folder)


def recordings(folder: str) -> pa.Table:
    """The names of all files in a folder and its subfolders, sorted."""
    files, root = open_folder(folder)
    found = files.get_file_info(fs.FileSelector(root, recursive=True))
    names = sorted(posixpath.relpath(file.path, root) for file in found if file.is_file)
    return pa.table({"recording": pa.array(names, pa.string())})


def checked(results: pa.Table, job: Job) -> pa.Table:
    """The results sorted by name, after a check that each input has one."""
    name = job.inputs.column_names[0]
    results = results.cast(job.schema).sort_by(name)
    if not results[name].combine_chunks().equals(job.inputs[name].combine_chunks()):
        raise RuntimeError(f"{results.num_rows} results for {job.inputs.num_rows} inputs")
    return results


def write(table: pa.Table, output: Path) -> None:
    """Writes Parquet under a temporary name, then renames it."""
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    pq.write_table(table.combine_chunks(), temporary, compression="zstd")
    temporary.replace(output)


def embed(engine: Engine, arguments: argparse.Namespace) -> None:
    """Embeds all recordings of a folder, and writes a table of features."""
    inputs = recordings(arguments.recordings)
    if inputs.num_rows == 0:
        sys.exit(f"{arguments.recordings}: there are no files")
    made_from = (arguments.recordings, arguments.model, arguments.threads)
    schema = EmbedRecordings.SCHEMA
    job = Job(EmbedRecordings, made_from, inputs, schema, arguments.batch, arguments.threads)
    results = checked(engine(job, arguments.workers), job)
    write(results, arguments.output)
    failed = results.filter(pc.is_valid(results["error"]))
    for row in failed.to_pylist():
        print(row["error"], file=sys.stderr)
    print(f"{results.num_rows - failed.num_rows} features, {failed.num_rows} errors")


def prepare(engine: Engine, arguments: argparse.Namespace) -> None:
    """Prepares all shards of a corpus, and merges them."""
    program = shutil.which("speech2face")
    if program is None:
        sys.exit("speech2face is not on PATH")
    corpus, output = absolute(arguments.corpus), absolute(arguments.output)
    command = [program, "corpus", "prepare", corpus, "-o", output, *arguments.options]
    command.append(f"--threads={arguments.threads}")
    inputs = pa.table({"shard": pa.array(range(arguments.shards), pa.int32())})
    made_from = (command, arguments.shards, variables())
    job = Job(PrepareShards, made_from, inputs, PrepareShards.SCHEMA, 1, arguments.threads)
    checked(engine(job, arguments.workers), job)
    subprocess.run([program, "corpus", "merge", output, "-o", output], check=True)


def main(engine: Engine) -> None:
    """Runs the command line of a script."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--workers", type=int, default=2, help="worker processes [default: 2]")
    shared.add_argument("--threads", type=int, default=1, help="threads of each [default: 1]")

    command = commands.add_parser("embed", help="recordings to face features", parents=[shared])
    command.add_argument("recordings", help="folder, or an address such as s3://bucket/voices")
    command.add_argument("output", type=Path, help="Parquet file to write")
    command.add_argument("--model", default="compact", help="name or folder [default: compact]")
    command.add_argument("--batch", type=int, default=16, help="recordings at once [default: 16]")
    command.set_defaults(run=embed)

    command = commands.add_parser("prepare", help="a corpus to pairs", parents=[shared])
    command.epilog = "Options after -- are those of `speech2face corpus prepare`."
    command.add_argument("corpus", help="folder of the corpus, seen by all workers")
    command.add_argument("output", help="folder for the pairs, seen by all workers")
    command.add_argument("--shards", type=int, default=16, help="[default: 16]")
    command.set_defaults(run=prepare)

    typed = sys.argv[1:]
    end = typed.index("--") if "--" in typed else len(typed)
    arguments = parser.parse_args(typed[:end])
    arguments.options = typed[end + 1 :]
    arguments.run(engine, arguments)
