"""Each engine with two workers, one of which is killed, gives the bytes of a single process.

`cargo xtask check scale` runs it with all that it needs: the packages of requirements.txt, the
package speech2face, and the program speech2face on PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import speech2face as s2f

SCRIPTS = Path(__file__).parent
ROOT = SCRIPTS.parents[1]
#: Test data, see CONTRIBUTING.md.
DATA = Path(os.environ.get("S2F_SHARED", ROOT.parent / "shared"))
ENGINES = ["with_ray", "with_daft", "with_spark"]
#: A run that takes longer has stalled.
TIMEOUT_S = 600


def unchecked(reason: str) -> None:
    """Skips a test, or fails if nothing may be missing."""
    if os.environ.get("S2F_REQUIRE_DATA") == "1":
        pytest.fail(f"S2F_REQUIRE_DATA=1, but {reason}")
    pytest.skip(reason)


def need_java() -> None:
    if shutil.which("java") is None:
        pytest.skip("java is not installed; hint: `apt-get install default-jre-headless`")


def run(
    script: str, *arguments: object, address: str = "local", marker: Path | None = None
) -> str:
    """Runs a script as its first lines say; with a marker, a worker is killed.

    The address is that of a cluster of Ray, or "local" for one that is started and stopped.
    """
    if script == "with_spark":
        need_java()
        workers = ["--master", "local-cluster[2,1,1024]", "--py-files", SCRIPTS / "work.py"]
        command = [Path(sys.executable).with_name("spark-submit"), *workers]
    else:
        command = [Path(sys.executable)]
    if marker is None:
        command += [SCRIPTS / f"{script}.py"]
    else:
        command += [SCRIPTS / "killed.py", marker, script]
    variables = {
        "PYSPARK_PYTHON": sys.executable,
        "RAY_ADDRESS": address,
        "RAY_USAGE_STATS_ENABLED": "0",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    done = subprocess.run(
        [*map(str, command), *map(str, arguments)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The address of a cluster of Ray with two nodes of one processor each."""
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.add_node(num_cpus=1)
    yield nodes.address
    nodes.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture(scope="session")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty recordings of three seconds, and one that is none."""
    folder = tmp_path_factory.mktemp("voices")
    for name in ("low", "high"):
        samples = s2f.decode(ROOT / "examples" / "voices" / f"{name}.flac")
        (folder / name).mkdir()
        for index in range(20):
            stem = "middle" if (name, index) == ("low", 0) else f"{index:02}"
            clip = samples[index * 1600 :][:48_000].clip(-1, 1)
            with wave.open(str(folder / name / f"{stem}.wav"), "wb") as file:
                file.setparams((1, 2, 16_000, 0, "NONE", ""))
                file.writeframes((clip * 32767).astype("<i2").tobytes())
    (folder / "broken.wav").write_bytes(b"not a recording")
    return folder


@pytest.fixture(scope="session")
def features(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a single process writes."""
    output = tmp_path_factory.mktemp("alone") / "features.parquet"
    assert run("alone", "embed", voices, output) == "40 features, 1 errors\n"
    return output


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Fourteen videos in the layout of AVSpeech; the networks that preparing them needs."""
    corpus = DATA / "data" / "corpora" / "avspeech"
    networks = DATA / "models"
    for folder in (corpus, networks):
        if not folder.exists():
            unchecked(f"there is no test data at {folder}")
    if shutil.which("ffmpeg") is None:
        unchecked("ffmpeg is not installed")
    os.environ["SPEECH2FACE_MODELS"] = str(networks)
    return corpus


@pytest.fixture(scope="session")
def pairs(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command prepares without shards."""
    output = tmp_path_factory.mktemp("alone") / "pairs"
    command = ["speech2face", "corpus", "prepare", corpus, "-o", output, *SMALL_PARTS]
    subprocess.run([str(argument) for argument in command], check=True)
    return output


#: So that each shard has several parts.
SMALL_PARTS = ["--clips-per-part", "2"]


def test_features_are_those_of_the_package(voices: Path, features: Path) -> None:
    rows = pq.read_table(features).to_pylist()
    names = sorted(str(file.relative_to(voices)) for file in voices.rglob("*.wav"))
    assert [row["recording"] for row in rows] == names
    [failed] = [row for row in rows if row["error"] is not None]
    assert failed["recording"] == "broken.wav"
    assert failed["error"].startswith("broken.wav: ")
    assert failed["feature"] is None
    model = s2f.Model()
    for row in rows[1::7]:
        [expected] = model.embed([voices / row["recording"]])
        np.testing.assert_array_equal(np.float32(row["feature"]), expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_features_with_a_killed_worker(
    engine: str, voices: Path, features: Path, cluster: str, tmp_path: Path
) -> None:
    marker, output = tmp_path / "killed", tmp_path / "features.parquet"
    arguments = ["embed", voices, output, "--batch", 4]
    assert "40 features, 1 errors\n" in run(engine, *arguments, address=cluster, marker=marker)
    assert marker.exists(), "no worker was killed"
    assert output.read_bytes() == features.read_bytes()


@pytest.mark.parametrize("engine", ENGINES)
def test_pairs_with_a_killed_worker(
    engine: str, corpus: Path, pairs: Path, cluster: str, tmp_path: Path
) -> None:
    marker, output = tmp_path / "killed", tmp_path / "pairs"
    arguments = ["prepare", corpus, output, "--shards", 3, "--", *SMALL_PARTS]
    run(engine, *arguments, address=cluster, marker=marker)
    assert marker.exists(), "no worker was killed"
    assert contents(output) == contents(pairs)


@pytest.mark.parametrize("engine", ENGINES)
def test_commands_as_documented(engine: str, voices: Path, features: Path, tmp_path: Path) -> None:
    output = tmp_path / "features.parquet"
    run(engine, "embed", voices, output)
    assert output.read_bytes() == features.read_bytes()


def test_spark_reads_pairs(pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_java()
    from pyspark.sql import SparkSession

    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    spark = builder.getOrCreate()
    try:
        files = [str(file) for file in sorted(pairs.glob("pairs-*.parquet"))]
        found = spark.read.parquet(*files).toArrow().sort_by("pair_id")
    finally:
        spark.stop()
    expected = pq.read_table(files).sort_by("pair_id")
    assert found.column_names == expected.column_names
    assert found.num_rows > 0 and found.to_pylist() == expected.to_pylist()


def test_hyperqueue(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole, output = tmp_path / "whole", tmp_path / "pairs"
    subprocess.run(["speech2face", "corpus", "prepare", corpus, "-o", whole], check=True)
    run("with_hyperqueue", corpus, output, "--shards", 2, "--local", 2)
    assert contents(output) == contents(whole)


def test_kubernetes_counts_agree() -> None:
    import yaml

    job = yaml.safe_load((SCRIPTS / "kubernetes.yaml").read_text())["spec"]
    [container] = job["template"]["spec"]["containers"]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    assert job["completionMode"] == "Indexed"
    assert variables["JOB_COMPLETIONS"] == str(job["completions"])


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of all files in a folder."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}
