"""The shipped pose networks in Keras under each backend, each in its own process."""

import numpy as np
import pytest

from tryon.images import read_photo
from tryon.pose import PoseReader

BACKENDS = ("tensorflow", "jax", "torch")

SCRIPT = """
import os
os.environ["TRYON_RUNTIME"] = "keras"
from tryon.images import read_photo
from tryon.pose import PoseReader

(pose,) = PoseReader.from_pretrained()(read_photo(sys.argv[1]).image)
print(json.dumps({"score": pose.score, "points": pose.points.tolist()}))
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_reads_the_same_pose(run_script, me_path, backend):
    (expected,) = PoseReader.from_pretrained()(read_photo(me_path).image)
    found = run_script(backend, SCRIPT, me_path)
    assert found["score"] == pytest.approx(expected.score, abs=1e-3)
    np.testing.assert_allclose(found["points"], expected.points, atol=0.1)
