"""The same tiny chart network under each Keras backend, each in a process of its own."""

import pytest

BACKENDS = ("tensorflow", "jax", "torch")

SCRIPT = """
from mrcnn.chart.model import build_chart_network
from mrcnn.chart.data import Charted, pack_view
from mrcnn.chart.train import ChartTrainer
from mrcnn.chart.consistency import UnlabeledGarment, paired_rows
from mrcnn.config import ChartConfig, Stage, TrainConfig
from mrcnn.train import compile_stage

task, folders = sys.argv[1], [Path(name) for name in sys.argv[2:]]
config = ChartConfig(image_size=64, widths=(4, 8, 8, 8))
x, y = np.meshgrid(np.linspace(0, 1, 64), np.linspace(1, 0, 64))
chart = np.stack([x, y], axis=-1).astype("float32")
mask = np.zeros((64, 64), bool)
mask[16:48, 16:48] = True
image = np.rint(chart[..., [0, 1, 1]] * 255).astype("uint8")
row = pack_view(Charted(image, mask, chart, np.zeros_like(mask)))
blank = [np.zeros((25, width), "float32") for width in (3, 2)]
photo = UnlabeledGarment(image, mask, *blank)
pair = paired_rows(photo, 64, np.random.default_rng(0), lambda view, rng: view)
blank = {name: np.zeros_like(pair[0][name]) for name in ("matches", "landmark_uv")}
rows = [row | blank, row | blank, *pair]
batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
keras.utils.set_random_seed(0)
if task == "read":
    errors = read_errors(build_chart_network(config), batch["views"], folders)
    print(json.dumps(errors))
    sys.exit()
train = TrainConfig(batch_size=4, warmup_steps=1, ema=0.9)
model = ChartTrainer(config, train)
compile_stage(model, Stage("heads", 30, 5e-3), train)
history = model.fit(Repeated(batch, 10), epochs=3, verbose=0, shuffle=False).history
found = write(model.network, batch["views"], folders[0])
print(json.dumps({
    "history": history,
    "shapes": {name: np.shape(value) for name, value in found.items()},
}))
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_training_lowers_the_losses(written, backend):
    _, report = written(backend)
    for name in ("place", "back"):
        assert report["history"][name][-1] < report["history"][name][0], name
    assert report["shapes"]["places"] == [4, 16, 16, 2, 2]


@pytest.mark.parametrize("reader", BACKENDS)
def test_weights_of_every_backend_load(run_script, folders, reader):
    errors = run_script(reader, SCRIPT, "read", *folders())
    assert len(errors) == len(folders())
    for error in errors:
        assert max(error.values()) < 1e-3
