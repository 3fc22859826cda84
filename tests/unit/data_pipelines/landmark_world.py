"""A small DesignGAN data set, in which each pixel and each point tells where it comes from."""

import numpy as np

from configs import base
from data_pipelines.landmark_items import Item
from data_pipelines.landmark_write import Writer
from data_pipelines.skin_patches import Patch
from tryon_jax.landmark_tables import CATEGORIES

HEIGHT, WIDTH = 40, 24
SIZE = (HEIGHT, WIDTH)


def item(number, *, category=8, instances=1, skin=True):
    """Red is the column times 8, green the row times 6, blue the number; a box for a mask."""
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.stack([cols * 8, rows * 6, np.full_like(cols, number)], -1).astype(np.uint8)
    masks = np.zeros((HEIGHT, WIDTH, instances), bool)
    for k in range(instances):
        masks[14 + 5 * k : 16 + 6 * k, 5:19, k] = True  # the last one is the largest
    masks[14:30, 5:19, instances - 1] = True
    patch = np.full((32, 32, 3), 100 + number, np.uint8) if skin else None
    points = spread(CATEGORIES[category].count, first=3)
    return Item(category, picture, masks, spread(17, first=1), points, skin=patch)


def spread(count, *, first):
    """Points at different whole pixels, every fourth one hidden, every fifth unlabelled."""
    numbers = np.arange(count)
    x, y = 2 + (7 * numbers + first) % (WIDTH - 4), 2 + (5 * numbers + first) % (HEIGHT - 4)
    v = np.where(numbers % 4 == 3, 1, 2)
    points = np.stack([x, y, v], -1).astype(np.float32)
    return np.where((numbers % 5 == 4)[:, None], np.float32(0), points)


def folder(root, *, counts=(5, 3), tests=2, **options):
    """Items 1, 2, ... of trousers and 101, 102, ... of shorts."""
    writer = Writer(
        root,
        categories={"a": 8, "b": 7},
        expose={"ab": ("calf", "knee"), "ba": ()},
    )
    for domain, count, first, category in zip("ab", counts, (1, 101), (8, 7), strict=True):
        for split, held in (("train", count), ("test", tests)):
            for index in range(held):
                number = first + index + 50 * (split == "test")
                made = item(number, category=category, **options)
                patch = Patch(made.skin, "calf", (3, 4, 6, 6)) if made.skin is not None else None
                writer.add(f"item{number}", made, split=split, domain=domain, patch=patch)
    writer.close()
    return root


def config(root="", **fields):
    """A run at the size of the items, nothing enlarged or mirrored."""
    made = base.get_config()
    made.data = base.landmark_data()
    made.image_size, made.data.aspect = HEIGHT, WIDTH / HEIGHT
    made.batch_size, made.data.root = 4, str(root)
    made.data.enlarge, made.data.flip, made.data.dolls = 0, False, 4
    for name, value in fields.items():
        holder = made if name in made else made.data
        holder[name] = value
    return made


def numbers(batch, key):
    """Number of each item of a batch, by the blue of its middle."""
    blue = batch[key][:, HEIGHT // 2, WIDTH // 2, 2]
    return np.round((blue + 1) * 127.5).astype(int).tolist()
