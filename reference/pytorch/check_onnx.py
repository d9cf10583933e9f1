"""Exported files against the PyTorch definition, and onnxruntime against both.

    speech2face model export -o torch --format safetensors
    speech2face model export -o onnx --format onnx
    python reference/pytorch/check_onnx.py torch onnx

Loads the safetensors strictly into reference/pytorch/speech2face.py, runs both ONNX files, and
prints the largest differences: features relative to their largest number, landmarks relative to the
picture's side, colours relative to full brightness. Ends with an error above 1e-4.
"""

import sys
from pathlib import Path

import onnx
import onnxruntime
import torch

from speech2face import BINS, normalised, open_model

LIMIT = 1e-4
torch.manual_seed(1)
model = open_model(sys.argv[1])
worst = 0.0


def opened(name):
    path = Path(sys.argv[2]) / name
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    properties = session.get_modelmeta().custom_metadata_map
    print(name, {key: properties[key] for key in sorted(properties)})
    return session


def compare(what, found, expected, scale):
    global worst
    difference = float((torch.from_numpy(found) - expected).abs().max() / scale)
    worst = max(worst, difference) if difference == difference else float("inf")
    print(f"{what:40} {difference:.1e}")


with torch.no_grad():
    voice = opened("voice-encoder.onnx")
    frames = voice.get_inputs()[0].shape[2]
    lengths = [frames] if isinstance(frames, int) else [598, 300, 200]
    for length in lengths:
        for batch in (1, 3):
            spectrogram = torch.randn(batch, 2, length, BINS) * 0.5
            expected = model.voice_encoder(spectrogram)
            (found,) = voice.run(None, {"spectrogram": spectrogram.numpy()})
            compare(f"feature, batch {batch}, {length} frames", found, expected, expected.abs().max())
    silence = torch.zeros(1, 2, lengths[0], BINS)
    expected = model.voice_encoder(silence)
    (found,) = voice.run(None, {"spectrogram": silence.numpy()})
    compare("feature, silence", found, expected, expected.abs().max())

    decoder = opened("face-decoder.onnx")
    names = [output.name for output in decoder.get_outputs()]
    for batch in (1, 16):
        feature = normalised(torch.randn(batch, model.face_space["dimension"]), model.face_space)
        expected = model.face_decoder(feature)
        found = dict(zip(names, decoder.run(None, {"feature": feature.numpy()})))
        for name in names:
            scale = model.face_decoder.warp.size if name == "landmarks" else 1.0
            compare(f"{name}, batch {batch}", found[name], expected[name], scale)

print(f"largest {worst:.1e}, limit {LIMIT:.0e}")
sys.exit(worst > LIMIT)
