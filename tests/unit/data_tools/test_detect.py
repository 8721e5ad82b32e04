import json

import pytest
from conversions import ENDINGS, TEE, coco
from format_documents import DOCUMENTS
from hypothesis import Phase, find, settings

from data_tools.annotations import DataError
from data_tools.convert import FORMATS, convert
from data_tools.detect import detect_format


@pytest.mark.parametrize("name", FORMATS)
def test_what_we_write_is_recognized(tmp_path, name):
    path = tmp_path / f"there{ENDINGS[FORMATS[name].is_folder]}"
    list(convert(FORMATS["coco"].read(coco(tmp_path / "a.json")), FORMATS[name], path))
    assert detect_format(path) == name.removesuffix("-294")


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_what_others_write_is_recognized(tmp_path, name):
    kind = DOCUMENTS[name]
    first = settings(max_examples=1, phases=[Phase.generate], derandomize=True)
    document = find(kind.documents(), bool, settings=first)
    kind.write(document, tmp_path / "there")
    assert detect_format(tmp_path / "there") == name


def test_folders_of_one_format_each(tmp_path):
    (tmp_path / "df/validation/annos").mkdir(parents=True)
    assert detect_format(tmp_path / "df") == "deepfashion2"
    annos = tmp_path / "annos_alone"
    annos.mkdir()
    (annos / "1.json").write_text('{"source": "user", "pair_id": 1}')
    assert detect_format(annos) == "deepfashion2"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{}", "not plain from its contents; give --from"),
        ("a.json", "no json", "expected JSON"),
        ("a.json", '{"shapes": []}', "of the format labelme; give its folder"),
        ("x/a.json", "{}", "not plain"),
        ("x/a.json", "no json", "not plain"),
        ("x/a.json", '{"images": []}', "give the file a.json, which holds all images"),
        ("x/a.json", '{"_via_settings": {}}', "give the file a.json"),
        ("x/a.png", "", "not plain"),
        ("x/data.yaml", f"names: [{TEE}]", "not plain"),
    ],
)
def test_what_is_not_plain_is_refused(tmp_path, name, text, message):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        detect_format(tmp_path / name.partition("/")[0])


def test_only_the_beginning_is_looked_at(tmp_path):
    for i in range(30):
        (tmp_path / f"{i:02}.json").write_text(json.dumps({"a": i}))
    (tmp_path / "99.json").write_text('{"shapes": []}')
    with pytest.raises(DataError, match="not plain"):
        detect_format(tmp_path)
