import numpy as np
import pytest

from cyclegan.config import CycleGANConfig, UniversalConfig


def _square_mask(count, size):
    mask = np.zeros((count, size, size, 1), np.float32)
    mask[:, size // 4 : -size // 4, size // 4 : -size // 4] = 1.0
    return mask


def _stripes(count, size, seed, low, high):
    """Pictures whose brightness varies in waves between two colours."""
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(size) / 3.0 + rng.uniform(0, 6, (count, 1)))
    share = (wave[:, :, None, None] + 1) / 2
    shape = (count, size, size, 3)
    colours = np.asarray(low) * (1 - share) + np.asarray(high) * share
    return np.broadcast_to(colours, shape).astype(np.float32)


@pytest.fixture(scope="session")
def gan_config():
    return CycleGANConfig(
        image_size=32,
        filters=8,
        blocks=1,
        discriminator_filters=8,
        lambda_paired=0.0,
        pool_size=0,
        seed=3,
    )


@pytest.fixture(scope="session")
def universal_config():
    return UniversalConfig(
        image_size=32,
        filters=8,
        blocks=1,
        norm_groups=4,
        discriminator_filters=8,
        lambda_adversarial=1.0,
        cycle_every=2,
        seed=3,
    )


@pytest.fixture
def gan_batch():
    mask = _square_mask(2, 32)
    real_a = _stripes(2, 32, 0, (-0.5, -0.5, 0.2), (0.1, 0.1, 0.8))
    return {
        "real_a": real_a,
        "mask_a": mask,
        "real_b": _stripes(2, 32, 1, (0.2, -0.6, -0.6), (0.9, 0.0, 0.0)),
        "mask_b": mask,
        "paired_b": np.ascontiguousarray(real_a[..., ::-1]),
        "paired_mask": mask,
    }


@pytest.fixture
def universal_batch():
    mask = _square_mask(2, 32)
    warped_b = _stripes(2, 32, 1, (0.2, -0.6, -0.6), (0.5, 0.0, 0.0))
    view = _stripes(2, 32, 0, (-0.5, -0.5, 0.2), (0.1, 0.1, 0.8))
    places = np.broadcast_to(np.linspace(-1, 1, 32)[:, None, None], (2, 32, 32, 2))
    return {
        "photo": view,
        "view": view,
        "mask": mask,
        "warped_b": warped_b,
        "valid_b": mask,
        "places_b": places,
        "truth_b": np.clip((warped_b + 1) * 0.6 - 1, -1, 1).astype(np.float32),
        "warped_a": np.clip((view + 1) * 1.2 - 1, -1, 1).astype(np.float32),
        "valid_a": mask,
        "places_a": places[:, ::-1],
        "real": _stripes(2, 32, 0, (0.1, 0.1, 0.1), (0.6, 0.6, 0.5)),
        "real_mask": mask,
    }
