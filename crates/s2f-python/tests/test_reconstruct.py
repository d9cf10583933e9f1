"""Faces: the same bytes as the command, from every kind of recording."""

from __future__ import annotations

import io
import json
import os
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import soundfile
from conftest import Command, hum

import speech2face as s2f


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["--exaggerate", "0.7"], {"exaggerate": 0.7}),
        (["--window", "first"], {"window": "first"}),
        (["--style", "sticker"], {"style": "cartoon"}),
        (["--style", "line", "--caricature", "1"], {"style": "line", "caricature": 1.0}),
    ],
)
def test_a_picture_has_the_bytes_of_the_command(
    model: s2f.Model, voice: Path, command: Command, tmp_path: Path, arguments: list, options: dict
) -> None:
    expected, found = tmp_path / "expected.png", tmp_path / "found.png"
    assert command("reconstruct", voice, "-o", expected, *arguments).returncode == 0
    model.reconstruct(voice, **options).save(found)
    assert found.read_bytes() == expected.read_bytes()


def test_plausible_faces_have_the_bytes_of_the_command(
    model: s2f.Model, voice: Path, command: Command, tmp_path: Path
) -> None:
    options = ["--faces", "3", "--seed", "7", "--truncate", "0.8"]
    assert command("reconstruct", voice, "-o", tmp_path, *options).returncode == 0
    face = model.reconstruct(voice, faces=3, seed=7, truncate=0.8)
    face.save(tmp_path / "own.png")
    face.save(tmp_path / "own.json")
    expected = [tmp_path / f"low-{number}.png" for number in (1, 2, 3)]
    assert [one.png for one in face.faces] == [path.read_bytes() for path in expected]
    for own, name in [("own.png", "low.png"), ("own.json", "low.json")]:
        assert (tmp_path / own).read_bytes() == (tmp_path / name).read_bytes()
    assert face.sheet == (tmp_path / "low-faces.png").read_bytes()
    assert face._repr_png_() == face.sheet
    assert len(face.document["faces"]) == 3
    assert face.faces[0].document == {}


def test_a_cartoon_is_saved_as_svg(
    model: s2f.Model, voice: Path, command: Command, tmp_path: Path
) -> None:
    expected, found = tmp_path / "expected.svg", tmp_path / "found.svg"
    assert command("reconstruct", voice, "-o", expected, "--style", "line").returncode == 0
    model.reconstruct(voice, style="line").save(found)
    assert found.read_bytes() == expected.read_bytes()


def test_a_face_has_arrays_and_pictures(model: s2f.Model, voice: Path, tmp_path: Path) -> None:
    face = model.reconstruct(voice)
    assert (face.image.dtype, face.image.shape) == (np.uint8, (224, 224, 3))
    assert (face.landmarks.dtype, face.landmarks.shape[1]) == (np.float32, 2)
    assert (face.feature.dtype, face.feature.shape) == (np.float32, (model.dimension,))
    with PIL.Image.open(io.BytesIO(face.png)) as picture:
        assert np.array_equal(np.asarray(picture.convert("RGB")), face.image)
        assert picture.info["Description"].startswith("Synthetic image.")
    with face.pil() as picture:
        assert picture.size == (224, 224)
    document = json.loads(face.json or b"")
    assert document["feature"] == pytest.approx(face.feature.tolist())
    assert document == face.document and document["model"]["sha256"] == model.sha256
    face.image[0, 0] = 0  # may be changed
    assert face._repr_png_() == face.png and "224" in repr(face)
    for name in ["face.gif", "face.svg"]:
        with pytest.raises(ValueError, match="no format"):
            face.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_bytes_and_files_are_read_as_a_path_is(model: s2f.Model, voice: Path) -> None:
    expected = model.reconstruct(voice).png
    assert model.reconstruct(str(voice)).png == expected
    assert model.reconstruct(voice.read_bytes()).png == expected
    assert model.reconstruct(io.BytesIO(voice.read_bytes())).png == expected
    with voice.open("rb") as file:
        assert model.reconstruct(file).png == expected


def test_samples_give_the_picture_of_their_file(model: s2f.Model, voice: Path) -> None:
    expected = model.reconstruct(voice).image
    for dtype in ["int16", "int32", "float32", "float64"]:
        samples, rate = soundfile.read(voice, dtype=dtype)
        assert samples.dtype == dtype
        stereo = np.stack([samples, samples], 1)
        for shape in [samples, samples[:, None], samples[None], stereo, stereo.T]:
            face = model.reconstruct((shape, rate))
            assert np.array_equal(face.image, expected), (dtype, shape.shape)


def test_channels_are_averaged() -> None:
    left, right = hum(120, 4).astype(np.float32), hum(200, 4).astype(np.float32)
    both = s2f.decode((np.stack([left, right]), 16_000))
    assert np.allclose(both, (left + right) / 2, atol=1e-7)


def test_tensors_are_read_as_arrays_are(model: s2f.Model, voice: Path) -> None:
    torch = pytest.importorskip("torch")
    samples, rate = soundfile.read(voice, dtype="float32")
    tensor = torch.from_numpy(samples)[None].requires_grad_()
    expected = model.reconstruct((samples, rate)).png
    assert model.reconstruct((tensor, rate)).png == expected


def test_errors_have_the_message_and_the_hint_of_the_command(
    model: s2f.Model, command: Command, tmp_path: Path
) -> None:
    text, short = tmp_path / "text.wav", tmp_path / "short.wav"
    text.write_text("not sound")
    soundfile.write(short, hum(100, 0.5), 16_000)
    for path in [text, short, tmp_path / "missing.wav"]:
        with pytest.raises(s2f.Error) as caught:
            model.reconstruct(path)
        said = command("reconstruct", path).stderr.decode()
        assert caught.value.message in said and str(caught.value.hint) in said
        assert str(caught.value) == f"{caught.value.message}\nhint: {caught.value.hint}"
        assert isinstance(caught.value, FileNotFoundError) == (path.name == "missing.wav")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exaggerate": 9.0}, "exaggerate is 9"),
        ({"faces": 101}, "faces is 101"),
        ({"faces": -1}, "faces is -1"),
        ({"faces": 1, "truncate": 2.0}, "truncation"),
        ({"style": "oil"}, "oil"),
        ({"style": "line", "caricature": 5.0}, "caricature"),
        ({"window": "last"}, "last"),
    ],
)
def test_arguments_out_of_range_are_value_errors(
    model: s2f.Model, voice: Path, options: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        model.reconstruct(voice, **options)
    assert isinstance(caught.value, s2f.Error) and caught.value.hint


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        (3, "int is no recording"),
        ((np.zeros(5),), "tuple of 1"),
        (io.StringIO("text"), "open for text"),
        ((np.zeros((2, 3, 4)), 16_000), "3 axes"),
        ((np.zeros((200, 300)), 16_000), "200 channels"),
        ((np.zeros(20_000, complex), 16_000), "complex"),
        ((hum(100, 2), 0), "the rate is 0"),
        ((hum(100, 2) * np.nan, 16_000), "NaN"),
        ((np.zeros(32_000), 16_000), "silent"),
        ((hum(100, 0.5), 16_000), "at least 1 s"),
    ],
)
def test_what_is_no_recording_is_a_value_error(
    model: s2f.Model, recording: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        model.reconstruct(recording)  # type: ignore[arg-type]


def test_a_recording_without_speech_warns(model: s2f.Model) -> None:
    noise = np.random.default_rng(0).normal(size=48_000) * 0.05
    with pytest.warns(s2f.RecordingWarning, match="no speech was found"):
        model.reconstruct((noise, 16_000))


def test_a_voice_does_not_warn(model: s2f.Model, voice: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.reconstruct(voice)


def test_models(tmp_path: Path, model: s2f.Model) -> None:
    assert model.name == "compact" and len(model.sha256) == 64
    assert model.dimension > model.identity_dimension == 256
    assert model.config["name"] == "compact" and model.parameters > 1_000_000
    assert "compact" in model.card.lower()
    with pytest.raises(FileNotFoundError, match="no model or folder"):
        s2f.Model(tmp_path / "missing")
    with pytest.raises(s2f.Error, match="model folder"):
        s2f.Model(tmp_path)
    for device in ["tpu", "cuda:0"]:
        with pytest.raises(ValueError, match=device.split(":")[0]):
            s2f.Model(device=device)
    assert repr(model) == "Model('compact', device='auto')"
    assert os.fspath(tmp_path)
