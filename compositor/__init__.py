"""Cut out, warp, relight and blend garments: arrays in, arrays out.

Image: uint8 RGB `(H, W, 3)`; hard mask: bool `(H, W)`; `alpha`: float32 `(H, W)` in
[0, 1]; sizes (height, width); points (x, y) in pixels; boxes xyxy, x2 and y2 exclusive.
Start reading at `compositor/blend.py`.
"""

from compositor.blend import composite, composite_strips
from compositor.charting import match_places
from compositor.collar import find_labels, snap_curve
from compositor.color import relight, seam_energy, shading, style_distance
from compositor.contour import ControlPoints, complete_mask, control_points
from compositor.cutout import cutout_rgba, erase, mask_box, pad_box
from compositor.front import part_from_front
from compositor.ground import even_ground
from compositor.layers import estimate_foreground_background
from compositor.matte import clean_mask, enlarge_alpha, refine_alpha
from compositor.raster import sample_raster
from compositor.slips import drop_strangers, fill_alike, fill_notches, fill_prints
from compositor.warp import (
    Warp,
    fill_outside,
    fit_warp,
    warp_filled,
    warp_image,
    warp_mask,
)

__all__ = [
    "ControlPoints",
    "Warp",
    "clean_mask",
    "complete_mask",
    "composite",
    "composite_strips",
    "control_points",
    "cutout_rgba",
    "drop_strangers",
    "enlarge_alpha",
    "erase",
    "estimate_foreground_background",
    "even_ground",
    "fill_alike",
    "fill_notches",
    "fill_outside",
    "fill_prints",
    "find_labels",
    "fit_warp",
    "mask_box",
    "match_places",
    "pad_box",
    "part_from_front",
    "refine_alpha",
    "relight",
    "sample_raster",
    "seam_energy",
    "shading",
    "snap_curve",
    "style_distance",
    "warp_filled",
    "warp_image",
    "warp_mask",
]
