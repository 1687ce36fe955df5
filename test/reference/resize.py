"""Stored values for test/image: what Pillow makes of seeded pictures. Run: python test/reference/resize.py

Needs Pillow < 13, which changed the order of the two passes for tall pictures (python-pillow/Pillow#9549)."""

import json
import pathlib

from PIL import Image

MODES = {1: "L", 3: "RGB"}
CASES = [  # width, height, bytes a pixel -> width, height
    (7, 5, 3, 4, 4),
    (5, 7, 3, 13, 11),
    (33, 20, 3, 8, 8),
    (64, 64, 1, 10, 10),
    (3, 50, 3, 6, 6),
    (1, 1, 3, 4, 3),
    (9, 6, 3, 9, 2),
    (6, 9, 3, 2, 9),
    (100, 3, 1, 7, 3),
]


def noise(count, seed):
    """The bytes that test/image/image.test.ts makes too."""
    state, out = seed, bytearray()
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        out.append(state >> 24)
    return bytes(out)


cases = []
for i, (w, h, c, ow, oh) in enumerate(CASES):
    image = Image.frombytes(MODES[c], (w, h), noise(w * h * c, i + 1))
    resized = image.resize((ow, oh), Image.BILINEAR)
    cases.append({"from": [w, h, c], "to": [ow, oh], "seed": i + 1, "bytes": list(resized.tobytes())})
rgb = noise(300, 99)
luma = list(Image.frombytes("RGB", (10, 10), rgb).convert("L").tobytes())
path = pathlib.Path(__file__).with_name("resize.json")
path.write_text(json.dumps({"pillow": Image.__version__, "cases": cases, "luma": {"seed": 99, "bytes": luma}}) + "\n")
