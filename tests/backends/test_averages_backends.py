"""Averages of the weights, under each backend: they must not share their memory."""

import pytest

SCRIPT = """
from mrcnn.train import AveragedAdamW, averaged_weights

model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.compile(AveragedAdamW(0.1, use_ema=True, ema_momentum=0.9), loss="mse")
x, y = np.ones((8, 3), "float32"), np.ones((8, 2), "float32")
for _ in range(2):
    model.fit(x, y, verbose=0, batch_size=4)
    before = [np.array(w) for w in model.get_weights()]
    with averaged_weights(model):
        model.predict_on_batch(x)
        averages = [np.array(w) for w in model.get_weights()]
    after = model.get_weights()
    model.save_weights(sys.argv[1])
    assert all(np.array_equal(a, b) for a, b in zip(before, after))
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(averages, after))
    model.optimizer.use_averages(model.trainable_variables)
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_averages_come_and_go(run_script, backend, tmp_path):
    run_script(backend, SCRIPT, tmp_path / "a.weights.h5")
