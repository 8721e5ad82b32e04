"""Cut out, warp, relight and blend garments: arrays in, arrays out.

Image: uint8 RGB `(H, W, 3)`; hard mask: bool `(H, W)`; `alpha`: float32 `(H, W)` in
[0, 1]; sizes (height, width); points (x, y) in pixels; boxes xyxy, x2 and y2 exclusive.
Start reading at `compositor/blend.py`.
"""

from compositor.blend import composite, composite_strips
from compositor.light.base_color import flatten_base_color
from compositor.light.color import relight, seam_energy, shading, style_distance
from compositor.mask.cutout import cutout_rgba, erase, mask_box, pad_box
from compositor.mask.foreground import (
    continue_background,
    estimate_foreground_background,
)
from compositor.mask.matte import clean_mask, enlarge_alpha, refine_alpha
from compositor.mask.occluders import separate_occluders
from compositor.mask.repair import (
    drop_unrelated_components,
    fill_notches,
    fill_print_holes,
    fill_similar_holes,
)
from compositor.raster import sample_raster
from compositor.warp.chart_matches import match_chart_coordinates
from compositor.warp.collar import detect_neck_labels, snap_curve
from compositor.warp.corners import ControlPoints, complete_mask, control_points
from compositor.warp.warp import (
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
    "continue_background",
    "control_points",
    "cutout_rgba",
    "detect_neck_labels",
    "drop_unrelated_components",
    "enlarge_alpha",
    "erase",
    "estimate_foreground_background",
    "fill_notches",
    "fill_outside",
    "fill_print_holes",
    "fill_similar_holes",
    "fit_warp",
    "flatten_base_color",
    "mask_box",
    "match_chart_coordinates",
    "pad_box",
    "refine_alpha",
    "relight",
    "sample_raster",
    "seam_energy",
    "separate_occluders",
    "shading",
    "snap_curve",
    "style_distance",
    "warp_filled",
    "warp_image",
    "warp_mask",
]
