"""How good a pattern's generators are on people whom they were not trained on."""

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

HELD_OUT_EVERY = 6  # of the users; none of fewer


def split_users(users: Sequence[Garment]) -> tuple[list[Garment], list[Garment]]:
    """Part the users in those to train on and every sixth, which is held out."""
    train = [user for i, user in enumerate(users) if (i + 1) % HELD_OUT_EVERY]
    return train, list(users[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY])


@dataclass(frozen=True)
class PatternJudge:
    """Puts a pattern on people and measures the results.

    Attributes:
        users: people, not trained on.
        shop: the pattern's garment.
        segmenter: looks for the garment in the results.
    """

    users: Sequence[Garment]
    shop: Garment
    segmenter: Segmenter

    def __call__(self, model: CycleGAN) -> dict[str, float]:
        """Measure a model.

        Returns:
            Means over the users: "held_out_style", the CIEDE2000 distance of palettes
            to the shop's garment; "held_out_shape", the IoU of the garment found in the
            result with S2; "held_out_cycle", how many grey levels the way there and
            back misses S2 by; and "held_out_score" in [0, 1]: the shape times the share
            of the way from S2's own colours to the pattern's. Nothing without users.
        """
        if not self.users:
            return {}
        # Once for all users: it reads the texture out of the generator.
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
        theirs = self.shop.work, self.shop.alpha
        alpha = user.full_alpha.astype(np.float32) / np.float32(255)
        style = style_distance(image, alpha, *theirs)
        own = style_distance(user.work, user.alpha, *theirs)
        found = self.segmenter(shrink(image, WORK_SIZE))
        shape = 0.0 if found is None else mask_iou(found.mask, user.detection.mask)
        return {
            "held_out_style": style,
            "held_out_shape": shape,
            "held_out_cycle": cycle_error(model, user),
            "held_out_score": shape * max(0.0, 1 - style / max(own, 1e-6)),
        }


def cycle_error(model: CycleGAN, user: Garment) -> float:
    """Return how far S2 and its way to the pattern and back differ, mean grey levels."""
    frame = Frame.around(user.box, model.config.image_size)
    seen = pattern_input(user, frame, model.config)
    s2, mask = seen[..., :3], mask_in_frame(user, frame)[None, ..., None]
    places = seen[..., -2:] if model.config.texture else None
    there = model.generate(s2, mask, places)
    back = model.reconstruct(there, mask, places)
    away = np.abs(back - s2) * mask
    return float(away.sum() / max(mask.sum() * 3, 1) * 127.5)
