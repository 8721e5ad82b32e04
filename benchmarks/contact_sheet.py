"""A contact sheet: every user in every shop garment, one row a user.

    python benchmarks/contact_sheet.py -o sheet.jpg --user me.jpg --shop tee.jpg ...

The first row shows the shop pictures, the first column the users. A refused pair shows
its reason. Look at each cell before a model or the compositing is called better.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tryon.errors import Refusal
from tryon.images import read_photo
from tryon.pipeline import Options, TryOnPipeline
from tryon.types import Photo

BACKGROUND = "white"


def fit(image: np.ndarray, cell: tuple[int, int]) -> Image.Image:
    """Fit a picture into a cell (width, height)."""
    canvas = Image.new("RGB", cell, BACKGROUND)
    picture = Image.fromarray(image)
    picture.thumbnail((cell[0] - 4, cell[1] - 4))
    left, top = (cell[0] - picture.width) // 2, (cell[1] - picture.height) // 2
    canvas.paste(picture, (left, top))
    return canvas


def dress(
    pipeline: TryOnPipeline, user: Photo, shop: Photo, cell: tuple[int, int]
) -> Image.Image:
    """Return one cell: the result with its score, or the reason of the refusal."""
    try:
        result = pipeline(user, shop, Options(force=True))
    except Refusal as refusal:
        canvas = Image.new("RGB", cell, BACKGROUND)
        ImageDraw.Draw(canvas).text((6, cell[1] // 2), refusal.reason, fill="black")
        return canvas
    canvas = fit(result.image, cell)
    text = f"{result.report['score']:.2f}"
    ImageDraw.Draw(canvas).text((6, 4), text, fill="red")
    return canvas


def crop_close(user: Photo) -> Photo:
    """Crop a street photo to its upper body; the whole photo where it is closer."""
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
    cell = tuple(args.cell)
    pipeline = TryOnPipeline.from_pretrained(args.pattern)
    shops = [read_photo(path) for path in args.shop]
    blank = Image.new("RGB", cell, BACKGROUND)
    rows = [[blank, *(fit(shop.image, cell) for shop in shops)]]
    for path in args.user:
        user = crop_close(read_photo(path)) if args.crop else read_photo(path)
        results = [dress(pipeline, user, shop, cell) for shop in shops]
        rows.append([fit(user.image, cell), *results])
    sheet = np.vstack([np.hstack([np.asarray(c) for c in row]) for row in rows])
    Image.fromarray(sheet).save(args.out, quality=88)


if __name__ == "__main__":
    main()
