"""Stand-ins for the networks behind the page and the API: quick, and held up at will."""

import io
import threading

import numpy as np
from PIL import Image

from tests.batch_fakes import FakePipeline
from tryon.segment import Segmentation
from tryon.stages import DetectedGarment, work_image
from tryon.types import GarmentMask, Instance
from tryon.web.app import Api
from tryon.web.catalog import Catalog, Item
from tryon.web.config import ServeConfig
from tryon.web.dresser import Dresser

TOPS = ["red top", "green top", "blue top"]  # of the catalogue


class FakeSegmenter:
    """Finds nothing but a doubtful vest."""

    def segment(self, work, instance=None):
        return Segmentation((Instance(5, "vest", 0.3, (1, 2, 3, 4), 0.1),), None)


class HeldPipeline(FakePipeline):
    """A `FakePipeline` whose pairs wait in their first stage while `hold` is clear.

    Very green photos show two people, one beside the other.
    """

    segmenter = FakeSegmenter()

    def __init__(self):
        super().__init__(())
        self.hold, self.began = threading.Event(), threading.Semaphore(0)
        self.hold.set()
        self.fault = None  # an error that every pair raises
        self.chosen = []

    def find_garment(self, photo, role, instance=None):
        garment = super().find_garment(photo, role, instance)
        if photo.image[..., 1].min() < 200 or photo.image[..., 0].max() > 50:
            return garment
        height, width = photo.size
        mask = np.zeros(garment.work.shape[:2], bool)
        mask[20:60, 10:40] = True
        people = tuple(
            Instance(1, "short sleeve top", 0.9, (x, 20, x + 30, 60), 0.1)
            for x in (10, 60)
        )
        detection = GarmentMask(mask, people, instance or 0, 0.9)
        return DetectedGarment(photo, work_image(photo), detection)

    def dress(self, user, shop, options, timer):
        self.chosen.append(options.instance)
        with timer("matte"):
            self.began.release()
            assert self.hold.wait(30)
        if self.fault:
            raise self.fault
        result = super().dress(user, shop or user, options, timer)
        result.report["status"] = "done"
        if options.force:
            result.report["warnings"].append("view_mismatch: forced")
        return result


def png(color=(200, 40, 40), size=(100, 120)):
    """Return the bytes of a picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, "PNG")
    return file.getvalue()


def make_api(tmp_path, pipeline=None, **config):
    """Return an API over a fake pipeline, and a catalogue of three tops."""
    items = []
    for number, name in enumerate(TOPS):
        path = tmp_path / f"{name}.png"
        color = name.split()[0]
        Image.new("RGB", (120, 150), "tan" if color == "top" else color).save(path)
        items.append(Item(f"id{number}", name, path))
    config = ServeConfig(**{"hosts": None, **config})
    dresser = Dresser(pipeline or HeldPipeline(), config)
    return Api(dresser, Catalog(items), config)
