"""The semantic network under each Keras backend, each in a process of its own."""

import pytest

BACKENDS = ("tensorflow", "jax", "torch")

SCRIPT = """
from mrcnn.config import SemanticConfig, Stage, TrainConfig
from mrcnn.semantic.model import build_semantic_network
from mrcnn.semantic.train import SemanticTrainer
from mrcnn.train import compile_stage

def named(network):
    return keras.Model(network.input, {"clothes": network.output})

task, folders = sys.argv[1], [Path(name) for name in sys.argv[2:]]
config = SemanticConfig(widths=(4, 4, 4, 8))
views = np.full((1, 256, 256, 3), 60, "float32")
views[:, 64:192, 64:192] += 150
clothes = np.zeros((1, 64, 64), "int32")
clothes[:, 16:48, 16:48] = 3
clothes[:, :8] = 255
keras.utils.set_random_seed(0)
if task == "read":
    network = named(build_semantic_network(config))
    print(json.dumps(read_errors(network, views, folders)))
    sys.exit()
train = TrainConfig(batch_size=1, warmup_steps=1)
model = SemanticTrainer(config, train)
compile_stage(model, Stage("heads", 12, 2e-2), train)
before = [np.array(w) for w in model.backbone.get_weights()]
batch = {"views": views, "gt_clothes": clothes}
history = model.fit(Repeated(batch, 4), epochs=3, verbose=0, shuffle=False).history
still = all(np.array_equal(a, b)
            for a, b in zip(before, model.backbone.get_weights()))
found = write(named(model.network), views, folders[0])
print(json.dumps({
    "history": history, "still": still, "shape": np.shape(found["clothes"])}))
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_training_lowers_the_loss_and_keeps_the_features(written, backend):
    _, report = written(backend)
    assert report["history"]["clothes"][-1] < report["history"]["clothes"][0]
    assert report["still"]
    assert report["shape"] == [1, 64, 64, 11]


@pytest.mark.parametrize("reader", BACKENDS)
def test_weights_of_every_backend_load(run_script, folders, reader):
    errors = run_script(reader, SCRIPT, "read", *folders())
    assert len(errors) == len(folders())
    for error in errors:
        assert error["clothes"] < 2e-3
