"""Whatever a file holds: it is read, or refused in one line; nothing else happens."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from cyclegan.config import from_dict
from data_tools.pictures import FORMATS
from tryon import zoo
from tryon.batch.manifest import Manifest, format_row
from tryon.batch.pairs import FAULTS, read_pairs
from tryon.errors import Refusal, TryOnError
from tryon.images import MIN_SIDE, read_photo
from tryon.networks import network_config
from tryon.pattern_files import check_limits

quick = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
numbers = st.integers() | st.floats()
scalars = st.none() | st.booleans() | numbers | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


def pictures():
    """One small picture in every format that is opened."""
    noise = np.random.default_rng(0).integers(
        0, 256, (MIN_SIDE, MIN_SIDE + 4, 3), np.uint8
    )
    for name in FORMATS:
        buffer = io.BytesIO()
        Image.fromarray(noise).save(buffer, format=name)
        yield buffer.getvalue()


PICTURES = list(pictures())
ROWS = "".join(
    format_row({"pair": name, "status": "done", "output": {"bytes": 4, "file": name}})
    for name in ("a.png", "b.png", "c.png")
).encode()
CARD = json.dumps(
    {"name": "x", "kind": "pattern", "file": "x.weights.h5", "bytes": 4,
     "sha256": "0" * 64, "licence": "mine", "config": {"filters": 8}}
).encode()  # fmt: skip
PLAN = b'\xef\xbb\xbfuser,shop,pattern,output\r\na.jpg,"b, c.jpg",dots,x.png\r\nd,e,,\r\n'


@st.composite
def damaged(draw, originals):
    """Cut a file short, flip bits, put bytes in, or take some out."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["cut", "flip", "insert", "remove"])):
            case "cut":
                del data[place:]
            case "flip" if data:
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "insert":
                data[place:place] = draw(st.binary(max_size=12))
            case _:
                del data[place : place + draw(st.integers(1, 40))]
    return bytes(data)


def one_line(error):
    assert "\n" not in str(error)
    assert str(error)


@quick
@given(data=damaged(PICTURES) | st.binary(max_size=200))
def test_pictures(tmp_path, data):
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    try:
        photo = read_photo(path)
    except Refusal as refusal:
        assert refusal.reason in ("unreadable_image", "too_small")
        one_line(refusal)
    else:
        assert min(photo.size) >= MIN_SIDE


@pytest.mark.parametrize("format", range(len(FORMATS)), ids=FORMATS)
def test_pictures_cut_at_many_places(tmp_path, format):
    whole, path = PICTURES[format], tmp_path / "photo.jpg"
    refused = 0
    for length in range(0, len(whole), max(len(whole) // 60, 1)):
        path.write_bytes(whole[:length])
        try:
            read_photo(path)
        except Refusal as refusal:
            refused += 1
            assert refusal.reason == "unreadable_image"
    assert refused > 30


@quick
@given(data=damaged([PLAN]) | st.binary(max_size=200))
@example(b"user,shop\n\0,\0\n")
def test_plans(tmp_path, data):
    path = tmp_path / "pairs.csv"
    path.write_bytes(data)
    try:
        pairs = read_pairs(path)
    except TryOnError as error:
        one_line(error)
        return
    assert pairs
    assert len({pair.key.casefold() for pair in pairs}) == len(pairs)
    for pair in pairs:
        assert pair.fault is None or pair.fault.reason in FAULTS
        assert Path(pair.key).name == pair.key, "nothing leads out of the folder"
        assert pair.key.isprintable()


@quick
@given(data=damaged([ROWS]) | st.binary(max_size=200))
def test_manifests(tmp_path, data):
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(data)
    try:
        with Manifest(path) as manifest:
            rows = list(manifest.rows())
            manifest.settle(sorted(manifest.entries))
            assert {r["pair"] for r in manifest.rows()} == {r["pair"] for r in rows}
    except TryOnError as error:
        one_line(error)
        assert path.read_bytes() == data, "another file is left as it is"


@quick
@given(
    data=damaged([CARD])
    | st.binary(max_size=200)
    | values.map(json.dumps).map(str.encode)
)
@example(b"[" * 100_000)
@example(b"\xff\xfe{}")
@example(b'{"n": ' + b"9" * 5000 + b"}")
def test_cards(tmp_path, data):
    (tmp_path / "x.json").write_bytes(data)
    (tmp_path / "x.weights.h5").write_bytes(b"none")
    with pytest.raises(TryOnError) as error:  # no hash of these weights is 64 zeros
        zoo.load_card(tmp_path / "x.json")
    one_line(error.value)


def test_a_card_without_end_is_not_read(tmp_path):
    (tmp_path / "x.json").symlink_to("/dev/zero")
    with pytest.raises(TryOnError, match="not a model card"):
        zoo.load_card(tmp_path / "x.json")


FIELDS = st.sampled_from(
    ["kind", "image_size", "filters", "blocks", "backbone", "classes", "precision",
     "anchor_ratios", "background"]
)  # fmt: skip
configs = st.dictionaries(FIELDS | st.text(max_size=8), values, max_size=4) | values


@pytest.mark.parametrize("kind", ["segmenter", "refiner", "chart"])
@quick
@given(config=configs)
def test_configs_of_networks(kind, config):
    card = zoo.ModelCard(Path("x.weights.h5"), {"config": config})
    try:
        network_config(card, kind)
    except TryOnError as error:
        one_line(error)


@quick
@given(config=configs)
def test_configs_of_generators(config):
    card = zoo.ModelCard(Path("x.weights.h5"), {"config": config})
    try:
        check_limits(card)
        from_dict(config)
    except (TypeError, ValueError) as error:
        assert str(error)
