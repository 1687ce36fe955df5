"""Tiny ImageNet as arrays: decoding, class split, augmentation.

The archives hold `train/<wnid>/<n>.jpg` and `val/<wnid>/<n>.jpg`. They are decoded once into
`train.npy` and `val.npy` (uint8, [image, 64, 64, 3], sorted by class and file name) beside
`classes.txt`, so that an epoch reads memory and nothing else.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

SIZE = 64

# Every tenth class in the order of the sorted wnids is kept out of training: the 20 classes on
# which few-shot accuracy is measured and between checkpoints is chosen.
HELD_OUT_EVERY = 10
HELD_OUT_OFFSET = 5


def decode(archives, out):
    """Decode the zip files in the folder `archives` into arrays in the folder `out`."""
    out = Path(out)
    if (out / "classes.txt").exists():
        return
    paths = sorted(Path(archives).glob("*.zip"))
    if not paths:
        raise SystemExit(f"no .zip files in {archives}")
    entries = {"train": [], "val": []}
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                parts = name.split("/")
                if len(parts) == 3 and parts[2].endswith((".jpg", ".JPEG", ".png")):
                    entries[parts[0]].append((parts[1], parts[2], path, name))
    classes = sorted({entry[0] for entry in entries["train"]})
    index = {wnid: i for i, wnid in enumerate(classes)}
    out.mkdir(parents=True, exist_ok=True)
    opened = {path: zipfile.ZipFile(path) for path in paths}
    for split, items in entries.items():
        items.sort(key=lambda entry: entry[:2])
        images = np.empty((len(items), SIZE, SIZE, 3), np.uint8)
        labels = np.empty(len(items), np.int64)
        for i, (wnid, _, path, name) in enumerate(items):
            image = Image.open(io.BytesIO(opened[path].read(name))).convert("RGB")
            if image.size != (SIZE, SIZE):
                image = image.resize((SIZE, SIZE), Image.BILINEAR)
            images[i] = np.asarray(image)
            labels[i] = index[wnid]
        np.save(out / f"{split}.npy", images)
        np.save(out / f"{split}_labels.npy", labels)
    (out / "classes.txt").write_text("\n".join(classes) + "\n")


def load(folder, split):
    """Images (uint8, NHWC) and labels of a split, as tensors."""
    folder = Path(folder)
    images = torch.from_numpy(np.load(folder / f"{split}.npy"))
    labels = torch.from_numpy(np.load(folder / f"{split}_labels.npy"))
    return images, labels


def class_split(count):
    """Indices of the training classes and of the held-out classes."""
    held = [c for c in range(count) if c % HELD_OUT_EVERY == HELD_OUT_OFFSET]
    return [c for c in range(count) if c not in held], held


def select(images, labels, classes):
    """The images of `classes`, with labels counted from 0 in that order."""
    position = torch.full((int(labels.max()) + 1,), -1, dtype=torch.long)
    position[torch.tensor(classes)] = torch.arange(len(classes))
    keep = position[labels] >= 0
    return images[keep], position[labels[keep]]


def held_out_sample(images, labels, held, count=100):
    """The first `count` training images of each held-out class: to choose between checkpoints."""
    images, labels = select(images, labels, held)
    picked = torch.cat([torch.nonzero(labels == c)[:count, 0] for c in range(len(held))])
    return images[picked], labels[picked]


def resize(images, size):
    """uint8 NHWC to the same of side `size`: bilinear, with antialiasing, as Pillow and tinytrain do."""
    if images.shape[1:3] == (size, size):
        return images
    channels_first = images.permute(0, 3, 1, 2)
    return F.interpolate(channels_first, (size, size), mode="bilinear", antialias=True).permute(0, 2, 3, 1)


def normalise(images):
    """uint8 NHWC to float NCHW (channels last in memory), p / 127.5 - 1."""
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


GROUP = 16


def draw_boxes(count, side, rng, scale):
    """Random crops of `count` images of that side: int16 rows of y, x, height, width.

    One shape is drawn for every GROUP images, the position for every image: a group is then one
    resize call. `scale` is the range of the crop's share of the area.
    """
    boxes = np.empty((count, 4), np.int16)
    for start in range(0, count, GROUP):
        group = boxes[start:start + GROUP]
        area = side * side * rng.uniform(*scale)
        ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        h = int(np.clip(round((area / ratio) ** 0.5), 8, side))
        w = int(np.clip(round((area * ratio) ** 0.5), 8, side))
        group[:, 0] = rng.integers(0, side - h + 1, len(group))
        group[:, 1] = rng.integers(0, side - w + 1, len(group))
        group[:, 2:] = h, w
    return boxes


def crop_resize(images, size, boxes, flips):
    """The boxes of uint8 NHWC images, mirrored where `flips`, as float NCHW in [-1, 1] of side `size`.

    Images that follow one another in groups of GROUP have boxes of one shape, as `draw_boxes` makes them.
    """
    out = torch.empty((len(images), 3, size, size), device=images.device).to(memory_format=torch.channels_last)
    for start in range(0, len(images), GROUP):
        end = start + GROUP
        h, w = boxes[start, 2:].tolist()
        crops = torch.stack([
            image[y:y + h, x:x + w].flip(1) if mirrored else image[y:y + h, x:x + w]
            for image, (y, x), mirrored in zip(images[start:end], boxes[start:end, :2].tolist(), flips[start:end])])
        crops = crops.permute(0, 3, 1, 2)
        if (h, w) != (size, size):
            crops = F.interpolate(crops, (size, size), mode="bilinear", antialias=max(h, w) > size)
        out[start:end] = crops
    return out.div_(127.5).sub_(1)


def random_crops(images, size, rng, scale):
    """Random resized crops, half of them mirrored."""
    return crop_resize(images, size, draw_boxes(len(images), images.shape[1], rng, scale),
                       rng.random(len(images)) < 0.5)


GREY = torch.tensor([0.299, 0.587, 0.114])


def jitter(x, rng, strength=0.25, grey=0.06, invert=0.03, edges=0.03):
    """Colour jitter, and in a few images grey, inverted or drawing-like pixels. In place.

    Brightness, contrast, saturation, grey and inversion are one affine map of the RGB values
    of each image. `edges` is the share of images turned into dark contours on a light ground,
    or light ones on dark: the users of the network also have drawings and signs.
    """
    n, device = len(x), x.device
    weights = GREY.to(device)
    eye = torch.eye(3, device=device)
    luma = weights.expand(3, 3)
    draw = lambda low, high: torch.from_numpy(rng.uniform(low, high, n).astype(np.float32)).to(device)
    share = lambda part: torch.from_numpy(rng.random(n) < part).to(device)
    saturation = draw(1 - 1.6 * strength, 1 + 1.6 * strength)
    saturation[share(grey)] = 0
    gain = draw(1 - strength, 1 + strength)
    gain = torch.where(share(invert), -gain, gain)
    offset = draw(-strength, strength)
    matrix = (saturation[:, None, None] * eye + (1 - saturation)[:, None, None] * luma) * gain[:, None, None]
    flat = x.permute(0, 2, 3, 1).reshape(n, -1, 3)
    flat = torch.baddbmm(offset[:, None, None], flat, matrix.transpose(1, 2)).clamp_(-1, 1)
    x = flat.view(n, x.shape[2], x.shape[3], 3).permute(0, 3, 1, 2)
    picked = torch.nonzero(share(edges))[:, 0]
    if len(picked):
        luminance = (x[picked] * weights.view(1, 3, 1, 1)).sum(1, keepdim=True)
        luminance = F.avg_pool2d(F.pad(luminance, (1, 1, 1, 1), mode="replicate"), 3, 1)
        dx = F.pad(luminance[..., 1:] - luminance[..., :-1], (0, 1))
        dy = F.pad(luminance[..., 1:, :] - luminance[..., :-1, :], (0, 0, 0, 1))
        contour = (dx * dx + dy * dy).sqrt_()
        contour = (contour / (2.5 * contour.mean((2, 3), keepdim=True) + 1e-3)).clamp_(0, 1)
        sign = torch.from_numpy(np.where(rng.random(len(picked)) < 0.7, -1, 1).astype(np.float32)).to(device)
        x[picked] = ((contour * 2 - 1) * sign.view(-1, 1, 1, 1)).expand(-1, 3, -1, -1)
    return x
