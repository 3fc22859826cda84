"""Small folders in the layouts of triplets; a picture's colours say what it is and how it lies."""

import numpy as np
from PIL import Image

from configs import base

HEIGHT, WIDTH = 64, 48
GARMENT = 100  # garment n has the number 100 + n; numbers go up to 255
MPV_LIST = "all_poseA_poseB_clothes_0607.txt"


def config(root="", **changes):
    """A run on a folder, batch 4; changes are fields of data or of the run."""
    made = base.get_config()
    made.image_size, made.batch_size, made.data = HEIGHT, 4, base.triplet_data()
    made.data.root = str(root)
    for name, value in changes.items():
        (made.data if name in made.data else made)[name] = value
    return made


def plain(root="", **changes):
    """A run without augmentation."""
    still = {"enlarge_height": 0, "enlarge_width": 0, "flip_pair": "none", "flip_other": False}
    return config(root, **still | changes)


def save(path, number, *, height=HEIGHT, width=WIDTH):
    """Writes a picture: red is its number, green grows to the right, blue to the bottom."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[..., 0] = number
    pixels[..., 1] = np.linspace(0, 255, width)
    pixels[..., 2] = np.linspace(0, 255, height)[:, None]
    Image.fromarray(pixels).save(path)


def number_of(image):
    """The number of a picture in [-1, 1]."""
    return round(float(image[0, 0, 0]) * 127.5 + 127.5)


def mirrored(image):
    """Whether a picture lies the other way round."""
    return image[0, 0, 1] > image[0, -1, 1]


def keras(root, *, train=(1, 2, 3, 4, 5), test=(11, 12, 13)):
    """Writes the folder of the Keras version and returns it."""
    for folder, numbers in (("imgs_train", train), ("imgs_test", test)):
        for n in numbers:
            save(root / folder / "1" / f"{n:02d}_1.png", n)
            save(root / folder / "5" / f"{n:02d}_5.png", GARMENT + n)
    return root


def mpv(root, lines):
    """Writes MPV's list and its pictures; a line is two persons, a garment and a split."""
    written = []
    for line in lines:
        *persons, garment, split = line.split()
        first, second = (f"P{n}/P{n}@8={view}.png" for n, view in (p.split(":") for p in persons))
        flat = f"G{garment}/G{garment}-A@9=cloth_front.png"
        written.append("\t".join((first, second, flat, split)))
        for name, number in zip((first, second), persons, strict=True):
            save(root / "all" / name, int(number.split(":")[0]))
        save(root / "all" / flat, GARMENT + int(garment))
    root.mkdir(exist_ok=True)
    (root / MPV_LIST).write_text("\n".join(written) + "\n")
    return root


def shared_garments(root):
    """Writes an MPV folder of five persons in two garments, three of them in the first."""
    front = "person_half_front"
    worn = ((1, 1), (2, 1), (3, 1), (4, 2), (5, 2))
    return mpv(root, [f"{p}:{front} {p}:person_whole_front {g} train" for p, g in worn])


def triplets(root, *, numbers=(1, 2, 3), phase="train"):
    """Writes folders whose other garment is fixed, and returns the root."""
    for n in numbers:
        save(root / f"{phase}_x" / f"{n}.png", n)
        save(root / f"{phase}_yi" / f"{n}.png", GARMENT + n)
        save(root / f"{phase}_yj" / f"{n}.png", GARMENT + n + 50)
    return root
