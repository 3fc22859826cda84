"""A small folder in VITON's layout: 64 x 48 persons with every label, cloths, poses, lists."""

import json

import numpy as np
from PIL import Image

from configs import base
from data_pipelines import representation as rep

HEIGHT, WIDTH = 64, 48
TRAIN, TEST = (1, 2, 3, 4, 5, 6), (11, 12, 13)


def config(root, **changes):
    """A run on a folder, batch 4; changes are fields of data or of the run."""
    made = base.get_config()
    made.image_size, made.batch_size, made.data = HEIGHT, 4, base.viton_data()
    made.data.root = str(root)
    for name, value in changes.items():
        (made.data if name in made.data else made)[name] = value
    return made


def picture(number, *, height=HEIGHT, width=WIDTH):
    """A smooth picture, another one for each number."""
    rng = np.random.default_rng(number)
    small = Image.fromarray(rng.integers(0, 256, (4, 3, 3), np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def parse(*, height=HEIGHT, width=WIDTH):
    """Every label from 0 to 19 in a column of blocks, background on both sides."""
    ids = np.zeros((height, width), np.uint8)
    ids[:, width // 4 : -width // 4] = (np.arange(height) * 20 // height)[:, None]
    return ids


def cloth_mask(*, height=HEIGHT, width=WIDTH):
    """A rectangle, 255 in the middle."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 8 : -height // 8, width // 8 : -width // 8] = 255
    return mask


def joints(number):
    """18 joints (x, y, confidence), the last one missing."""
    points = np.random.default_rng(number).uniform(2, 46, (18, 3))
    points[-1] = 0
    return points


def palette_picture(ids):
    """Ids as a palette picture in LIP's colours."""
    image = Image.fromarray(ids)
    image.putpalette(rep.PALETTE.tobytes())
    return image


def save_pose(path, points, *, key="pose_keypoints"):
    """Writes an OpenPose file of one person."""
    path.write_text(json.dumps({"people": [{key: np.ravel(points).tolist()}]}))


def names(number):
    """File names of a person and of the cloth that is worn."""
    return f"{number:06d}_0.jpg", f"{number:06d}_1.jpg"


def build(root):
    """Writes the folder: 6 training and 3 test pairs, the lists of both; returns it."""
    for split, numbers in (("train", TRAIN), ("test", TEST)):
        for folder in ("image", "cloth", "cloth-mask", "image-parse", "pose"):
            (root / split / folder).mkdir(parents=True)
        for number in numbers:
            _write(root / split, number)
    write_list(root / "train_pairs.txt", [names(number) for number in TRAIN])
    write_list(root / "test_pairs_same.txt", [names(number) for number in TEST])
    turned = zip(TEST, (*TEST[1:], TEST[0]), strict=True)
    write_list(root / "test_pairs.txt", [(names(a)[0], names(b)[1]) for a, b in turned])
    return root


def write_list(path, pairs):
    """Writes a pair list."""
    path.write_text("".join(f"{person} {cloth}\n" for person, cloth in pairs))


def _write(folder, number):
    person, cloth = names(number)
    stem = person.removesuffix(".jpg")
    picture(number).save(folder / "image" / person)
    picture(100 + number).save(folder / "cloth" / cloth)
    Image.fromarray(cloth_mask()).save(folder / "cloth-mask" / cloth)
    palette_picture(parse()).save(folder / "image-parse" / f"{stem}.png")
    save_pose(folder / "pose" / f"{stem}_keypoints.json", joints(number))
