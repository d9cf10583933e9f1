"""A corpus in object storage gives the pairs that the same corpus on this computer gives.

The server is moto, an S3 server of its own authors; boto3 puts the corpus there and reads the pairs
back. The program must be built with `--features object-store`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).parents[2]
#: Test data, see CONTRIBUTING.md.
DATA = Path(os.environ.get("S2F_SHARED", ROOT.parent / "shared"))
BUCKET = "mine"
#: One clip in a part, so that there is something to resume.
SETTINGS = ["--clips-per-part", "1", "--longest", "3"]


class Storage:
    """A bucket, and the program's settings to reach it."""

    def __init__(self, port: int) -> None:
        self.variables = {
            "AWS_ENDPOINT": f"http://127.0.0.1:{port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "alice",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=self.variables["AWS_ENDPOINT"],
            aws_access_key_id="alice",
            aws_secret_access_key="secret",
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket=BUCKET)

    def put(self, folder: Path, prefix: str) -> None:
        for file in folder.rglob("*"):
            if file.is_file():
                name = f"{prefix}/{file.relative_to(folder).as_posix()}"
                self.client.upload_file(str(file), BUCKET, name)

    def names(self, prefix: str) -> list[str]:
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")
        return sorted(entry["Key"][len(prefix) + 1 :] for entry in found.get("Contents", []))

    def files(self, prefix: str) -> dict[str, bytes]:
        def read(name: str) -> bytes:
            found = self.client.get_object(Bucket=BUCKET, Key=f"{prefix}/{name}")
            return bytes(found["Body"].read())

        return {name: read(name) for name in self.names(prefix)}

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["speech2face", "corpus", *map(str, arguments)],
            env={**os.environ, **self.variables, "SPEECH2FACE_MODELS": str(DATA / "models")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object, status: int = 0) -> str:
        started = self.start(*arguments)
        out, err = started.communicate(timeout=300)
        assert started.returncode == status, out + err
        return out + err


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    """An S3 server that lives as long as the tests."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield Storage(server.get_host_and_port()[1])
    server.stop()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six videos of two speakers, and one without a picture."""
    videos = DATA / "data/videos/grid"
    if not videos.is_dir():
        if os.environ.get("S2F_REQUIRE_DATA") == "1":
            pytest.fail(f"S2F_REQUIRE_DATA=1, but there is no {videos}")
        pytest.skip(f"there is no {videos}")
    folder = tmp_path_factory.mktemp("corpus")
    for speaker in ["s1", "s2"]:
        (folder / speaker).mkdir()
        for video in sorted(videos.glob(f"{speaker}_*.mpg"))[:3]:
            shutil.copy(video, folder / speaker / video.name)
    shutil.copy(ROOT / "examples/voices/low.flac", folder / "s1" / "low.flac")
    # Characters that addresses escape.
    first = min((folder / "s2").iterdir())
    first.rename(first.with_name("clip #1 [50 %]~.mpg"))
    (folder / "LICENSE").write_text("CC BY 4.0\n")
    return folder


@pytest.fixture(scope="module")
def expected(storage: Storage, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The pairs of a run on this computer, by file name."""
    out = tmp_path_factory.mktemp("pairs")
    storage.run("prepare", corpus, "-o", out, *SETTINGS)
    storage.put(corpus, "corpus")
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items()}


def test_the_same_bytes(storage: Storage, expected: dict[str, bytes], tmp_path: Path) -> None:
    """Nothing stays on this computer, and doing it again changes nothing."""
    command = ["prepare", f"s3://{BUCKET}/corpus", "-o", f"s3://{BUCKET}/pairs", *SETTINGS]
    storage.run(*command, "--scratch", tmp_path)
    assert "pairs-00000.parquet" in expected
    assert storage.files("pairs") == expected
    assert not list(tmp_path.iterdir())
    storage.run(*command, "--scratch", tmp_path)
    assert storage.files("pairs") == expected


def test_check(storage: Storage, corpus: Path, expected: dict[str, bytes]) -> None:
    """Names and tables are those of the folder."""
    assert expected
    here = json.loads(storage.run("check", corpus, "--json"))
    there = storage.run("check", f"s3://{BUCKET}/corpus", "--json")
    there = json.loads(there[there.index("{") : there.rindex("}") + 1])
    different = {name for name in here if here[name] != there[name]}
    assert different <= {"root", "path"}, different


def test_from_and_to_this_computer(
    storage: Storage, corpus: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """One side may be here."""
    storage.run("prepare", f"s3://{BUCKET}/corpus/", "-o", tmp_path / "pairs", *SETTINGS)
    here = {path.name: path.read_bytes() for path in (tmp_path / "pairs").iterdir()}
    assert here == expected
    storage.run("prepare", f"file://{corpus}", "-o", f"s3://{BUCKET}/sent", *SETTINGS)
    assert storage.files("sent") == expected


def test_shards_and_a_kill(storage: Storage, expected: dict[str, bytes]) -> None:
    """Two shards, the first killed after a part and started again, are merged to the same."""
    place = f"s3://{BUCKET}/shards"
    command = ["prepare", f"s3://{BUCKET}/corpus", "-o", place, *SETTINGS]
    started = storage.start(*command, "--shard", "0/2")
    while started.poll() is None and not any("parquet" in name for name in storage.names("shards")):
        time.sleep(0.02)
    started.send_signal(signal.SIGKILL)
    started.communicate()
    begun = [name for name in storage.names("shards") if name.endswith(".parquet")]
    assert begun and started.returncode == -signal.SIGKILL
    early = storage.run("merge", place, "-o", place, status=2)
    assert "hint" in early
    storage.run(*command, "--shard", "0/2")
    storage.run(*command, "--shard", "1/2")
    assert "summary.json" not in storage.names("shards")
    storage.run("merge", place, "-o", f"s3://{BUCKET}/merged")
    storage.run("merge", place, "-o", place)
    assert storage.files("shards") == storage.files("merged") == expected


def test_errors_name_the_address(storage: Storage, expected: dict[str, bytes]) -> None:
    """Other settings, other files, no bucket, no server."""
    corpus, out = f"s3://{BUCKET}/corpus", f"s3://{BUCKET}/pairs"
    other = storage.run("prepare", corpus, "-o", out, "--clips-per-part", "2", status=2)
    assert "begun with other settings" in other
    foreign = storage.run("prepare", corpus, "-o", corpus, status=2)
    assert f"{corpus}: it already contains LICENSE" in foreign
    missing = storage.run("prepare", "s3://nowhere/corpus", "-o", out, status=2)
    assert "s3://nowhere/corpus: " in missing and "hint: check the address" in missing
    assert storage.files("pairs") == expected
