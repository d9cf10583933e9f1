"""Features of several voices, threads, processes and Ctrl-C."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import VOICES, Command

import speech2face as s2f

BOTH = [VOICES / "low.flac", VOICES / "high.flac"]


def test_features_are_those_of_the_command(
    model: s2f.Model, command: Command, tmp_path: Path
) -> None:
    done = command("reconstruct", *BOTH, "-o", tmp_path, "--format", "npy")
    assert done.returncode == 0
    features = model.embed(BOTH, jobs=2)
    assert (features.dtype, features.shape) == (np.float32, (2, model.dimension))
    for row, path in zip(features, BOTH, strict=True):
        written = np.load(tmp_path / f"{path.stem}.feature.npy")
        assert np.array_equal(model.reconstruct(path).feature, written)
        # Decoding normalises a feature again, which changes its last bits.
        assert np.allclose(row, written, rtol=0, atol=1e-7)


def test_a_feature_does_not_depend_on_the_others_nor_on_threads(model: s2f.Model) -> None:
    one = model.embed(BOTH[:1], jobs=1)[0]
    many = model.embed(BOTH * 3, jobs=3)
    assert np.array_equal(many[0], one) and np.array_equal(many[4], one)
    assert np.array_equal(many[1], many[5]) and not np.array_equal(many[0], many[1])
    assert model.embed([]).shape == (0, model.dimension)


def test_bad_files_raise_or_are_returned(model: s2f.Model, tmp_path: Path) -> None:
    missing = tmp_path / "missing.wav"
    recordings = [BOTH[0], missing, BOTH[1]]
    with pytest.raises(FileNotFoundError, match="missing.wav"):
        model.embed(recordings)
    features, errors = model.embed(recordings, errors="return")
    assert errors[0] is None and errors[2] is None
    assert isinstance(errors[1], s2f.NotFoundError) and errors[1].hint
    assert np.isnan(features[1]).all()
    assert np.array_equal(features[[0, 2]], model.embed(BOTH))
    for wrong in [{"jobs": 0}, {"errors": "ignore"}, {"window": "last"}]:
        with pytest.raises(ValueError, match="0|ignore|last"):
            model.embed(recordings, **wrong)
    with pytest.raises(ValueError, match="single recording"):
        model.embed(str(BOTH[0]))


def test_threads_share_a_model(model: s2f.Model) -> None:
    expected = [model.reconstruct(path).png for path in BOTH]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda path: model.reconstruct(path).png, BOTH * 4))
    assert found == expected * 4


def test_other_threads_run_meanwhile(model: s2f.Model) -> None:
    done = threading.Event()

    def work() -> None:
        model.embed(BOTH * 6, jobs=1)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    ticks = 0
    while not done.is_set():
        time.sleep(0.002)
        ticks += 1
    thread.join()
    # Without releasing the interpreter there would be none or one.
    assert ticks > 20


def test_models_and_faces_are_pickled(model: s2f.Model) -> None:
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.embed(BOTH), model.embed(BOTH))
    face = model.reconstruct(BOTH[0], faces=2)
    copy = pickle.loads(pickle.dumps(face))
    assert np.array_equal(copy.image, face.image) and copy.png == face.png
    assert [one.png for one in copy.faces] == [one.png for one in face.faces]
    try:
        model.reconstruct("missing.wav")
    except s2f.Error as error:
        other = pickle.loads(pickle.dumps(error))
        assert (type(other), other.message, other.hint) == (type(error), error.message, error.hint)


def _embed(model: s2f.Model, path: str) -> np.ndarray:
    return model.embed([path])[0]


# A process that is forked from this one has none of the threads of the parent.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_models_go_to_worker_processes(model: s2f.Model, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {method}")
    expected = model.embed(BOTH)
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as workers:
        found = [workers.submit(_embed, model, str(path)) for path in BOTH]
        rows = [future.result(timeout=120) for future in found]
    assert np.array_equal(rows, expected)


def _draw(path: str) -> np.ndarray:
    return s2f.Model().reconstruct(path).feature


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_opens_networks_of_its_own() -> None:
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system cannot fork")
    expected = _draw(str(BOTH[0]))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as workers:
        found = workers.submit(_draw, str(BOTH[0])).result(timeout=120)
    assert np.array_equal(found, expected)


def test_ctrl_c_stops_between_recordings(
    python: Callable[[str], subprocess.Popen[str]],
) -> None:
    # It would take minutes.
    code = (
        "import speech2face as s2f\n"
        "model = s2f.Model()\n"
        "print('ready', flush=True)\n"
        f"model.embed([{str(BOTH[0])!r}] * 5000, jobs=1)\n"
    )
    process = python(code)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0 and "KeyboardInterrupt" in said
    assert time.monotonic() - begun < 10
