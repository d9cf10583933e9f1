"""A service as one would write it in Python: FastAPI, and ONNX Runtime with the exported networks.

    pip install fastapi uvicorn onnxruntime soundfile numpy pillow
    speech2face model export -o onnx --format onnx
    S2F_ONNX=onnx uvicorn serve_fastapi:app --app-dir benches --port 8000

`POST /v1/reconstruct` takes a recording with 16 kHz and gives the mean face as PNG, with the
windows and the front end of the program. It does less: no resampling, no detection of speech, so
the distribution is not tempered, no log-density, no metadata. benches/serve.py runs it.
"""

import io
import os
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from PIL import Image

RATE, WINDOW, HOP, BANDS = 16_000, 400, 160, 40
CLIP, CLIP_HOP = 6 * RATE, 3 * RATE
LEVEL_DBFS = -30.0


def slaney_mel(hz):
    linear = hz / (200.0 / 3.0)
    return np.where(hz < 1000.0, linear, 15.0 + 27.0 * np.log(np.maximum(hz, 1.0) / 1000.0) / np.log(6.4))


def slaney_hz(mel):
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0))


def mel_bands():
    """Triangles of equal area, [bins, bands]."""
    edges = slaney_hz(np.linspace(0.0, slaney_mel(np.array(RATE / 2)), BANDS + 2))
    bins = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    up = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return (np.maximum(0.0, np.minimum(up, down)) * 2.0 / (edges[2:] - edges[:-2])).astype(np.float32)


HANN = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
MEL = mel_bands()


def mel_spectrogram(samples):
    dbfs = 10.0 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-30)
    samples = samples * np.float32(10.0 ** (max(LEVEL_DBFS - dbfs, 0.0) / 20.0))
    padded = np.pad(samples, WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    return (np.abs(np.fft.rfft(frames * HANN)) ** 2).astype(np.float32) @ MEL


FOLDER = Path(os.environ.get("S2F_ONNX", "onnx"))


def session(name):
    return onnxruntime.InferenceSession(FOLDER / f"{name}.onnx", providers=["CPUExecutionProvider"])


encoder, distribution, decoder = map(session, ("voice-encoder", "face-distribution", "face-decoder"))
IDENTITY = 256  # dimensions of unit length; the others are traits


def draw(recording):
    samples, rate = soundfile.read(io.BytesIO(recording), dtype="float32", always_2d=True)
    if rate != RATE:
        raise HTTPException(422, "16 kHz only")
    samples = samples.mean(axis=1)
    last = max(0, len(samples) - CLIP)
    starts = [min(n * CLIP_HOP, last) for n in range(-(-last // CLIP_HOP) + 1)]
    clips = [np.resize(samples[start : start + CLIP], CLIP) for start in starts]
    mel = np.stack([mel_spectrogram(clip) for clip in clips])
    (embeddings,) = encoder.run(None, {"mel": mel})
    mean = embeddings.mean(axis=0, keepdims=True)
    feature = distribution.run(["feature"], {"embedding": mean})[0]
    feature[:, :IDENTITY] /= np.linalg.norm(feature[:, :IDENTITY])
    (picture,) = decoder.run(["picture"], {"feature": feature})
    pixels = np.rint(np.clip(picture[0], 0.0, 1.0) * 255.0).astype(np.uint8).transpose(1, 2, 0)
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "png", compress_level=1)
    return png.getvalue()


app = FastAPI()


@app.get("/ready")
def ready():
    return {"status": "ready"}


@app.post("/v1/reconstruct")
async def reconstruct(request: Request):
    recording = await request.body()
    return Response(await run_in_threadpool(draw, recording), media_type="image/png")
