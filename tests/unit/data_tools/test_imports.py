"""What is loaded when: a try-on must not import the readers of annotations."""

import subprocess
import sys

import pytest

import data_tools


def loaded_after(statement):
    """Return the modules of data_tools that a fresh interpreter loads for a statement."""
    code = (
        f"{statement}; import sys; print([m for m in sys.modules if 'data_tools' in m])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    "statement", ["import tryon.pipeline", "import data_tools.annotations"]
)
def test_readers_of_annotations_are_not_loaded(statement):
    loaded = loaded_after(statement)
    assert "data_tools.annotations" in loaded
    assert "data_tools.folders" not in loaded
    assert "data_tools.formats" not in loaded


def test_the_public_names_are_loaded_on_first_use():
    assert "data_tools.folders" in loaded_after(
        "import data_tools; data_tools.read_folder"
    )
    assert set(data_tools.__all__) <= set(dir(data_tools))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = data_tools.nothing
