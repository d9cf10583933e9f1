"""One part of the way from a voice to a face, in another program: called by peers.py.

    python benches/peer_runtimes.py PART PEER RUNS THREADS FOLDER

Reads its input from the folder, writes its output there as PART.PEER, and prints the seconds of
each run. The part `export` writes ONNX files of networks that the program itself does not export.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1] / "reference" / "nn"), str(Path(__file__).parent)]
WARM_UP = 2
PARTIAL, STARTS = 160, [441 * index // 6 for index in range(7)]


def mel_filters():
    """Slaney's mel filters of librosa: 40 bands of 201 bins up to 8 kHz."""
    import torch

    hertz = lambda mel: np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))
    top = 15 + 27 * np.log(8) / np.log(6.4)
    corners = hertz(np.linspace(0, top, 42))
    bins = np.linspace(0, 8000, 201)
    low, centre, high = (corners[first : first + 40, None] for first in range(3))
    slopes = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
    return torch.from_numpy((np.maximum(slopes, 0) * 2 / (high - low)).astype(np.float32))


def mel(samples, window, filters):
    import torch

    transform = torch.stft(
        samples, 400, 160, window=window, pad_mode="constant", return_complex=True
    )
    return (filters @ transform.abs().square()).T  # [601, 40]


def speaker_network(folder):
    """Partials [7, 160, 40] to the embedding of the clip."""
    import torch
    from safetensors.torch import load_file
    from torch import nn
    from torch.nn.functional import normalize

    class SpeakerEncoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
            self.linear = nn.Linear(256, 256)

        def forward(self, partials):
            states, _ = self.lstm(partials)
            embeddings = normalize(self.linear(states[:, -1]).relu(), dim=1)
            return normalize(embeddings.mean(0, keepdim=True), dim=1)

    network = SpeakerEncoder().eval()
    values = load_file(folder / "encoder-shipped.safetensors")
    state = {}
    for name, value in values.items():
        name = name.removeprefix("trunk.")
        if name.startswith("lstm."):
            _, layer, side, kind = name.split(".")
            name = f"lstm.{kind}_{'ih' if side == 'input' else 'hh'}_l{layer}"
        state[name] = value.float()
    network.load_state_dict(state)
    return network


def mobile_face(folder):
    import torch
    from mobile_face import forward, read_params

    params = read_params(folder / "mobileface.params")
    params = {name: value.float() for name, value in params.items()}

    class MobileFace(torch.nn.Module):
        def forward(self, picture):
            return forward(picture, params)

    return MobileFace().eval()


def export(folder):
    import torch

    partials = torch.zeros(7, PARTIAL, 40)
    file = folder / "encoder-shipped.onnx"
    torch.onnx.export(speaker_network(folder), (partials,), file, dynamo=False)
    if (folder / "mobileface.params").exists():
        picture = torch.zeros(1, 3, 112, 112)
        file = folder / "mobileface-forward.onnx"
        torch.onnx.export(mobile_face(folder), (picture,), file, dynamo=False)


def face_decoder(folder):
    """The paper's, in the layout that is faster in PyTorch."""
    import torch
    from face_decoder import DeconvolutionHead, FaceDecoder
    from safetensors.torch import load_file

    head = DeconvolutionHead(1000, 14, [256, 128, 64, 32, 32])
    network = FaceDecoder(4096, 1000, 65, 1000, head)
    network.load_state_dict(load_file(folder / "train-face-decoder.safetensors"), strict=False)
    return network.to(memory_format=torch.channels_last)


def floats(folder, name, *shape):
    return np.fromfile(folder / name, "<f4").reshape(shape)


def read_input(part, folder):
    match part:
        case "encoder-shipped" | "spectrogram":
            return floats(folder, "clip", -1)
        case "face-decoder":
            return floats(folder, "feature", 1, -1)
        case "train-face-decoder":
            return floats(folder, "features", 8, 4096)
        case "mobileface" | "mobileface-forward":
            return floats(folder, "picture", 1, 3, 112, 112)
    return floats(folder, "spectrogram", 1, 2, 598, 257)


def onnx_runner(part, peer, threads, folder):
    """What runs an ONNX file: array to array."""
    file = str(folder / f"{'encoder-paper' if part == 'cold-start' else part}.onnx")
    output = 2 if part == "face-decoder" else 0  # the picture
    if peer == "onnxruntime":
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(file, settings, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda x: session.run(None, {name: x})[output]
    import openvino

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
    }
    model = openvino.Core().compile_model(file, "CPU", settings)
    request = model.create_infer_request()
    return lambda x: request.infer([x])[model.output(output)]


def torch_runner(part, folder):
    import torch

    if part == "mobileface":
        network = mobile_face(folder)

        def gradient(x):
            x = torch.from_numpy(x).requires_grad_()
            network(x).sum().backward()
            return x.grad.numpy()

        return gradient
    if part == "train-face-decoder":
        network = face_decoder(folder)

        def step(x):
            x = torch.from_numpy(x).requires_grad_()
            network.zero_grad()
            landmarks, texture = network(x)
            (texture.square().mean() + landmarks.square().mean()).backward()
            return x.grad.numpy()

        return step
    if part == "spectrogram":
        window = torch.nn.functional.pad(torch.hann_window(400), (0, 112))

        def spectrogram(x):
            # The transform alone. A shorter window would be centred in the frame.
            x = torch.nn.functional.pad(torch.from_numpy(x), (0, 112))
            return torch.stft(x, 512, 160, window=window, center=False, return_complex=True).numpy()

        return spectrogram
    if part == "mobileface-forward":
        network = mobile_face(folder)
    else:
        from safetensors.torch import load_file
        from train_step import Compact
        from voice_encoder import paper

        network = Compact() if part == "encoder-compact" else paper()
        inner = network.network if part == "encoder-compact" else network
        network.format = torch.channels_last
        file = folder / f"{'encoder-paper' if part == 'cold-start' else part}.safetensors"
        state = {name.removeprefix("trunk."): value for name, value in load_file(file).items()}
        inner.load_state_dict(state, strict=False)
        network.eval().to(memory_format=torch.channels_last)
    return lambda x: network(torch.from_numpy(x)).numpy()


def with_mel(network):
    import torch

    window, filters = torch.hann_window(400), mel_filters()

    def run(samples):
        bands = mel(torch.from_numpy(samples), window, filters)
        return network(torch.stack([bands[start : start + PARTIAL] for start in STARTS]))

    return run


def runner(part, peer, threads, folder):
    if part == "encoder-shipped":
        if peer == "torch":
            network = speaker_network(folder)
            return with_mel(lambda partials: network(partials).numpy())
        session = onnx_runner(part, peer, threads, folder)
        return with_mel(lambda partials: session(partials.numpy()))
    if peer == "torch":
        return torch_runner(part, folder)
    return onnx_runner(part, peer, threads, folder)


def main():
    part, peer, runs, threads, folder = sys.argv[1:]
    runs, threads, folder = int(runs), int(threads), Path(folder)
    if part == "export":
        return export(folder)
    if peer == "torch" or part == "encoder-shipped":
        import torch

        torch.set_num_threads(threads)
        torch.set_grad_enabled(part in ("mobileface", "train-face-decoder"))
    x = read_input(part, folder)
    seconds = []
    if part == "cold-start":
        __import__(peer)
        start = time.perf_counter()
        output = runner(part, peer, threads, folder)(x)
        seconds.append(time.perf_counter() - start)
    else:
        run = runner(part, peer, threads, folder)
        for index in range(WARM_UP + runs):
            start = time.perf_counter()
            output = run(x)
            if index >= WARM_UP:
                seconds.append(time.perf_counter() - start)
    if part != "spectrogram":
        np.asarray(output, "<f4").tofile(folder / f"{part}.{peer}")
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
