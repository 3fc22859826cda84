"""HRNet finds the landmarks of garments, as the DeepFashion2 recipe of its PyTorch port trains it.

Source: svip-lab/HRNet-for-Fashion-Landmark-Estimation.PyTorch, whose W48 at 384 x 288 has an AP of
0.702 with true boxes. Without categories all 294 landmarks of the 13 categories are learnt by one
network, each item's loss in the range of its own category; `pair` learns trousers and shorts alone.
"""

from ml_collections import ConfigDict

from configs import base
from configs.landmarks_human import HRNET_W32, SMALL, demo, heatmap, smoke

VARIANTS = ("w48", "w32", "small", "pair", "demo", "smoke")
EPOCH = 312_186  # garments of DeepFashion2's training set


def get_config(arg: str = "w48") -> ConfigDict:
    """The run's fields; `arg` is one of VARIANTS."""
    base.check_argument(arg, VARIANTS)
    config = base.get_config()
    config.system = "landmarks"
    config.data = base.keypoint_data()
    config.data.points = "garment"
    config.data.train_images = "train"
    config.data.test_images = "validation"
    config.data.train_annotations = "annotations/train.json"
    config.data.test_annotations = "annotations/validation.json"
    config.data.rotation = 15.0
    config.data.scale = 0.1
    config.data.half_body = 0.0
    config.data.balanced = True
    config.batch_size = 32
    config.image_size = 384  # height; the width is 288
    config.steps = 100 * EPOCH // 32  # no count is published
    config.optim.lr = 1e-3
    config.optim.b1 = 0.9
    config.optim.policy = "drops"
    config.optim.drops = (170 / 210, 200 / 210)
    config.ema.decay = 0.0
    config.model.garment = ConfigDict(HRNET_W32)
    config.model.garment.width = 32 if arg in ("w32", "pair") else 48
    config.model.heatmap = heatmap()
    config.weights.net = {"heatmap": 1.0}
    if arg == "small":
        config.model.garment.update(SMALL)
    if arg in ("pair", "demo", "smoke"):
        config.data.categories = (8, 7)
    if arg == "demo":
        demo(config, config.model.garment)
    if arg == "smoke":
        smoke(config, config.model.garment)
    return config.lock()
