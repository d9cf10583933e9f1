"""Reference values for reducing and rotating pictures: Pillow.

    python reference/face/picture.py

writes shrink_input.npy [60, 90, 3] and shrink_output.npy [24, 36, 3] (uint8, bicubic with
antialiasing), and turned.jpg: 24 x 16, the left half red and the right half blue, stored with
EXIF orientation 6, so that a viewer shows 16 x 24, red above blue.
"""

from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent

rng = np.random.default_rng(5)

noise = rng.integers(0, 256, (30, 45, 3)).astype(np.uint8)
picture = Image.fromarray(noise).resize((90, 60), Image.Resampling.BILINEAR)
np.save(HERE / "shrink_input.npy", np.asarray(picture))
np.save(HERE / "shrink_output.npy", np.asarray(picture.resize((36, 24), Image.Resampling.BICUBIC)))

halves = np.zeros((16, 24, 3), np.uint8)
halves[:, :12, 0] = 255
halves[:, 12:, 2] = 255
exif = Image.Exif()
exif[0x0112] = 6
Image.fromarray(halves).save(HERE / "turned.jpg", quality=95, subsampling=0, exif=exif)
