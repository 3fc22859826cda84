"""What outputs stand for."""

import pytest

from tryon_jax import landmark_layouts as layouts
from tryon_jax import landmark_tables as tables


def test_a_layout_of_two_categories_lies_one_behind_the_other():
    layout = layouts.garment_layout((8, 7))
    assert layout.count == 24 and layout.groups == {108: (0, 14), 107: (14, 24)}
    assert layout.names[14] == "shorts 1" and layout.mirror_order[14] == 16
    assert layout.sigmas[14] == tables.GARMENT_SIGMAS[158]
    assert (14, 15) in layout.lines and len(layout.lines) == 24
    assert layouts.garment_layout().sigmas == tables.GARMENT_SIGMAS
    assert layouts.garment_layout().flip_pairs == tables.all_flip_pairs()
    with pytest.raises(ValueError, match=r"from 1 to 13, got \(8, 14\)"):
        layouts.garment_layout((8, 14))
