"""Draw the README's first picture: your photo, the shop's picture, the result.

python -m benchmarks.readme_picture docs/example.jpg
"""

import sys
from pathlib import Path

from PIL import Image

import tryon
from data_tools.contact_sheet import SheetConfig, draw_cell, lay_out

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SHEET = SheetConfig(cell=(280, 380), columns=3)


def main() -> None:
    """Dress the example pair and write the picture."""
    user, shop = (tryon.read_photo(EXAMPLES / name) for name in ("me.jpg", "tee.jpg"))
    result = tryon.TryOnPipeline.from_pretrained()(user, shop)
    cells = [
        draw_cell(user.image, "your photo", config=SHEET),
        draw_cell(shop.image, "the shop's picture", config=SHEET),
        draw_cell(result.image, "the result", config=SHEET),
    ]
    Image.fromarray(lay_out(cells, config=SHEET)).save(sys.argv[1], quality=88)


if __name__ == "__main__":
    main()
