"""Corpus preparation: `speech2face corpus prepare` beside a plain Python pipeline, in one run.

    python benches/prepare.py VIDEOS --detector yunet_n_dynamic.onnx [--program target/release/speech2face]

VIDEOS is a folder per person with video files; the GRID corpus of talking faces
(https://zenodo.org/records/3625687) is the data behind the figures in the documentation.

The Python pipeline is what research scripts do: ffmpeg writes frames and sound, YuNet runs in
onnxruntime, the best face is aligned and saved, librosa makes the spectrogram. It is measured in
two ways: plain, one video after the other, where onnxruntime may use all cores; and with a pool of
processes, one a core, where everything is loaded once. Both do less than `corpus prepare`: they do
not look for speech, do not describe the face, and take the face they are surest of.

Needs: pip install librosa onnxruntime opencv-python-headless numpy; ffmpeg on the PATH.
"""

import argparse
import concurrent.futures
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FRAMES_PER_SECOND = 2
RATE_HZ = 16000
TEMPLATE = [
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
]
VIDEO_ENDINGS = {".mp4", ".mkv", ".webm", ".mov", ".avi", ".mpg", ".mpeg"}


def start_worker(detector_path, threads):
    """Imports and loads once a process."""
    global cv2, np, librosa, detector
    import cv2
    import librosa
    import numpy as np
    import onnxruntime

    cv2.setNumThreads(threads)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    detector = onnxruntime.InferenceSession(detector_path, options)


def detect(picture):
    """The surest face of a B G R picture: its score and its five points."""
    height, width = picture.shape[:2]
    bottom, right = -height % 32, -width % 32
    padded = cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_CONSTANT)
    tensor = padded.transpose(2, 0, 1)[None].astype(np.float32)
    names = [f"{name}_{stride}" for stride in (8, 16, 32) for name in ("cls", "obj", "kps")]
    outputs = detector.run(names, {detector.get_inputs()[0].name: tensor})
    best = (0.0, None)
    for i, stride in enumerate((8, 16, 32)):
        cls, obj, points = (output[0] for output in outputs[3 * i : 3 * i + 3])
        scores = np.sqrt(cls * obj)[:, 0]
        cell = int(scores.argmax())
        if scores[cell] > best[0]:
            columns = padded.shape[1] // stride
            corner = np.array([cell % columns, cell // columns], np.float32)
            best = (float(scores[cell]), (points[cell].reshape(5, 2) + corner) * stride)
    return best


def prepare_clip(job):
    video, out = job
    with tempfile.TemporaryDirectory() as folder:
        run = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(video)]
        frames = ["-vf", f"fps={FRAMES_PER_SECOND}", f"{folder}/%03d.jpg"]
        sound = ["-vn", "-ac", "1", "-ar", str(RATE_HZ), f"{folder}/sound.wav"]
        subprocess.run(run + frames + sound, check=True)
        found = (0.0, None, None)
        for path in sorted(Path(folder).glob("*.jpg")):
            picture = cv2.imread(str(path))
            score, points = detect(picture)
            if score > found[0]:
                found = (score, points, picture)
        score, points, picture = found
        samples, _ = librosa.load(f"{folder}/sound.wav", sr=RATE_HZ)
    if score < 0.6:
        return 0
    transform, _ = cv2.estimateAffinePartial2D(points, np.array(TEMPLATE, np.float32))
    face = cv2.warpAffine(picture, transform, (112, 112))
    spectrum = librosa.stft(samples, n_fft=512, hop_length=160, win_length=400, center=False)
    name = f"{video.parent.name}-{video.stem}"
    cv2.imwrite(f"{out}/{name}.jpg", face)
    np.save(f"{out}/{name}.npy", spectrum)
    return 1


def run_python(videos, detector, out, processes):
    jobs = [(video, out) for video in videos]
    threads = os.cpu_count() // processes
    with concurrent.futures.ProcessPoolExecutor(
        max_workers=processes, initializer=start_worker, initargs=(detector, threads)
    ) as pool:
        return sum(pool.map(prepare_clip, jobs))


def run_program(program, folder, detector, out):
    subprocess.run(
        [program, "corpus", "prepare", folder, "-o", out, "--detector", detector, "-q"], check=True
    )
    return json.loads(Path(out, "summary.json").read_text())["pairs"]


def seconds_of(video):
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]
    return float(subprocess.run(command + [video], check=True, capture_output=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path)
    parser.add_argument("--detector", required=True)
    parser.add_argument("--program", default="target/release/speech2face")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    videos = sorted(p for p in args.videos.glob("*/*") if p.suffix.lower() in VIDEO_ENDINGS)
    if not videos:
        sys.exit(f"{args.videos}: no folders with videos")
    length_s = sum(seconds_of(video) for video in videos)

    ways = {
        "Python, plain": lambda out: run_python(videos, args.detector, out, 1),
        "Python, pool": lambda out: run_python(videos, args.detector, out, os.cpu_count()),
        "speech2face": lambda out: run_program(args.program, args.videos, args.detector, out),
    }
    times = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, way in ways.items():
            out = tempfile.mkdtemp()
            start = time.perf_counter()
            pairs = way(out)
            times[name].append(time.perf_counter() - start)
            shutil.rmtree(out)
            print(f"{name}: {times[name][-1]:.2f} s, {pairs} of {len(videos)} clips", file=sys.stderr)

    print(f"{len(videos)} clips, {length_s:.0f} s, {os.cpu_count()} cores")
    for name, taken in times.items():
        median = statistics.median(taken)
        ratios = [theirs / ours for theirs, ours in zip(taken, times["speech2face"])]
        print(
            f"{name:14} median {median:6.2f} s  {length_s / median:5.1f} x real time  "
            f"{statistics.median(ratios):.2f} x the time of speech2face (lowest {min(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
