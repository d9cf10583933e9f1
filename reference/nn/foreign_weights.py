"""Small weights files in the formats of MXNet and face-api.js, written from their specifications.

Writes foreign_mxnet.params, foreign_manifest.json, foreign_shard1.bin, foreign_shard2.bin, and
their values in foreign_weights.safetensors, to this folder.
"""

import json
import struct
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
rng = np.random.default_rng(0)
kernel = rng.standard_normal((3, 2, 1, 2)).astype("<f4")
variance = rng.uniform(0.5, 2, 5).astype("<f4")
arrays = {"arg:conv_weight": kernel, "aux:bn_moving_var": variance}

mxnet = struct.pack("<QQQ", 0x112, 0, len(arrays))
for array in arrays.values():
    mxnet += struct.pack("<IiI", 0xF993FAC9, 0, array.ndim)
    mxnet += struct.pack(f"<{array.ndim}q", *array.shape)
    mxnet += struct.pack("<iii", 1, 0, 0) + array.tobytes()
mxnet += struct.pack("<Q", len(arrays))
for name in arrays:
    mxnet += struct.pack("<Q", len(name)) + name.encode()
(HERE / "foreign_mxnet.params").write_bytes(mxnet)

bytes_ = rng.integers(0, 256, (2, 3), dtype=np.uint8)
scale, smallest = 0.0123, -1.5
bias = rng.standard_normal(3).astype("<f4")
# The group's values are split between two files, within a float.
stream = bytes_.tobytes() + bias.tobytes()
(HERE / "foreign_shard1.bin").write_bytes(stream[:8])
(HERE / "foreign_shard2.bin").write_bytes(stream[8:])
quantization = {"dtype": "uint8", "scale": scale, "min": smallest}
weights = [
    {"name": "fc/weights", "shape": [2, 3], "dtype": "float32", "quantization": quantization},
    {"name": "fc/bias", "shape": [3], "dtype": "float32"},
]
manifest = [{"weights": weights, "paths": ["foreign_shard1.bin", "foreign_shard2.bin"]}]
(HERE / "foreign_manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")

save_file(
    {
        "conv_weight": kernel,
        "bn_moving_var": variance,
        "fc/weights": (bytes_ * scale + smallest).astype(np.float32),
        "fc/bias": bias,
    },
    HERE / "foreign_weights.safetensors",
)
