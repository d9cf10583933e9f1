"""MobileFace V2 in PyTorch, with batch normalisation as published: features and a gradient.

python mobile_face.py MobileFace_Identification_V2-0000.params

Reads the published MXNet file, runs the graph of MobileFace_Identification_V2-symbol.json in
double precision on two pictures of 14 x 14 random colours, each a block of 8 x 8 pixels, and writes
pictures, features and the gradient of a weighted sum of the features to mobile_face.safetensors
beside this file.
"""

import struct
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file


def read_params(path):
    data = Path(path).read_bytes()
    at = 0

    def read(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values

    magic, _, count = read("QQQ")
    assert magic == 0x112
    arrays = []
    for _ in range(count):
        magic, storage, axes = read("IiI")
        assert (magic, storage) == (0xF993FAC9, 0)
        shape = read(f"{axes}q")
        _, _, kind = read("iii")
        assert kind == 0
        n = int(np.prod(shape))
        arrays.append(np.frombuffer(data, "<f4", n, at).reshape(shape))
        at += 4 * n
    (names,) = read("Q")
    assert names == count
    named = {}
    for array in arrays:
        (length,) = read("Q")
        name = data[at : at + length].decode()
        at += length
        named[name.split(":", 1)[1]] = torch.from_numpy(array.astype(np.float64))
    assert at == len(data)
    return named


def norm(x, params, name):
    return F.batch_norm(
        x,
        params[f"{name}_moving_mean"],
        params[f"{name}_moving_var"],
        params[f"{name}_gamma"],
        params[f"{name}_beta"],
        eps=1e-3,
    )


def conv(x, params, i, stride=1, groups=1):
    weight = params[f"convolution{i}_weight"]
    x = F.conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2, groups=groups)
    return norm(x, params, f"batchnorm{i}")


def forward(x, params):
    x = (x - 127.5) * 0.0078125
    x = F.conv2d(x, params["conv1_weight"], params["conv1_bias"], 2, 1)
    x = norm(x, params, "bn1").clamp(0, 6)
    for block in range(12):
        stride = 2 if block % 3 == 0 else 1
        inner = params[f"convolution{3 * block}_weight"].shape[0]
        y = conv(x, params, 3 * block).clamp(0, 6)
        y = conv(y, params, 3 * block + 1, stride, inner).clamp(0, 6)
        y = conv(y, params, 3 * block + 2)
        x = y if stride == 2 else x + y
    return norm(x.flatten(1) @ params["fc5_weight"].T, params, "fc5_bn")


if __name__ == "__main__":
    torch.set_num_threads(1)
    params = read_params(sys.argv[1])
    print(sum(p.numel() for p in params.values()), "parameters")
    rng = np.random.default_rng(0)
    colours = torch.from_numpy(rng.integers(0, 256, (2, 3, 14, 14)).astype(np.float64))
    direction = torch.from_numpy(rng.standard_normal(256))
    colours.requires_grad_()
    pictures = colours.repeat_interleave(8, 2).repeat_interleave(8, 3)
    features = forward(pictures, params)
    (gradient,) = torch.autograd.grad((features * direction).sum(), colours)
    print("features up to", features.abs().max().item(), "gradient up to", gradient.abs().max().item())
    values = {
        "colours": colours,
        "direction": direction,
        "features": features,
        "gradient": gradient,
    }
    save_file(
        {name: value.detach().to(torch.float32).contiguous() for name, value in values.items()},
        Path(__file__).with_suffix(".safetensors"),
    )
