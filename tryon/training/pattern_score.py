"""Metrics of a pattern's generators on held-out people."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compositor import style_distance
from cyclegan.model import CycleGAN
from mrcnn.detections import mask_iou
from tryon.frames import Frame
from tryon.images import shrink
from tryon.light import mask_in_frame
from tryon.pipeline import composite
from tryon.segment import Segmenter
from tryon.stages import WORK_SIZE, Garment
from tryon.transfer import PatternTransfer, pattern_input

HELD_OUT_EVERY = 6  # every sixth user is held out; of fewer than six, none


def split_users(users: Sequence[Garment]) -> tuple[list[Garment], list[Garment]]:
    """Split the users into those to train on and every sixth, which is held out."""
    train = [user for i, user in enumerate(users) if (i + 1) % HELD_OUT_EVERY]
    return train, list(users[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY])


@dataclass(frozen=True)
class PatternJudge:
    """Applies a pattern to held-out people and measures the results.

    Attributes:
        users: held-out people.
        shop: the pattern's garment.
        segmenter: segments the results.
    """

    users: Sequence[Garment]
    shop: Garment
    segmenter: Segmenter

    def __call__(self, model: CycleGAN) -> dict[str, float]:
        """Measure a model.

        Returns:
            Means over the users: "held_out_style", the CIEDE2000 distance of palettes
            to the shop's garment; "held_out_shape", the IoU with S2 of the garment that
            is segmented in the result; "held_out_cycle", the cycle error in grey levels;
            and "held_out_score" in [0, 1]: the shape times the relative decrease of the
            style's distance from S2's own. Empty without users.
        """
        if not self.users:
            return {}
        # Once for all users: it evaluates the generator's texture.
        transfer = PatternTransfer(
            lambda s2: np.asarray(model.generator_a2b.predict_on_batch(s2)),
            model.config,
            "held out",
        )
        rows = [self._judge(model, transfer, user) for user in self.users]
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}

    def _judge(
        self, model: CycleGAN, transfer: PatternTransfer, user: Garment
    ) -> dict[str, float]:
        image = composite(user, transfer(user, None))
        target = self.shop.work, self.shop.alpha
        alpha = user.full_alpha.astype(np.float32) / np.float32(255)
        style = style_distance(image, alpha, *target)
        before = style_distance(user.work, user.alpha, *target)
        result = self.segmenter(shrink(image, WORK_SIZE))
        shape = 0.0 if result is None else mask_iou(result.mask, user.detection.mask)
        return {
            "held_out_style": style,
            "held_out_shape": shape,
            "held_out_cycle": cycle_error(model, user),
            "held_out_score": shape * max(0.0, 1 - style / max(before, 1e-6)),
        }


def cycle_error(model: CycleGAN, user: Garment) -> float:
    """Return the mean |difference| of S2 and its reconstruction, in grey levels."""
    frame = Frame.around(user.box, model.config.image_size)
    planes = pattern_input(user, frame, model.config)
    s2, mask = planes[..., :3], mask_in_frame(user, frame)[None, ..., None]
    uv = planes[..., -2:] if model.config.texture else None
    fake = model.generate(s2, mask, uv)
    cycled = model.reconstruct(fake, mask, uv)
    error = np.abs(cycled - s2) * mask
    return float(error.sum() / max(mask.sum() * 3, 1) * 127.5)
