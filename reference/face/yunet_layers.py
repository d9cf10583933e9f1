"""Reference values for the layers of YuNet: PyTorch on random values.

    python reference/face/yunet_layers.py

writes yunet_layers.npy, one after the other: a picture [3, 33, 35] of integers (R G B); weight [6,
3, 3, 3] and bias [6] of a first convolution (channels B G R, stride 2), and every fourth pixel, [6,
8, 8], of its output [6, 32, 32] for the picture padded with 0 to 64 x 64; weight [5, 6] and bias
[5] of a 1 x 1 convolution, weight [5, 3, 3] and bias [5] of a depthwise one, and the output of
both, [5, 16, 16], after ReLU and max pooling of the first.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.manual_seed(4)

picture = torch.randint(0, 256, (3, 33, 35)).double()
shapes = [(6, 3, 3, 3), (6,), (5, 6, 1, 1), (5,), (5, 1, 3, 3), (5,)]
# In single precision, as the network has them.
w0, b0, w1, b1, w2, b2 = [torch.randn(s).float().double() / 4 for s in shapes]

padded = F.pad(picture.flip(0), (0, 64 - 35, 0, 64 - 33))[None]
stem = F.conv2d(padded, w0, b0, stride=2, padding=1)
half = F.max_pool2d(stem.relu(), 2)
unit = F.conv2d(F.conv2d(half, w1, b1), w2, b2, padding=1, groups=5)
parts = [picture, w0, b0, stem[0, :, ::4, ::4], w1, b1, w2, b2, unit]
values = np.concatenate([part.numpy().ravel() for part in parts]).astype(np.float32)
np.save(Path(__file__).parent / "yunet_layers.npy", values)
