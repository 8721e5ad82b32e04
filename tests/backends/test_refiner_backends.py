"""The same tiny refiner under each Keras backend, each in a process of its own."""

import pytest

BACKENDS = ("tensorflow", "jax", "torch")

SCRIPT = """
from mrcnn.config import RefinerConfig, Stage, TrainConfig
from mrcnn.refiner.model import build_refiner
from mrcnn.refiner.data import NO_PART, Region, pack_region
from mrcnn.refiner.train import RefinerTrainer
from mrcnn.train import compile_stage

task, folders = sys.argv[1], [Path(name) for name in sys.argv[2:]]
config = RefinerConfig(
    image_size=64, num_classes=3, widths=(4, 8, 8, 8, 8), class_width=8)
image = np.full((64, 64, 3), 60, "uint8")
image[16:48, 16:48] += 190
mask = np.zeros((64, 64), "float32")
mask[16:48, 16:48] = 1
points = np.tile(np.float32([16, 16, 2]), (25, 1))
parts = np.where(mask > 0, 2, 0).astype("uint8")
region = Region(image, mask, mask * 0.7, 2, points, parts=parts)
row = pack_region(region, 25, config.body_planes)
batch = {name: np.stack([value, value]) for name, value in row.items()}
keras.utils.set_random_seed(0)
if task == "read":
    errors = read_errors(build_refiner(config), batch["views"], folders)
    print(json.dumps(errors))
    sys.exit()
train = TrainConfig(batch_size=2, warmup_steps=1, ema=0.9)
model = RefinerTrainer(config, train)
compile_stage(model, Stage("heads", 60, 5e-3), train)
before = [np.array(w) for w in model.backbone.get_weights()]
history = model.fit(Repeated(batch, 10), epochs=6, verbose=0, shuffle=False).history
still = all(np.array_equal(a, b)
            for a, b in zip(before, model.backbone.get_weights()))
found = write(model.network, batch["views"], folders[0])
unknown = np.full_like(batch["gt_parts"], NO_PART)
nothing = {**batch, "known": np.zeros((2, 3), "float32"), "gt_parts": unknown}
model.reset_metrics()
print(json.dumps({
    "history": history, "still": still,
    "shapes": {name: np.shape(value) for name, value in found.items()},
    "nothing": model.train_on_batch(nothing, return_dict=True),
}))
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_training_lowers_the_losses(written, backend):
    _, report = written(backend)
    history = report["history"]
    for name in ("mask", "class", "heatmap", "place", "part"):
        assert history[name][-1] < history[name][0], name
    assert report["still"], "the frozen backbone"


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_not_known_costs_nothing(written, backend):
    _, report = written(backend)
    assert report["nothing"]["loss"] == 0


@pytest.mark.parametrize("reader", BACKENDS)
def test_weights_of_every_backend_load(run_script, folders, reader):
    errors = run_script(reader, SCRIPT, "read", *folders())
    assert len(errors) == len(folders())
    for error in errors:
        assert error["masks"] < 1e-3
        assert error["places"] < 1e-4
        assert error["classes"] < 1e-3
        assert error["parts"] < 1e-3
