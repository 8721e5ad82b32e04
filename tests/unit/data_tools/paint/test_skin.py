import numpy as np

from data_tools.paint.skin import touching_skin


def test_only_skin_beside_the_garment_is_found():
    garment, skin = np.zeros((2, 40, 60), bool)
    garment[5:20, 10:50] = True
    skin[22:30, 12:16] = True  # an arm, two pixels below
    skin[30:32, 16:18] = True  # joined at a corner
    skin[36:, 40:] = True  # far away
    skin[10:14, 20:24] = True  # on the garment itself
    (arm,) = touching_skin(garment, skin, max_gap=3)
    assert arm.box == (slice(22, 32), slice(12, 18))
    assert arm.mask.sum() == 32 + 4
    assert set(arm.contact[:, 0].tolist()) == {0}
    np.testing.assert_allclose(arm.to_photo(arm.contact), (22, 13.5))
    assert list(touching_skin(garment, skin, max_gap=1)) == []
