"""Preparing a corpus: the bytes of the command, in shards, after interruptions."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from conftest import ROOT, Command

import speech2face as s2f

#: Test data, see CONTRIBUTING.md.
DATA = Path(os.environ.get("S2F_SHARED", ROOT.parent / "shared"))
SETTINGS = {"fps": 1.0, "seed": 3, "clips_per_part": 2, "max_turn": 60.0}
OPTIONS = ["--fps=1", "--seed=3", "--clips-per-part=2", "--max-turn=60"]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten videos of four people, and the networks that preparing them needs."""
    missing = [path for path in (DATA / "data/videos/grid", DATA / "models") if not path.exists()]
    if missing or shutil.which("ffmpeg") is None:
        reason = f"no test data at {missing[0]}" if missing else "ffmpeg is not installed"
        if os.environ.get("S2F_REQUIRE_DATA") == "1":
            pytest.fail(f"S2F_REQUIRE_DATA=1, but {reason}")
        pytest.skip(reason)
    os.environ["SPEECH2FACE_MODELS"] = str(DATA / "models")
    folder = tmp_path_factory.mktemp("corpus")
    videos = sorted((DATA / "data/videos/grid").glob("*.mpg"))
    people = sorted({video.name.split("_")[0] for video in videos})[:4]
    for person, count in zip(people, [3, 3, 2, 2], strict=True):
        (folder / person).mkdir()
        for video in [video for video in videos if video.name.startswith(f"{person}_")][:count]:
            (folder / person / video.name).symlink_to(video)
    (folder / people[0] / "broken.mpg").write_bytes(b"not a video")
    return folder


@pytest.fixture(scope="session")
def expected(
    corpus: Path, command: Command, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, bytes], dict[str, object]]:
    """The files of the command, and what it prints."""
    out = tmp_path_factory.mktemp("command") / "pairs"
    run = command("corpus", "prepare", corpus, "-o", out, "--json", *OPTIONS)
    assert run.returncode == 0, run.stderr
    return files(out), json.loads(run.stdout)


def files(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {name: path.read_bytes() for name, path in found.items() if path.is_file()}


def test_pairs_are_those_of_the_command(
    corpus: Path, expected: tuple[dict[str, bytes], dict[str, object]], tmp_path: Path
) -> None:
    out = tmp_path / "pairs"
    seen: list[tuple[int, int]] = []
    summary = s2f.corpus.prepare(
        corpus, out, **SETTINGS, progress=lambda done, clips: seen.append((done, clips))
    )
    written, printed = expected
    assert summary == printed and files(out) == written
    assert seen == [(done, 11) for done in range(12)]
    assert len(s2f.Pairs(out)) == printed["pairs"] == 10
    # It is finished: nothing is computed again.
    assert s2f.corpus.prepare(corpus, out, **SETTINGS) == summary


def _shard(corpus: Path, out: Path, index: int) -> None:
    assert s2f.corpus.prepare(corpus, out, shard=(index, 2), jobs=1, **SETTINGS) is None


# A process that is forked from this one has none of the threads of the parent.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_shards_in_worker_processes_become_the_same_pairs(
    corpus: Path,
    expected: tuple[dict[str, bytes], dict[str, object]],
    tmp_path: Path,
    method: str,
) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {method}")
    out = tmp_path / "pairs"
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as workers:
        shards = [workers.submit(_shard, corpus, out, index) for index in range(2)]
        for shard in shards:
            shard.result(timeout=300)
    assert s2f.corpus.merge([out], out) == expected[1]
    assert files(out) == expected[0]


def test_ctrl_c_stops_it_and_the_same_call_resumes_it(
    corpus: Path,
    expected: tuple[dict[str, bytes], dict[str, object]],
    tmp_path: Path,
    python: Callable[[str], subprocess.Popen[str]],
) -> None:
    out = tmp_path / "pairs"
    code = (
        "import speech2face as s2f\n"
        "def progress(done, clips):\n"
        "    print(done, flush=True)\n"
        f"s2f.corpus.prepare({str(corpus)!r}, {str(out)!r}, jobs=1, progress=progress,"
        f" **{SETTINGS!r})\n"
    )
    process = python(code)
    assert process.stdout is not None
    while process.stdout.readline() not in ("3\n", ""):
        pass
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0 and "KeyboardInterrupt" in said, said
    assert time.monotonic() - begun < 20
    parts = {name for name in files(out) if name.startswith("parts/")}
    assert parts and "pairs-00000.parquet" not in files(out)

    # An exception of the function of progress stops it, too.
    def fail(done: int, clips: int) -> None:
        if done > 5:
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        s2f.corpus.prepare(corpus, out, progress=fail, **SETTINGS)
    assert s2f.corpus.prepare(corpus, out, **SETTINGS) == expected[1]
    assert files(out) == expected[0]


def test_what_cannot_be_prepared_is_said(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs"
    with pytest.raises(FileNotFoundError, match="missing"):
        s2f.corpus.prepare(tmp_path / "missing", out)
    with pytest.raises(s2f.Error, match="inside the corpus"):
        s2f.corpus.prepare(corpus, corpus / "pairs")
    for arguments, word in [
        ({"fps": 0.0}, "frames per second"),
        ({"shard": (2, 2)}, "shard"),
        ({"layout": "voxceleb9"}, "voxceleb9"),
        ({"encoder": "arcface"}, "arcface"),
        ({"encoder": "vgg-face"}, "weights"),
        ({"mean": [127.5] * 3}, "mean"),
        ({"crop": "hair"}, "hair"),
        ({"device": "gpu"}, "gpu"),
        ({"jobs": 0}, "jobs"),
    ]:
        with pytest.raises(ValueError, match=word):
            s2f.corpus.prepare(corpus, out, **arguments)
    with pytest.raises(s2f.Error, match="README"):
        s2f.corpus.prepare(corpus, out, detector=ROOT / "README.md")
    assert not out.exists()
