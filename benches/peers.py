"""Speed on a CPU: here and with what else one would take, in one run.

    cargo build --release -p s2f-cli -p speech2face -p s2f-train -p s2f-metrics --examples
    python benches/peers.py --mobileface MobileFace_Identification_V2-0000.params --json rows.json

Each part is computed alternately by this program and by every other one, each time in a process
of its own, on the same input and the same weights, with one thread and with two. Runs that are not
timed come first, except in `cold-start`, which is one run from opening the weights (in the page
cache) to the feature. A ratio is our time over that of the fastest other program, the median over
the turns; below 1, we are faster. `difference` is the largest one between its output and ours,
over the largest value.

The networks for other runtimes are the program's own ONNX files, and PyTorch modules for what those
do not support. All compute in single precision. Training steps of the voice encoder come from
train_step.py, the search from search.py; `train-face-decoder` is the paper's decoder with its
gradients, for eight faces.

--quick takes fewer turns and leaves out what takes minutes. Without --mobileface, its parts are
left out. Needs: pip install torch onnxruntime openvino faiss-cpu onnx safetensors numpy; Linux.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "target/release/examples"
CLIP = 96_000  # samples: 6 s
# Part: other programs, runs a turn, whether --quick has it.
PARTS = {
    "encoder-paper": (("onnxruntime", "openvino", "torch"), 2, True),
    "encoder-compact": (("onnxruntime", "openvino", "torch"), 20, True),
    "encoder-shipped": (("onnxruntime", "torch"), 20, True),
    "face-decoder": (("onnxruntime", "openvino"), 20, True),
    "train-face-decoder": (("torch",), 3, True),
    "mobileface": (("torch",), 20, True),
    "mobileface-forward": (("onnxruntime", "openvino", "torch"), 20, True),
    "spectrogram": (("torch",), 50, True),
    "cold-start": (("onnxruntime", "openvino", "torch"), 1, True),
    "train-compact": (("torch",), 3, True),
    "train-paper": (("torch",), 1, False),
    "search": (("faiss",), 1, True),
}
PACKAGES = ("torch", "onnxruntime", "openvino", "faiss-cpu", "numpy")


def run(command, threads):
    """The JSON that a program prints."""
    names = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = {**os.environ, **{name: str(threads) for name in names}}
    words = [str(word) for word in command]
    result = subprocess.run(words, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{command}: {result.stderr[-2000:]}")
    return json.loads(result.stdout)


def prepare(folder, mobileface):
    """Inputs, and networks in the formats of all programs."""
    rng = np.random.default_rng(1)
    inputs = {
        "clip": 0.1 * rng.standard_normal(CLIP),
        "spectrogram": rng.standard_normal((2, 598, 257)),
        "feature": rng.standard_normal(259) / 259**0.5,
        "features": rng.standard_normal((8, 4096)) / 64,
        "picture": rng.uniform(0, 255, (3, 112, 112)),
    }
    for name, values in inputs.items():
        values.astype("<f4").tofile(folder / name)
    subprocess.run([EXAMPLES / "inference", "export", "0", folder], check=True)
    if mobileface:
        (folder / "mobileface.params").write_bytes(mobileface.read_bytes())
    export = [HERE / "peer_runtimes.py", "export", "-", "0", "1", folder]
    subprocess.run([sys.executable, *export], check=True)


def difference(folder, part, peer):
    ours, theirs = (folder / f"{part}.{name}" for name in ("ours", peer))
    if not (ours.exists() and theirs.exists()):
        return None
    ours, theirs = np.fromfile(ours, "<f4"), np.fromfile(theirs, "<f4")
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def measure(part, threads, folder, turns):
    """Medians of each turn, ours first: name to seconds."""
    peers, runs, _ = PARTS[part]
    seconds = {name: [] for name in ("speech2face", *peers)}
    for _ in range(turns):
        command = [EXAMPLES / "inference", part, runs, folder]
        seconds["speech2face"].append(statistics.median(run(command, threads)["seconds"]))
        for peer in list(seconds)[1:]:
            command = [sys.executable, HERE / "peer_runtimes.py", part, peer, runs, threads, folder]
            seconds[peer].append(statistics.median(run(command, threads)["seconds"]))
    return seconds


def measure_training(part, threads, turns):
    preset = part.removeprefix("train-")
    batch = {"compact": 32, "paper": 8}[preset]
    steps = PARTS[part][1]
    command = [sys.executable, HERE / "train_step.py", "--preset", preset, "--batch", batch]
    found = run([*command, "--steps", steps, "--turns", turns], threads)
    return {"speech2face": found["our_seconds"], "torch": found["torch_seconds"]}


def measure_search(threads, turns, quick):
    faces = 200_000 if quick else 1_000_000
    command = [sys.executable, HERE / "search.py", "--faces", faces, "--turns", turns]
    found = run([*command, "--threads", threads, "--json"], threads)
    return {name: [turn["seconds"] for turn in found[name]] for name in ("speech2face", "faiss")}


def row(part, threads, seconds, folder):
    medians = {name: statistics.median(turns) for name, turns in seconds.items()}
    peer = min((name for name in seconds if name != "speech2face"), key=medians.get)
    ratios = [our / their for our, their in zip(seconds["speech2face"], seconds[peer])]
    return {
        "work": part,
        "threads": threads,
        "ours": medians["speech2face"],
        "ours_min": min(seconds["speech2face"]),
        "best_peer": medians[peer],
        "best_peer_min": min(seconds[peer]),
        "peer": peer,
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "difference": difference(folder, part, peer),
        "all": medians,
    }


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return next(names, "?")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ", ".join(PARTS)
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=names)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a few minutes")
    parser.add_argument("--mobileface", type=Path, help="MobileFace_Identification_V2-0000.params")
    parser.add_argument("--json", type=Path, help="file to write the rows to")
    options = parser.parse_args()

    turns = min(options.turns, 2) if options.quick else options.turns
    wanted = [part for part, (_, _, quick) in PARTS.items() if quick or not options.quick]
    parts = options.only or wanted
    if not options.mobileface:
        parts = [part for part in parts if not part.startswith("mobileface")]
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    print(f"{processor()}, {os.cpu_count()} cores, {platform.platform()}")
    print(f"{versions}; {turns} turns")
    header = (f"{name:>11}" for name in ("ours", "min", "theirs", "min"))
    print(f"{'':19} {'threads':>7} {' '.join(header)}  ratio (range)")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        prepare(folder, options.mobileface)
        for part in parts:
            for threads in options.threads:
                if part in ("train-compact", "train-paper"):
                    seconds = measure_training(part, threads, turns)
                elif part == "search":
                    seconds = measure_search(threads, turns, options.quick)
                else:
                    seconds = measure(part, threads, folder, turns)
                found = row(part, threads, seconds, folder)
                rows.append(found)
                ours, theirs = (
                    f"{1e3 * found[name]:8.2f} ms {1e3 * found[name + '_min']:7.2f} ms"
                    for name in ("ours", "best_peer")
                )
                low, high = found["ratio_range"]
                ratio = f"{found['ratio']:.2f} ({low:.2f} to {high:.2f}) {found['peer']}"
                if found["difference"] is not None:
                    ratio += f", difference {found['difference']:.0e}"
                print(f"{part:19} {threads:7} {ours} {theirs}  {ratio}", flush=True)
                if options.json:
                    options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
