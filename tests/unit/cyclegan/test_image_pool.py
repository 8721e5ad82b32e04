import numpy as np
import pytest

from cyclegan.image_pool import ImagePool


def _batch(start, count=2):
    return np.arange(start, start + count, dtype=np.float32)[:, None, None, None]


def test_pool_returns_fresh_pictures_until_it_is_full():
    pool = ImagePool(4, seed=0)
    for start in (0, 2):
        np.testing.assert_array_equal(pool.query(_batch(start)), _batch(start))
    assert len(pool) == 4


def test_full_pool_swaps_about_half_for_older_ones():
    pool = ImagePool(10, seed=0)
    pool.query(_batch(0, 10))
    batch = _batch(100, 200)
    out = pool.query(batch)
    swapped = int((out != batch).sum())
    assert 70 < swapped < 130
    assert len(pool) == 10
    assert out.shape == batch.shape


def test_pool_is_seeded():
    outs = []
    for _ in range(2):
        pool = ImagePool(3, seed=5)
        outs.append(np.concatenate([pool.query(_batch(i, 3)) for i in range(0, 30, 3)]))
    np.testing.assert_array_equal(*outs)


def test_pool_keeps_its_own_copies():
    pool = ImagePool(2, seed=0)
    batch = _batch(1)
    pool.query(batch)
    batch[:] = -1
    batches = np.concatenate([pool.query(_batch(9, 1)) for _ in range(20)])
    assert (batches > 0).all()


def test_pool_of_size_zero_passes_everything():
    pool = ImagePool(0, seed=0)
    for start in range(5):
        np.testing.assert_array_equal(pool.query(_batch(start)), _batch(start))


def test_pool_refuses_a_negative_size():
    with pytest.raises(ValueError, match="size >= 0, got -1"):
        ImagePool(-1)
