"""Reference values for a pair's face, for head pose, for sharpness and for face encoders from ONNX
files: NumPy, SciPy, OpenCV, ONNX Runtime. No picture shows a person.

    python reference/face/pair_face.py

writes
- pair_input.npy [90, 110, 3] and pair_output.npy [2, 56, 56, 3] (uint8), pair_points.npy
  [2, 5, 2]: a picture, and every fourth pixel of two crops of 224 x 224 pixels at the points, one
  reduced and one enlarged; the similarity transform is Umeyama's, with NumPy's SVD, and every value
  is the weighted mean of all pixels of the picture with Keys' kernel (a = -1/2, stretched if the
  picture is reduced), edge pixels repeated;
- turn.npy [n, 13]: the five points of a rigid face in orthographic projection, then yaw, pitch and
  the angle between face and camera in degrees;
- sharpness.npy: one value for each of sharpness_input.npy [2, 56, 56, 3];
- encoder.onnx (224 pixels: means over squares of 32, then a matrix), encoder_open.onnx (any side),
  encoder.jpg and encoder_output.npy [2, 6]: the output of encoder.onnx at unit length, for R G B,
  and for B G R with mean and scale.
"""

from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

HERE = Path(__file__).parent
rng = np.random.default_rng(11)

# The alignment of MobileFace Identification V2, and its position in a square of 224 pixels.
TEMPLATE = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ]
)
PAIR = TEMPLATE * 4 / 3 + (37.5, 44.0)


def umeyama(source, target):
    """Matrix [2, 3] of the similarity transform from source to target, by least squares."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a / len(a))
    d = np.diag([1.0, np.sign(np.linalg.det(u @ vt))])
    turn = u @ d @ vt
    scale = (s * np.diag(d)).sum() / a.var(0).sum()
    return np.c_[scale * turn, target.mean(0) - scale * turn @ source.mean(0)]


def keys(t):
    t = np.abs(t)
    near = (1.5 * t - 2.5) * t**2 + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t < 1, near, np.where(t < 2, far, 0))


def cut(picture, points, every):
    there = umeyama(points, PAIR)
    back = np.linalg.inv(there[:, :2])
    step = max(np.sqrt(abs(np.linalg.det(back))), 1.0)
    margin = 300
    wide = np.pad(picture.astype(float), ((margin, margin), (margin, margin), (0, 0)), "edge")
    side = np.arange(0, 224, every)
    result = np.zeros((len(side), len(side), 3))
    for i, row in enumerate(side):
        for j, column in enumerate(side):
            x, y = back @ (np.array([column, row]) - there[:, 2])
            rows = keys((np.arange(-margin, picture.shape[0] + margin) - y) / step)
            columns = keys((np.arange(-margin, picture.shape[1] + margin) - x) / step)
            wanted = wide[rows != 0][:, columns != 0]
            weight = np.outer(rows[rows != 0], columns[columns != 0])
            result[i, j] = np.tensordot(weight, wanted, 2) / weight.sum()
    return np.clip(np.round(result), 0, 255).astype(np.uint8)


noise = gaussian_filter(rng.normal(size=(90, 110, 3)), (1, 1, 0))
picture = np.clip(127 + 250 * noise, 0, 255).astype(np.uint8)
turn = Rotation.from_euler("z", 25, degrees=True).as_matrix()[:2, :2]
centred = TEMPLATE - TEMPLATE.mean(0)
points = np.stack(
    [
        (1.9 * centred @ turn.T + (60, 40)) + rng.normal(size=(5, 2)),
        (0.5 * centred @ turn + (50, 45)) + 0.3 * rng.normal(size=(5, 2)),
    ]
).astype(np.float32)
np.save(HERE / "pair_input.npy", picture)
np.save(HERE / "pair_points.npy", points)
np.save(HERE / "pair_output.npy", np.stack([cut(picture, p.astype(float), 4) for p in points]))

# A face with a nose 22 mm deep and eyes 63 mm = 35.2 pixels apart, in orthographic projection; the
# tip of the nose is where the detector finds it on frontal portraits.
solid = np.c_[TEMPLATE, np.zeros(5)]
solid[2] += (0.4, 2.8, 22 / 63 * 35.2)
rows = []
for yaw, pitch, roll, size in [
    (0, 0, 0, 1),
    (30, 0, 0, 1),
    (-20, 0, 15, 2.5),
    (0, 25, -10, 0.4),
    (0, -15, 0, 1),
    (25, 20, 0, 1),
    (-35, 12, 30, 3),
    (50, -30, -5, 1),
]:
    rotation = (
        Rotation.from_euler("z", roll, degrees=True)
        * Rotation.from_euler("x", -pitch, degrees=True)
        * Rotation.from_euler("y", yaw, degrees=True)
    )
    projected = size * rotation.apply(solid)[:, :2] + (40, -30)
    angle = np.degrees(np.arccos(rotation.apply([0, 0, 1])[2]))
    rows.append([*projected.ravel(), yaw, pitch, angle])
np.save(HERE / "turn.npy", np.array(rows))

faces = np.stack([gaussian_filter(rng.normal(size=(56, 56, 3)), (s, s, 0)) for s in (0.7, 3)])
faces = np.clip(127 + 60 * faces / faces.std((1, 2, 3), keepdims=True), 0, 255).astype(np.uint8)
values = []
for face in faces:
    grey = cv2.cvtColor(face.astype(np.float32), cv2.COLOR_RGB2GRAY).astype(np.float64)
    inner = (slice(1, -1), slice(1, -1))
    values.append(cv2.Laplacian(grey, cv2.CV_64F, ksize=1)[inner].var() / grey[inner].var())
np.save(HERE / "sharpness_input.npy", faces)
np.save(HERE / "sharpness.npy", np.array(values))


def network(name, side, pool, inputs, outputs):
    weight = rng.normal(size=(outputs, inputs)).astype(np.float32) / 10
    shape = ["n", 3, side, side] if side else ["n", 3, "height", "width"]
    nodes = [
        pool,
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight"], ["feature"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("feature", TensorProto.FLOAT, ["n", outputs])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, HERE / name)


pool = helper.make_node(
    "AveragePool", ["face"], ["pooled"], kernel_shape=[32, 32], strides=[32, 32]
)
network("encoder.onnx", 224, pool, 3 * 7 * 7, 6)
network("encoder_open.onnx", None, helper.make_node("GlobalAveragePool", ["face"], ["pooled"]), 3, 4)

colours = gaussian_filter(rng.normal(size=(224, 224, 3)), (20, 20, 0))
colours = np.clip(127 + 80 * colours / colours.std(), 0, 255).astype(np.uint8)
Image.fromarray(colours).save(HERE / "encoder.jpg", quality=90, subsampling=0)
pixels = np.asarray(Image.open(HERE / "encoder.jpg")).astype(np.float32)
session = onnxruntime.InferenceSession(HERE / "encoder.onnx")
outputs = []
for values, mean, scale in [
    (pixels, (127.5, 127.5, 127.5), (1 / 127.5, 1 / 127.5, 1 / 127.5)),
    (pixels[:, :, ::-1], (104, 117, 123), (1, 0.5, 0.25)),
]:
    face = ((values - np.float32(mean)) * np.float32(scale)).transpose(2, 0, 1)[None]
    (output,) = session.run(None, {"face": np.ascontiguousarray(face)})
    outputs.append(output[0] / np.linalg.norm(output[0]))
np.save(HERE / "encoder_output.npy", np.stack(outputs).astype(np.float32))
