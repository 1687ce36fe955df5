"""Write the sample images of `tinytrain demo`: five upper-body garments of Fashion-MNIST.

    python make_demo.py --source FASHION_MNIST_FOLDER --out demo

The folder holds `t10k-images-idx3-ubyte.gz` and `t10k-labels-idx1-ubyte.gz`. The first images of
each class in file order are taken, so nothing is hand-picked: 0.png to 4.png to learn from
(support), the rest to test with (query).
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = {"t-shirt": 0, "pullover": 2, "dress": 3, "coat": 4, "shirt": 6}


def read_idx(path):
    raw = gzip.decompress(Path(path).read_bytes())
    dims = raw[3]
    shape = np.frombuffer(raw, ">u4", dims, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dims).reshape(shape)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--source", required=True)
    p.add_argument("--out", default="demo")
    p.add_argument("--count", type=int, default=25, help="images of each class")
    args = p.parse_args()
    images = read_idx(Path(args.source) / "t10k-images-idx3-ubyte.gz")
    labels = read_idx(Path(args.source) / "t10k-labels-idx1-ubyte.gz")
    total = 0
    for name, label in CLASSES.items():
        folder = Path(args.out) / name
        folder.mkdir(parents=True, exist_ok=True)
        for n, i in enumerate(np.flatnonzero(labels == label)[:args.count]):
            path = folder / f"{n}.png"
            Image.fromarray(images[i]).save(path, optimize=True)
            total += path.stat().st_size
    print(f"{len(CLASSES)} classes, {total} bytes")


if __name__ == "__main__":
    main()
