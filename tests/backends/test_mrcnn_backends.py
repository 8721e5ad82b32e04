"""The same tiny Mask R-CNN under each Keras backend, each in a process of its own."""

import pytest

BACKENDS = ("tensorflow", "jax", "torch")

SCRIPT = """
from mrcnn.config import MaskRCNNConfig, Stage, TrainConfig
from mrcnn.model import MaskRCNN
from mrcnn.train import compile_stage

task, folders = sys.argv[1], [Path(name) for name in sys.argv[2:]]
config = MaskRCNNConfig(
    image_size=64, num_classes=3, pyramid_channels=16, pre_nms=32, proposals=8,
    max_detections=4, box_roi_size=3, mask_roi_size=7, mask_output_size=14,
    canonical_size=32.0, box_head_channels=16, mask_head_channels=8, mask_head_convs=1,
    class_agnostic=False)
stage = Stage("heads", 45, 3e-3)  # a frozen backbone: its graph compiles slowly
train = TrainConfig(stages=(stage,), batch_size=2, warmup_steps=1, max_instances=2,
                    rpn_samples=16, roi_samples=6, roi_positives=2)
images = np.random.default_rng(0).uniform(0, 60, (2, 64, 64, 3)).astype("float32")
images[:, 16:48, 16:48] += 190  # the garment
keras.utils.set_random_seed(0)
model = MaskRCNN(config, train)
if task == "read":
    # The contents of padding are arbitrary.
    errors = read_errors(model, images, folders, lambda written: written["scores"] > 0)
    print(json.dumps(errors))
    sys.exit()
masks = np.zeros((2, 2, 64, 64), "uint8")
masks[:, 0, 16:48, 16:48] = 1
batch = {
    "images": images, "gt_masks": masks,
    "gt_boxes": np.array([[[16, 16, 48, 48], [0, 0, 0, 0]]] * 2, "float32"),
    "gt_labels": np.array([[2, 0]] * 2, "int32")}
compile_stage(model, stage, train)
before = [np.array(w) for w in model.backbone.get_weights()]
history = model.fit(Repeated(batch, 15), epochs=3, verbose=0, shuffle=False).history
still = all(np.array_equal(a, b)
            for a, b in zip(before, model.backbone.get_weights()))
found = write(model, images, folders[0])
nothing = {name: np.zeros_like(value) for name, value in batch.items()}
nothing["images"] = images
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
    # The box loss starts at 0: at first no proposal but the ground truth is a garment.
    totals = [
        sum(values)
        for values in zip(
            *(history[name] for name in ("rpn_class", "rpn_box", "class", "mask")),
            strict=True,
        )
    ]
    assert totals[-1] < 0.9 * totals[0]
    for name in ("rpn_class", "mask"):
        assert history[name][-1] < history[name][0], name
    assert report["still"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_predictions_have_fixed_shapes(written, backend):
    _, report = written(backend)
    assert report["shapes"] == {
        "boxes": [2, 4, 4],
        "labels": [2, 4],
        "scores": [2, 4],
        "mask_boxes": [2, 4, 4],
        "masks": [2, 4, 14, 14],
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_without_garments_has_finite_losses(written, backend):
    _, report = written(backend)
    losses = report["nothing"]
    assert losses["box"] == losses["mask"] == losses["rpn_box"] == 0
    assert 0 < losses["class"] < 10
    assert 0 < losses["rpn_class"] < 10


@pytest.mark.parametrize("reader", BACKENDS)
def test_weights_of_every_backend_load(run_script, folders, reader):
    errors = run_script(reader, SCRIPT, "read", *folders())
    assert len(errors) == len(folders())
    for error in errors:
        assert error["labels"] == 0
        assert error["scores"] < 1e-3
        assert error["masks"] < 1e-3
        assert max(error["boxes"], error["mask_boxes"]) < 0.02  # pixels of 64
