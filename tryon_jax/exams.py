"""What is scored of held-out items: a system says which of its pictures are fakes, and of what.

A pipeline's held-out items come in kinds: directions of a translation (ab, ba), pairs of a try-on
(same, other). Each kind has an exam.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Exam(NamedTuple):
    """What is scored and shown of held-out items of one kind; names are keys as in `System.scores`.

    Besides what `sample` makes there are the arrays of the batch: truths where they are known.
    """

    fake: str = ""  # should look like the real pictures of the kind, as a set; "": nothing should
    scores: Mapping[str, tuple[str, ...]] = {}  # besides those of all kinds, `System.scores`
    shown: tuple[str, ...] = ()  # pictures of an item, from the left; what is not there is left out
    source: str = ""  # what `fake` was made from, where it should have left its domain


def translation_exams(*, returns: bool = True) -> dict[str, Exam]:
    """How both directions of a translation without pairs are examined.

    The picture is compared with its return, and with what it should have become where that is
    known; the unchanged picture stands beside it as what has to be beaten.

    Args:
      returns: whether `sample` makes `cycle_a` and `cycle_b`.
    """
    return {kind: _translation_exam(*kind, returns=returns) for kind in ("ab", "ba")}


def _translation_exam(own: str, other: str, *, returns: bool) -> Exam:
    source, fake, truth, back = f"real_{own}", f"fake_{other}", f"truth_{other}", f"cycle_{own}"
    scores: dict[str, tuple[str, ...]] = {}
    for metric in ("ssim", "lpips", "l1"):
        scores |= {
            f"copy_{metric}": (metric, source, truth),
            f"fake_{metric}": (metric, fake, truth),
        }
    scores["change_lpips"] = ("lpips", fake, source)
    if returns:
        scores |= {f"cycle_{metric}": (metric, back, source) for metric in ("l1", "lpips")}
    return Exam(fake, scores, (source, fake, truth, back), source)
