"""Reference values for the layers of YuNet: PyTorch on random numbers.

    python reference/face/yunet_layers.py

writes yunet_layers.npy, one after the other: a picture [3, 33, 35] of whole numbers (R G B), weight
[6, 3, 3, 3] and bias [6] of a first convolution (colours in the order B G R, stride 2) and what it
gives for the picture filled up with 0 to 64 x 64, [6, 32, 32], every fourth pixel, [6, 8, 8]; weight
[5, 6] and bias [5] of a convolution of 1 x 1, weight [5, 3, 3] and bias [5] of one within each
channel, and what both give after a ReLU and a halving by maxima, [5, 16, 16].
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

filled = F.pad(picture.flip(0), (0, 64 - 35, 0, 64 - 33))[None]
stem = F.conv2d(filled, w0, b0, stride=2, padding=1)
half = F.max_pool2d(stem.relu(), 2)
unit = F.conv2d(F.conv2d(half, w1, b1), w2, b2, padding=1, groups=5)
parts = [picture, w0, b0, stem[0, :, ::4, ::4], w1, b1, w2, b2, unit]
numbers = np.concatenate([part.numpy().ravel() for part in parts]).astype(np.float32)
np.save(Path(__file__).parent / "yunet_layers.npy", numbers)
