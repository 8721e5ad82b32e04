"""Write a contact sheet: every user in every shop garment, one row per user.

    python benchmarks/contact_sheet.py -o sheet.jpg --user me.jpg --shop tee.jpg ...

The first row shows the shop pictures, the first column the users. Beneath a result is its
score, and in the place of a refused pair the reason. For visual comparison of models or
of the compositing.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from data_tools.contact_sheet import SheetConfig, draw_cell, lay_out
from tryon.errors import Refusal
from tryon.images import read_photo
from tryon.pipeline import Options, TryOnPipeline
from tryon.types import Photo


def dress(
    pipeline: TryOnPipeline, user: Photo, shop: Photo, config: SheetConfig
) -> np.ndarray:
    """Return one cell: the result with its score, or the reason of the refusal."""
    try:
        result = pipeline(user, shop, Options(force=True))
    except Refusal as refusal:
        return draw_cell(None, refusal.reason, config=config)
    return draw_cell(result.image, f"{result.report['score']:.2f}", config=config)


def crop_close(user: Photo) -> Photo:
    """Crop a full-body photo to its upper part; other photos are returned unchanged."""
    height, width = user.size
    if height < 1.3 * width:
        return user
    return Photo(np.ascontiguousarray(user.image[: int(0.62 * height)]), user.path)


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", type=Path, nargs="+", required=True)
    parser.add_argument("--shop", type=Path, nargs="+", required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--pattern")
    parser.add_argument("--cell", type=int, nargs=2, default=(240, 300))
    parser.add_argument("--crop", action="store_true", help="users from the hips up")
    args = parser.parse_args()
    config = SheetConfig(cell=tuple(args.cell), columns=1 + len(args.shop))
    pipeline = TryOnPipeline.from_pretrained(args.pattern)
    shops = [read_photo(path) for path in args.shop]
    cells = [draw_cell(None, config=config)]
    cells += [draw_cell(shop.image, config=config) for shop in shops]
    for path in args.user:
        user = crop_close(read_photo(path)) if args.crop else read_photo(path)
        cells.append(draw_cell(user.image, config=config))
        cells += [dress(pipeline, user, shop, config) for shop in shops]
    Image.fromarray(lay_out(cells, config=config)).save(args.out, quality=88)


if __name__ == "__main__":
    main()
