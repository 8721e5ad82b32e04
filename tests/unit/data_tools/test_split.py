import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_tools.annotations import BadFile, Dataset, ImageRecord
from data_tools.split import parse_key, select_part, split

SHARES = {"train": 0.8, "val": 0.2}


def dataset(*rows):
    """Make a dataset of (file name, attributes)."""
    records = [ImageRecord(name, None, (), values) for name, values in rows]
    return Dataset(lambda: iter(records), count=len(records))


def deal(data, *keys, shares=SHARES, seed=0):
    found = split(data, [parse_key(key) for key in keys], shares, seed)
    return {
        part: [
            record.name if isinstance(record, BadFile) else record.file_name
            for record in select_part(data, found, part).read_records()
        ]
        for part in shares
    }


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=60))
def test_no_identity_is_in_two_parts(pairs):
    rows = [
        (f"{i}.jpg", {"person": person, "shirt": shirt, "i": i})
        for i, (person, shirt) in enumerate(pairs)
    ]
    data = dataset(*rows, ("x.jpg", {"person": 99}), ("y.jpg", {"shirt": 98}))
    try:
        parts = deal(data, "person", "shirt", shares={"a": 1, "b": 1})
    except ValueError as error:
        assert "in every part" in str(error)
        return
    values = dict(rows)
    for key in ("person", "shirt"):
        one, other = (
            {values[name][key] for name in parts[part] if name in values} for part in "ab"
        )
        assert not one & other
    assert len(parts["a"]) + len(parts["b"]) == len(rows) + 2


def test_shares_are_of_the_groups():
    data = dataset(*((f"p{i}_{k}.jpg", {}) for i in range(500) for k in "abc"))
    parts = deal(data, "name:(.*)_")
    assert len(parts["val"]) == pytest.approx(300, rel=0.15)
    assert {name.split("_")[0] for name in parts["val"]}.isdisjoint(
        name.split("_")[0] for name in parts["train"]
    )


def test_a_group_stays_when_others_come():
    rows = [(f"{i}.jpg", {"pair_id": i}) for i in range(40)]
    few, many = deal(dataset(*rows[:20]), "pair_id"), deal(dataset(*rows), "pair_id")
    assert set(few["val"]) == set(many["val"]) & {f"{i}.jpg" for i in range(20)}
    assert deal(dataset(*rows), "pair_id", seed=1) != many


def test_images_without_identity_stand_alone():
    parts = deal(dataset(*((f"{i}.jpg", {}) for i in range(40))), "pair_id")
    assert len(parts["train"]) > len(parts["val"]) > 0


def test_values_of_other_types_are_other_identities():
    rows = [(f"{i}.jpg", {"a": "1" if i % 2 else 1}) for i in range(8)]
    parts = deal(dataset(*rows), "a", shares={"x": 1, "y": 1})
    assert sorted(map(len, parts.values())) == [4, 4]


def test_bad_files_come_once():
    records = [BadFile("a", "b"), *(ImageRecord(f"{i}.jpg", None) for i in range(40))]
    parts = deal(Dataset(lambda: iter(records)), "x")
    assert sum(map(len, parts.values())) == 41
    assert "a" in parts["train"]


def test_a_part_without_images_is_an_error():
    with pytest.raises(ValueError, match="expected images in every part"):
        deal(dataset(("a.jpg", {})), "x")


@pytest.mark.parametrize("key", ["name:(", "name:a"])
def test_keys_that_are_not_understood(key):
    with pytest.raises(ValueError, match="expected a"):
        parse_key(key)
