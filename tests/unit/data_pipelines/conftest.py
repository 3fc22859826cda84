"""Small folders of pictures."""

import numpy as np
import pytest
from PIL import Image

from configs import base

TFDS_COUNTS = {"trainA": 4, "trainB": 3, "testA": 1}


def picture(seed, *, width=40, height=40):
    """A random picture, different for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def fill(folder, *, first, count, **size):
    """Writes PNG pictures 00.png, 01.png, ... and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{index:02d}.png" for index in range(count)]
    for index, path in enumerate(paths):
        picture(first + index, **size).save(path)
    return paths


@pytest.fixture
def world(tmp_path):
    """A folder with 7 + 5 training and 3 + 2 test pictures of 40 x 40."""
    sizes = {"trainA": 7, "trainB": 5, "testA": 3, "testB": 2}
    for number, (name, count) in enumerate(sizes.items()):
        fill(tmp_path / name, first=100 * number, count=count)
    return tmp_path


@pytest.fixture
def config(world):
    """A run on `world`: 32 pixels, batch 4."""
    config = base.get_config()
    config.image_size, config.batch_size, config.data.enlarge = 32, 4, 4
    config.data.root = str(world)
    return config


@pytest.fixture(scope="session")
def tiny_pictures(tmp_path_factory):
    """A TFDS set `tiny_pictures` that lies prepared in a folder."""
    import tensorflow_datasets as tfds

    class TinyPictures(tfds.core.GeneratorBasedBuilder):
        """Random pictures in the splits of `cycle_gan`."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = tfds.features.FeaturesDict({"image": tfds.features.Image()})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split) for split in TFDS_COUNTS}

        def _generate_examples(self, split):
            for index in range(TFDS_COUNTS[split]):
                seed = 10 * list(TFDS_COUNTS).index(split) + index
                yield index, {"image": np.asarray(picture(seed))}

    folder = tmp_path_factory.mktemp("tfds")
    TinyPictures(data_dir=str(folder)).download_and_prepare()
    return str(folder)
