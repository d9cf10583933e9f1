"""Compares exported files with the PyTorch definition, and onnxruntime with both.

    speech2face model export -o torch --format safetensors
    speech2face model export -o onnx --format onnx
    python reference/pytorch/check_onnx.py torch onnx

Loads the safetensors strictly into reference/pytorch/speech2face.py, runs the ONNX files, and
prints the largest differences: features and distributions relative to their largest value, landmarks relative to the
picture's side, colours relative to full brightness. Exits with an error if one is above 1e-4.

The limit for the picture is 1e-3, a quarter of a step of 8 bits: the spline's weights reach
thousands and cancel, which in single precision, in any program, leaves an error of some 4e-4 px in
the displacement, and a texture changes by up to a third of full brightness per pixel. The PyTorch
definition solves the spline in double precision.
"""

import sys
from pathlib import Path

import onnx
import onnxruntime
import torch

from speech2face import BINS, MEL_BANDS, PARTIAL, normalised, open_model

LIMIT = 1e-4
PICTURE_LIMIT = 1e-3
torch.manual_seed(1)
model = open_model(sys.argv[1])
failed = False


def opened(name):
    path = Path(sys.argv[2]) / name
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    properties = session.get_modelmeta().custom_metadata_map
    print(name, {key: properties[key] for key in sorted(properties)})
    return session


def compare(what, found, expected, scale, limit=LIMIT):
    global failed
    difference = float((torch.from_numpy(found) - expected).abs().max() / scale)
    fits = difference <= limit  # false for a NaN
    failed |= not fits
    print(f"{what:40} {difference:.1e}", "" if fits else f"ABOVE {limit:.0e}")


def clips(batch, frames, loudness=1.0):
    """Random input of the voice encoder."""
    if model.voice_encoder.has_lstm:
        return torch.rand(batch, frames, MEL_BANDS) * 4 * loudness
    return torch.randn(batch, 2, frames, BINS) * 0.5 * loudness


with torch.no_grad():
    voice = opened("voice-encoder.onnx")
    entry = voice.get_inputs()[0]
    output = voice.get_outputs()[0].name
    frames = entry.shape[1 if model.voice_encoder.has_lstm else 2]
    lengths = [frames] if isinstance(frames, int) else [601, 598, 300, 200, 161, PARTIAL]
    for length in lengths:
        for batch in (1, 3):
            x = clips(batch, length)
            expected = model.voice_encoder(x)
            found = voice.run([output], {entry.name: x.numpy()})[0]
            compare(f"{output}, batch {batch}, {length} frames", found, expected, expected.abs().max())
    silence = torch.zeros_like(clips(1, lengths[0]))
    expected = model.voice_encoder(silence)
    found = voice.run([output], {entry.name: silence.numpy()})[0]
    compare(f"{output}, silence", found, expected, expected.abs().max())

    loudness = torch.linspace(0.2, 2.0, 8)[:, None, None]
    loudness = loudness if model.voice_encoder.has_lstm else loudness[..., None]
    voices = model.voice_encoder(clips(8, lengths[0], loudness))
    if model.face_distribution:
        session = opened("face-distribution.onnx")
        names = [output.name for output in session.get_outputs()]
        expected = model.face_distribution(voices)
        for name, found in zip(names, session.run(None, {"embedding": voices.numpy()})):
            compare(f"{name} of 8 voices", found, expected[name], expected[name].abs().max())
        voices = expected["feature"]
    voices = normalised(voices, model.face_space)

    decoder = opened("face-decoder.onnx")
    names = [output.name for output in decoder.get_outputs()]
    features = {
        "of a voice": voices[:1],
        "of 8 voices": voices,
        "exaggerated by 1.4": normalised(model.exaggerate(voices, 1.4), model.face_space),
        "random": normalised(torch.randn(16, voices.shape[1]), model.face_space),
    }
    for kind, feature in features.items():
        expected = model.face_decoder(feature)
        found = dict(zip(names, decoder.run(None, {"feature": feature.numpy()})))
        for name in names:
            scale = model.face_decoder.warp.size if name == "landmarks" else 1.0
            limit = PICTURE_LIMIT if name == "picture" else LIMIT
            compare(f"{name}, {kind}", found[name], expected[name], scale, limit)

sys.exit(failed)
