"""The package: dependencies, extras, entry point, package data."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(
    r'__version__ = "([^"]+)"', (ROOT / "tryon/_version.py").read_text(encoding="utf-8")
)[1]

# What imgaug needs beside numpy, less opencv-python, which wants the system's libGL; the
# headless build is the same module without it. imgaug itself is installed by the Makefile
# with --no-deps, or by hand: `pip install --no-deps imgaug==0.4.0`.
TRAIN = [
    "opencv-python-headless>=4.10",
    "imageio>=2.34",
    "matplotlib>=3.9",
    "shapely>=2.0",
]
TRAIN += ["six>=1.16", "tensorboard>=2.18"]
FAST = ["openvino>=2025.4,<2027"]  # runs the networks that a user waits for
# Reads HEIC, as iPhones write it. Its wheels carry GPL and LGPL libraries, so it is never
# installed without being asked for.
HEIC = ["pillow-heif>=1.1"]
RAY = ["ray[data]>=2.40,<3"]  # `tryon batch --engine ray`
WEB = ["starlette>=1.0", "uvicorn>=0.34", "python-multipart>=0.0.20"]  # `tryon serve`
TEST = ["pytest>=8", "pytest-randomly>=3.15", "pytest-cov>=5", "hypothesis>=6.100"]
TEST += ["supervision>=0.26"]  # reads what we write
TEST += [*WEB, "httpx2>=2.16", "playwright>=1.50"]
CHECK = [
    "ruff==0.15.*",
    "mypy>=1.15",
    "import-linter>=2.1",
    "codespell>=2.3",
    "cogapp>=3.4",
]

setup(
    name="tryon",
    version=VERSION,
    description="Virtual try-on that anyone can run on an ordinary computer",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(
        include=["tryon*", "mrcnn*", "cyclegan*", "compositor*", "data_tools*"]
    ),
    package_data={
        "": ["py.typed"],
        "tryon": [
            "models/*.json",
            "models/*.h5",
            "models/patterns/*.json",
            "models/patterns/*.h5",
            "training/users/*.jpg",
            "evaluation/pairs/*",
            "evaluation/controlled/*",
            "batch/report.html",
            "web/openapi.json",
            "web/static/*",
        ],
        "data_tools": ["formats/*.csv"],
    },
    install_requires=[
        "tensorflow>=2.18",
        "keras>=3.10",
        "numpy>=2.0",
        "scipy>=1.14",
        "scikit-image>=0.25",
        "pillow>=11.3",  # reads AVIF
        "h5py>=3.11",
        "pycocotools>=2.0.8",
        "platformdirs>=4",
        "click>=8.1",
        "filelock>=3.16",
        "ijson>=3.3",
        "pyyaml>=6",
    ],
    extras_require={
        "fast": FAST,
        "heic": HEIC,
        "ray": RAY,
        "web": WEB,
        "train": TRAIN,
        "test": TEST,
        "check": CHECK,
    },
    entry_points={"console_scripts": ["tryon = tryon.cli:main"]},
)
