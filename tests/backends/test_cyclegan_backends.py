"""The same tiny models under each Keras backend, each in a process of its own."""

import pytest

BACKENDS = ("tensorflow", "jax", "torch")

SCRIPT = """
from cyclegan.config import CycleGANConfig, ShadingConfig, UniversalConfig
from cyclegan.model import CycleGAN
from cyclegan.networks import build_generator
from cyclegan.shading import ShadingTrainer
from cyclegan.universal import UniversalTrainer
from cyclegan.weights import load_weights, save_float16

task, folders = sys.argv[1], [Path(name) for name in sys.argv[2:]]
folder = folders[0]
small = dict(image_size=32, filters=8, blocks=1, discriminator_filters=8, seed=1)
config = CycleGANConfig(**small, pool_size=2, cycle_every=2, texture=8)
rng = np.random.default_rng(0)
def picture(channels=3):
    return rng.uniform(-1, 1, (2, 32, 32, channels)).astype("float32")
mask = np.zeros((2, 32, 32, 1), "float32")
mask[:, 8:24, 8:24] = 1
image, places = picture(), picture(2)
planes = np.concatenate([image, places], axis=-1)  # the generator's input
if task == "read":
    steps, errors = [], {"full": [], "half": []}
    for folder in folders:
        for name in errors:
            model = build_generator(config)
            load_weights(model, folder / f"{name}.weights.h5")
            out = model.predict_on_batch(planes) - np.load(folder / "written.npy")
            errors[name].append(float(np.abs(out).max()))
        steps.append(CycleGAN.from_folder(folder / "state").step)
    print(json.dumps({"steps": steps, **errors}))
    sys.exit()
gan = CycleGAN(config)
batch = dict(real_a=image, mask_a=mask, real_b=picture(), mask_b=mask,
             paired_b=image[..., ::-1].copy(), paired_mask=mask, places_a=places,
             places_b=places)
frozen = gan.discriminator_a.get_weights(), gan.generator_a2b.get_weights()
gan.generator_step.run(gan._prepare(batch))
still = [np.array_equal(x, y) for x, y in
         zip(frozen[0], gan.discriminator_a.get_weights())]
moved = [not np.array_equal(x, y) for x, y in
         zip(frozen[1], gan.generator_a2b.get_weights())]
logs = [gan.train_step(batch) for _ in range(13)]
universal = UniversalTrainer(UniversalConfig(
    **small, norm_groups=4, cycle_every=1, lambda_adversarial=0.05))
given = dict(photo=image, view=image, mask=mask, warped_b=picture(), valid_b=mask,
             places_b=image[..., :2], truth_b=0.5 * picture(), warped_a=image,
             valid_a=mask, places_a=image[..., :2], real=picture(), real_mask=mask)
relit = [universal.train_step(given) for _ in range(13)]
shading = ShadingTrainer(ShadingConfig(
    image_size=32, filters=8, blocks=1, norm_groups=4, seed=1))
garment = dict(view=image, mask=mask, log_light=image[..., :1], known=mask)
lit = [shading.train_step(garment) for _ in range(13)]
gan.generator_a2b.save_weights(folder / "full.weights.h5")
save_float16(gan.generator_a2b, folder / "half.weights.h5")
gan.save(folder / "state")
np.save(folder / "written.npy", gan.generator_a2b.predict_on_batch(planes))
print(json.dumps({
    "still": all(still), "moved": any(moved),
    "shape": gan.generate(image, mask, places).shape,
    "cycle": [logs[0]["cycle_a"], logs[-1]["cycle_a"]],
    "paired": [logs[0]["paired_b"], logs[-1]["paired_b"]],
    "truth": [relit[0]["truth"], relit[-1]["truth"]],
    "light": [lit[0]["light"], lit[-1]["light"]],
}))
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_steps_lower_the_losses_of_the_right_networks(written, backend):
    _, report = written(backend)
    assert report["shape"] == [2, 32, 32, 3]
    assert report["still"]
    assert report["moved"]
    for key in ("cycle", "paired", "truth", "light"):
        first, last = report[key]
        assert last < first, key


@pytest.mark.parametrize("reader", BACKENDS)
def test_weights_of_every_backend_load(run_script, folders, reader):
    report = run_script(reader, SCRIPT, "read", *folders())
    assert report["steps"] == [13] * len(folders())
    assert max(report["full"]) < 1e-4
    assert max(report["half"]) < 1e-2
