"""The matting network under each Keras backend, each in a process of its own."""

import pytest

BACKENDS = ("tensorflow", "jax", "torch")

SCRIPT = """
from mrcnn.config import MattingConfig, Stage, TrainConfig
from mrcnn.matting.model import build_matting_network
from mrcnn.matting.train import MattingTrainer
from mrcnn.train import compile_stage

def named(network):
    return keras.Model(network.input, {"alpha": network.output})

task, folders = sys.argv[1], [Path(name) for name in sys.argv[2:]]
config = MattingConfig(image_size=64, widths=(4, 4, 4, 4, 8), detail_width=4)
views = np.full((1, 64, 64, 4), 60, "float32")
views[:, 16:48, 16:48] += 150
truth = (views[..., 0] > 100).astype("float32")
keras.utils.set_random_seed(0)
if task == "read":
    network = named(build_matting_network(config))
    print(json.dumps(read_errors(network, views, folders)))
    sys.exit()
train = TrainConfig(batch_size=1, warmup_steps=1)
model = MattingTrainer(config, train)
compile_stage(model, Stage("heads", 12, 2e-2), train)
batch = {"views": views, "gt_alpha": truth, "known": np.ones_like(truth)}
history = model.fit(Repeated(batch, 4), epochs=3, verbose=0, shuffle=False).history
found = write(named(model.network), views, folders[0])
print(json.dumps({"history": history, "shape": np.shape(found["alpha"])}))
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_training_lowers_the_losses(written, backend):
    _, report = written(backend)
    for loss in ("alpha", "edges"):
        assert report["history"][loss][-1] < report["history"][loss][0]
    assert report["shape"] == [1, 64, 64]


@pytest.mark.parametrize("reader", BACKENDS)
def test_weights_of_every_backend_load(run_script, folders, reader):
    errors = run_script(reader, SCRIPT, "read", *folders())
    assert len(errors) == len(folders())
    for error in errors:
        assert error["alpha"] < 2e-3
