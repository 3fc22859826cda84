"""How translations of garments are scored, where dolls know the truth.

Every score of a translation, `try_on`, stands beside that of `copy`, the person unchanged, or of
`truth`, the counterpart itself: what a network has to beat, and what it cannot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tryon_jax.exams import Exam

DIRECTIONS = ("ab", "ba")
# a metric of `metrics.pairs` and what it looks at besides picture and truth
MEASURED = {"ssim": (), "lpips": (), "l1": (), "l1_changed": ("real",), "l1_kept": ("real",)}
# metrics of a garment before and after
KEPT = {"colours": "garment_colours", "texture": "garment_texture"}

Scores = dict[str, tuple[str, ...]]
# held-out items come in both directions at once; as a set, what was made of a should look like b
EXAMS = {
    "other": Exam(
        fake="fake_b",
        shown=(
            *("real_a", "mask_a", "fake_b", "fake_mask_b", "true_b", "true_mask_b"),
            *("real_b", "mask_b", "fake_a", "fake_mask_a", "true_a", "true_mask_a"),
        ),
        source="real_a",
    )
}


def scores(exposed: Mapping[str, Sequence[str]]) -> Scores:
    """By name a metric and the keys of `sample` that it compares.

    Args:
      exposed: by domain "a" and "b", the parts of the body that its translation leaves bare.
    """
    found: Scores = {}
    for one, other in DIRECTIONS:
        source = (f"real_{one}", f"mask_{one}")
        pairs = {
            "copy": source,
            "try_on": (f"fake_{other}", f"fake_mask_{other}"),
            "truth": (f"true_{other}", f"true_mask_{other}"),
        }
        for name in ("copy", "try_on"):
            picture, mask = pairs[name]
            found[f"{one}{other}_{name}_iou"] = ("iou", mask, f"true_mask_{other}")
            for metric, more in MEASURED.items():
                before = tuple(f"{key}_{one}" for key in more)
                score = (metric, picture, f"true_{other}", *before)
                found[f"{one}{other}_{name}_{metric}"] = score
        for name in ("try_on", "truth"):
            for label, metric in KEPT.items():
                found[f"{one}{other}_{name}_{label}"] = (metric, *pairs[name], *source)
        if exposed[one]:
            windows = (f"bare_{other}", f"source_skin_{one}", f"bare_known_{one}")
            found[f"{one}{other}_try_on_skin"] = ("skin_lab", *windows)
    return found
