"""Index tables of landmarks: names, mirror partners, ranges, contours, spreads, limbs, labels.

Plain constants, which data pipelines, networks, losses and metrics read alike. All indices count
from 0; "left" is the person's left for joints and the picture's left for garments. Sources: COCO's
keypoints (17 joints and their spreads); OpenPose's COCO-18 and BODY-25 orders; DeepFashion2 (Ge et
al. 2019), whose definition figure gives ranges, contours and mirror partners, its numbers less 1;
DeepFashion's landmarks (FLD); labels of Clothing Co-Parsing and LV-MHP-v1; limb radii are our own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

# --- Persons ---------------------------------------------------------------------------------

COCO17 = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
    "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip

COCO17_FLIP_PAIRS = ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16))

# OKS: a joint's spread as a share of the root of the person's area
COCO17_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107,
    0.087, 0.087, 0.089, 0.089,
)  # fmt: skip

COCO17_SKELETON = (  # COCO's lines between joints, for drawing
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8),
    (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)  # fmt: skip

OPENPOSE18 = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow",
    "left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip

OPENPOSE18_FROM_COCO17 = (  # the neck is the mean of the shoulders
    (0,), (5, 6), (6,), (8,), (10,), (5,), (7,), (9,), (12,), (14,), (16,), (11,), (13,), (15,),
    (2,), (1,), (4,), (3,),
)  # fmt: skip

COCO17_FROM_OPENPOSE18 = (
    0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10,
)  # fmt: skip

COCO17_FROM_BODY25 = (
    0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11,
)  # fmt: skip


class Limb(NamedTuple):
    """A limb between joints `a` and `b`; radii at its ends in lengths of the trunk."""

    a: int
    b: int
    radius_a: float
    radius_b: float


LIMBS = (
    Limb(5, 7, 0.16, 0.14),  # left upper arm
    Limb(7, 9, 0.13, 0.11),  # left forearm
    Limb(6, 8, 0.16, 0.14),  # right upper arm
    Limb(8, 10, 0.13, 0.11),  # right forearm
    Limb(11, 13, 0.24, 0.18),  # left thigh
    Limb(13, 15, 0.17, 0.12),  # left calf
    Limb(12, 14, 0.24, 0.18),  # right thigh
    Limb(14, 16, 0.17, 0.12),  # right calf
    Limb(5, 6, 0.16, 0.16),  # shoulders
    Limb(11, 12, 0.22, 0.22),  # hips
)

TORSO = (5, 6, 12, 11)  # the trunk's polygon
HEAD_JOINT, HEAD_RADIUS = 0, 0.35  # a disc around the nose, in lengths of the trunk

# --- Garments --------------------------------------------------------------------------------


class Category(NamedTuple):
    """One of DeepFashion2's categories; indices count from 0 within the category.

    Attributes:
      name: as the data set writes it.
      start: place of its first landmark among the 294.
      count: of its landmarks.
      flip_pairs: landmarks that change places when the picture is mirrored; the others stay.
      contours: closed polygons that bound the cloth, two halves where it opens in front.
      straps: pairs that a strap joins, outside of the contours.
    """

    name: str
    start: int
    count: int
    flip_pairs: tuple[tuple[int, int], ...]
    contours: tuple[tuple[int, ...], ...]
    straps: tuple[tuple[int, int], ...] = ()

    @property
    def stop(self) -> int:
        """One beyond the place of its last landmark among the 294."""
        return self.start + self.count


def _inward(low: int, high: int) -> tuple[tuple[int, int], ...]:
    """Pairs from both ends of a run of landmarks towards its middle."""
    return tuple((low + step, high - step) for step in range((high - low + 1) // 2))


# by DeepFashion2's number
CATEGORIES = {
    1: Category(
        "short sleeve top",
        0,
        25,
        (*_inward(1, 5), *_inward(6, 24)),
        ((1, *range(6, 25), *range(5, 1, -1)),),
    ),
    2: Category(
        "long sleeve top",
        25,
        33,
        (*_inward(1, 5), *_inward(6, 32)),
        ((1, *range(6, 33), *range(5, 1, -1)),),
    ),
    3: Category(
        "short sleeve outwear",
        58,
        31,
        ((3, 5), (2, 4), (1, 25), *_inward(6, 24), (15, 28), (26, 29), (27, 30)),
        ((3, *range(6, 16), 30, 29, 1, 2), (5, *range(24, 15, -1), *range(28, 24, -1), 4)),
    ),
    4: Category(
        "long sleeve outwear",
        89,
        39,
        (*_inward(1, 5), (3, 33), *_inward(6, 32), (19, 36), (34, 37), (35, 38)),
        ((1, *range(6, 20), 38, 37, 3, 2), (5, *range(32, 19, -1), *range(36, 32, -1), 4)),
    ),
    5: Category(
        "vest", 128, 15, (*_inward(1, 5), *_inward(6, 14)), ((1, *range(6, 15), *range(5, 1, -1)),)
    ),
    6: Category(
        "sling",
        143,
        15,
        (*_inward(1, 5), *_inward(6, 14)),
        ((1, *range(7, 14), *range(5, 1, -1)),),
        ((1, 6), (5, 14)),
    ),
    7: Category("shorts", 158, 10, ((0, 2), *_inward(3, 9)), ((0, 1, 2, *range(9, 2, -1)),)),
    8: Category("trousers", 168, 14, ((0, 2), *_inward(3, 13)), ((0, 1, 2, *range(13, 2, -1)),)),
    9: Category("skirt", 182, 8, ((0, 2), *_inward(3, 7)), ((0, 1, 2, *range(7, 2, -1)),)),
    10: Category(
        "short sleeve dress",
        190,
        29,
        (*_inward(1, 5), *_inward(6, 28)),
        ((1, *range(6, 29), *range(5, 1, -1)),),
    ),
    11: Category(
        "long sleeve dress",
        219,
        37,
        (*_inward(1, 5), *_inward(6, 36)),
        ((1, *range(6, 37), *range(5, 1, -1)),),
    ),
    12: Category(
        "vest dress",
        256,
        19,
        (*_inward(1, 5), *_inward(6, 18)),
        ((1, *range(6, 19), *range(5, 1, -1)),),
    ),
    13: Category(
        "sling dress",
        275,
        19,
        (*_inward(1, 5), *_inward(6, 18)),
        ((1, *range(7, 18), *range(5, 1, -1)),),
        ((1, 6), (5, 18)),
    ),
}
GARMENT_POINTS = 294

# OKS: spreads of the 294, in their order
GARMENT_SIGMAS = (
    0.012, 0.0158, 0.0169, 0.0165, 0.0169, 0.0158, 0.0298, 0.0329, 0.0321, 0.0323, 0.034, 0.0388,
    0.0452, 0.0574, 0.0492, 0.0352, 0.0492, 0.0574, 0.0452, 0.0388, 0.034, 0.0323, 0.0321, 0.0329,
    0.0298, 0.0194, 0.017, 0.0185, 0.0193, 0.0185, 0.017, 0.0286, 0.0471, 0.0547, 0.0526, 0.043,
    0.0392, 0.0513, 0.0566, 0.0509, 0.0564, 0.0542, 0.0604, 0.0599, 0.052, 0.0599, 0.0604, 0.0542,
    0.0564, 0.0509, 0.0566, 0.0513, 0.0392, 0.043, 0.0526, 0.0547, 0.0471, 0.0286, 0.0074, 0.0085,
    0.0165, 0.0248, 0.0165, 0.0085, 0.0156, 0.0231, 0.0296, 0.0137, 0.0195, 0.025, 0.0347, 0.038,
    0.0257, 0.037, 0.0257, 0.038, 0.0347, 0.025, 0.0195, 0.0137, 0.0296, 0.0231, 0.0156, 0.0248,
    0.0469, 0.0632, 0.037, 0.0469, 0.0632, 0.0137, 0.0153, 0.0243, 0.0377, 0.0243, 0.0153, 0.0203,
    0.0366, 0.0467, 0.0433, 0.0393, 0.0329, 0.0418, 0.0477, 0.0399, 0.0331, 0.042, 0.0492, 0.0436,
    0.0478, 0.0436, 0.0492, 0.042, 0.0331, 0.0399, 0.0477, 0.0418, 0.0329, 0.0393, 0.0433, 0.0467,
    0.0366, 0.0203, 0.0377, 0.0645, 0.0573, 0.0478, 0.0645, 0.0573, 0.0352, 0.0158, 0.021, 0.0214,
    0.021, 0.0158, 0.0196, 0.05, 0.0489, 0.0404, 0.0401, 0.0404, 0.0489, 0.05, 0.0196, 0.0276,
    0.0548, 0.0283, 0.0204, 0.0283, 0.0548, 0.0369, 0.0726, 0.0677, 0.064, 0.0251, 0.064, 0.0677,
    0.0726, 0.0369, 0.0308, 0.0216, 0.0308, 0.0506, 0.0494, 0.0463, 0.0477, 0.0463, 0.0494,
    0.0506, 0.0275, 0.0202, 0.0275, 0.0651, 0.0451, 0.035, 0.028, 0.0392, 0.0362, 0.0392, 0.028,
    0.035, 0.0451, 0.0651, 0.0253, 0.0195, 0.0253, 0.0513, 0.0543, 0.0415, 0.0543, 0.0513, 0.0153,
    0.023, 0.0167, 0.0145, 0.0167, 0.023, 0.0332, 0.0391, 0.0391, 0.0396, 0.044, 0.0452, 0.0498,
    0.0514, 0.0585, 0.0655, 0.0635, 0.0602, 0.0635, 0.0655, 0.0585, 0.0514, 0.0498, 0.0452, 0.044,
    0.0396, 0.0391, 0.0391, 0.0332, 0.0121, 0.0134, 0.0158, 0.0162, 0.0158, 0.0134, 0.0246,
    0.0406, 0.047, 0.0404, 0.0463, 0.0466, 0.0435, 0.0499, 0.0455, 0.044, 0.0411, 0.049, 0.0576,
    0.0685, 0.0618, 0.0483, 0.0618, 0.0685, 0.0576, 0.049, 0.0411, 0.044, 0.0486, 0.0499, 0.0435,
    0.0466, 0.0463, 0.0404, 0.047, 0.0406, 0.0246, 0.0116, 0.0167, 0.016, 0.018, 0.016, 0.0167,
    0.0196, 0.0385, 0.0421, 0.0497, 0.0562, 0.0528, 0.0428, 0.0528, 0.0562, 0.0497, 0.0421,
    0.0385, 0.0196, 0.0244, 0.0297, 0.0244, 0.0208, 0.0244, 0.0297, 0.0173, 0.0616, 0.0659,
    0.0712, 0.0707, 0.0685, 0.0339, 0.0685, 0.0707, 0.0712, 0.0659, 0.0616, 0.0173,
)  # fmt: skip


def mirror_order(count: int, pairs: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    """Order of landmarks after mirroring: number k of the mirrored picture was number order[k].

    Args:
      count: of landmarks.
      pairs: those that change places.
    """
    order = list(range(count))
    for one, other in pairs:
        order[one], order[other] = other, one
    return tuple(order)


def all_flip_pairs() -> tuple[tuple[int, int], ...]:
    """Flip pairs of all categories in the numbering of the 294."""
    return tuple(
        (category.start + one, category.start + other)
        for category in CATEGORIES.values()
        for one, other in category.flip_pairs
    )


# --- Labels of other data sets ---------------------------------------------------------------

FLD_TYPES = {1: "upper", 2: "lower", 3: "full"}  # of clothes

FLD_POINTS = {
    "upper": ("left collar", "right collar", "left sleeve", "right sleeve", "left hem",
        "right hem"),
    "lower": ("left waistline", "right waistline", "left hem", "right hem"),
    "full": ("left collar", "right collar", "left sleeve", "right sleeve", "left waistline",
        "right waistline", "left hem", "right hem"),
}  # fmt: skip

FLD_VISIBILITY = {0: 2, 1: 1, 2: 0}  # FLD's number to COCO's: there 0 is seen, 2 is cut off

# Clothing Co-Parsing, by number
CCP_LABELS = (
    "null", "accessories", "bag", "belt", "blazer", "blouse", "bodysuit", "boots", "bra",
    "bracelet", "cape", "cardigan", "clogs", "coat", "dress", "earrings", "flats", "glasses",
    "gloves", "hair", "hat", "heels", "hoodie", "intimate", "jacket", "jeans", "jumper",
    "leggings", "loafers", "necklace", "panties", "pants", "pumps", "purse", "ring", "romper",
    "sandals", "scarf", "shirt", "shoes", "shorts", "skin", "skirt", "sneakers", "socks",
    "stockings", "suit", "sunglasses", "sweater", "sweatshirt", "swimwear", "t-shirt", "tie",
    "tights", "top", "vest", "wallet", "watch", "wedges",
)  # fmt: skip

# LV-MHP-v1, by number
MHP_LABELS = (
    "background", "hat", "hair", "sunglass", "upper-clothes", "skirt", "pants", "dress", "belt",
    "left-shoe", "right-shoe", "face", "left-leg", "right-leg", "left-arm", "right-arm", "bag",
    "scarf", "torso-skin",
)  # fmt: skip
