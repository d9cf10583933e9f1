"""Exact search for the ten nearest faces: here and with faiss, in one run.

    cargo build --release -p s2f-metrics --example search
    python benches/search.py --faces 1000000 --dimension 256 --probes 1000

Random directions are written to disk, and both find the same ten nearest by cosine. faiss has all
faces in memory (IndexFlatIP) before its clock starts; here they are read from the file in blocks
while the clock runs. faiss first tries its settings on a part of the faces (threads, and the
processor type of OpenBLAS, which is detected wrongly on processors that are newer than OpenBLAS) and
then runs with the best ones. The two alternate, each run in its own process. Compared are the median
time, the CPU time (ours includes reading), the peak memory, and whether the same faces were found.

Needs: pip install faiss-cpu numpy; Linux, for the memory.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
FOUND = 10
CHUNK = 10_000
TRIED = 100_000


def write_directions(path, rows, dimension, seed):
    """Unit vectors, some at a time."""
    rng = np.random.default_rng(seed)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (rows, dimension))
    for first in range(0, rows, CHUNK):
        some = rng.standard_normal((min(CHUNK, rows - first), dimension), np.float32)
        out[first : first + CHUNK] = some / np.linalg.norm(some, axis=1, keepdims=True)
    out.flush()


def read_chunks(path):
    """Without mapping the file, whose pages would count as memory."""
    with open(path, "rb") as file:
        np.lib.format.read_magic(file)
        (rows, dimension), _, _ = np.lib.format.read_array_header_1_0(file)
        for first in range(0, rows, CHUNK):
            count = min(CHUNK, rows - first) * dimension
            yield np.fromfile(file, np.float32, count).reshape(-1, dimension)


def busy_seconds(of):
    usage = resource.getrusage(of)
    return usage.ru_utime + usage.ru_stime


def search_faiss(folder, threads, most, sender):
    """Among the first faces, in a process of its own."""
    import faiss

    faiss.omp_set_num_threads(threads)
    probes = np.concatenate(list(read_chunks(folder / "probes.npy")))
    index = faiss.IndexFlatIP(probes.shape[1])
    start = time.perf_counter()
    for some in itertools.islice(read_chunks(folder / "gallery.npy"), -(-most // CHUNK)):
        index.add(some)
    reading = time.perf_counter() - start
    start, before = time.perf_counter(), busy_seconds(resource.RUSAGE_SELF)
    _, ids = index.search(probes, FOUND)
    seconds = time.perf_counter() - start
    busy = busy_seconds(resource.RUSAGE_SELF) - before
    np.save(folder / "faiss.npy", ids)
    status = Path("/proc/self/status").read_text()
    peak = 1024 * int(status.split("VmHWM:")[1].split()[0])
    sender.send(
        {"seconds": seconds, "with_reading": seconds + reading, "busy": busy, "peak_bytes": peak}
    )


def run_faiss(folder, setting, most):
    threads, core = setting
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    process = spawn.Process(target=search_faiss, args=(folder, threads, most, sender))
    # OpenBLAS reads it once, when it is loaded.
    os.environ.pop("OPENBLAS_CORETYPE", None)
    if core:
        os.environ["OPENBLAS_CORETYPE"] = core
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        sys.exit("faiss did not come to an end; is there memory for all faces?")
    finally:
        process.join()


def best_setting(folder, threads):
    """Threads and kind of processor that faiss is fastest with here."""
    cores = [None]
    if " avx512f " in Path("/proc/cpuinfo").read_text():
        cores.append("SkylakeX")
    tried = {}
    for setting in itertools.product(sorted({1, threads}), cores):
        runs = [run_faiss(folder, setting, TRIED)["seconds"] for _ in range(3)]
        tried[setting] = statistics.median(runs)
        print(f"faiss, threads and processor {setting}: {tried[setting]:.3f} s", file=sys.stderr)
    return min(tried, key=tried.get)


def run_program(program, folder, threads):
    files = [folder / name for name in ("probes.npy", "gallery.npy", "ids.npy")]
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
    before = busy_seconds(resource.RUSAGE_CHILDREN)
    run = subprocess.run([program, *files], env=environment, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)
    return {
        "seconds": found["seconds"] - found["reading_seconds"],
        "with_reading": found["seconds"],
        "busy": busy_seconds(resource.RUSAGE_CHILDREN) - before,
        "peak_bytes": found["peak_bytes"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--probes", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only-ours", action="store_true", help="where faiss has not enough memory")
    parser.add_argument("--folder", type=Path, help="where the faces are written for the time of the run")
    parser.add_argument("--program", default=str(ROOT / "target/release/examples/search"))
    parser.add_argument("--json", action="store_true", help="print what each turn took, as JSON")
    options = parser.parse_args()

    ways = {"speech2face": lambda folder: run_program(options.program, folder, options.threads)}
    turns = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        folder = Path(folder)
        write_directions(folder / "gallery.npy", options.faces, options.dimension, 1)
        write_directions(folder / "probes.npy", options.probes, options.dimension, 2)
        if not options.only_ours:
            setting = best_setting(folder, options.threads)
            ways["faiss"] = lambda folder: run_faiss(folder, setting, options.faces)
            turns["faiss"] = []
        for _ in range(options.turns):
            for name, way in ways.items():
                turns[name].append(way(folder))
                print(f"{name}: {turns[name][-1]}", file=sys.stderr)
            if not options.only_ours:
                same = np.load(folder / "ids.npy") == np.load(folder / "faiss.npy")
                # Cosines that differ in their last digit may change places.
                print(f"{100 * same.mean():.3f} % of the found faces are the same", file=sys.stderr)

    if options.json:
        print(json.dumps(turns))
        return
    print(
        f"{options.faces} faces of {options.dimension} dimensions, {options.probes} probes, "
        f"{options.threads} threads, {options.turns} turns"
    )
    print(f"{'':12} {'search':>9} {'with reading':>13} {'busy':>9} {'most memory':>12}")
    middle = lambda name, what: statistics.median(turn[what] for turn in turns[name])
    for name in ways:
        print(
            f"{name:12} {middle(name, 'seconds'):7.2f} s {middle(name, 'with_reading'):11.2f} s "
            f"{middle(name, 'busy'):7.2f} s {middle(name, 'peak_bytes') / 1e6:9.0f} MB"
        )
    if not options.only_ours:
        print(f"faiss ran with threads and processor {setting}")
        print(f"same faces   {100 * same.mean():.3f} %")
        for what in ("seconds", "with_reading", "busy"):
            pairs = zip(turns["faiss"], turns["speech2face"])
            ratios = [theirs[what] / ours[what] for theirs, ours in pairs]
            print(f"faiss / ours, {what}: {statistics.median(ratios):.2f} (each turn {[round(r, 2) for r in ratios]})")


if __name__ == "__main__":
    main()
