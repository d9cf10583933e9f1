"""Square crops in PyTorch: boxes in the middle, at the edges and beyond them.

Writes face_crop.safetensors beside this file. Of each crop, every 9th pixel from (3, 5) is kept.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(0)
pictures = torch.rand(2, 1, 40, 60)
boxes = torch.tensor(
    [
        [10.7, 3.2, 20.9, 30.5],  # taller than wide, odd padding
        [-4.5, -2.5, 50.0, 20.0],  # clipped at the left and at the top
        [30.0, 25.0, 40.0, 40.0],  # clipped at the right and at the bottom
        [0.0, 0.0, 60.0, 40.0],  # the whole picture
    ]
)
values = {"pictures": pictures, "boxes": boxes}
for i, box in enumerate(boxes.floor().int().tolist()):
    x, y, w, h = box
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, 60), min(y + h, 40)
    face = pictures[:, :, y0:y1, x0:x1]
    h, w = y1 - y0, x1 - x0
    side = max(h, w)
    left, top = (side - w) // 2, (side - h) // 2
    square = F.pad(face, (left, side - w - left, top, side - h - top))
    crop = F.interpolate(square, (112, 112), mode="bilinear", align_corners=False)
    values[f"crop{i}"] = crop[:, :, 3::9, 5::9].contiguous()
save_file(values, Path(__file__).with_suffix(".safetensors"))
