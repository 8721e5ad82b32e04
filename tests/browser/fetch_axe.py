"""Fetch axe-core, which checks pages for accessibility: python fetch_axe.py TARGET.

The package is pinned by its hash. It is licensed under MPL-2.0 and not part of the
project; only tests load it.
"""

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "axe-core@4.14.1"
SHA512 = (  # as npm writes it
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5"
    "qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)
MEMBER = "package/axe.min.js"


def fetch(target: Path) -> None:
    """Write the script to `target`, whole or not at all."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", folder]
            subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(f"{PACKAGE} cannot be fetched ({error}); npm must be installed")
        (package,) = Path(folder).glob("*.tgz")
        digest = hashlib.sha512(package.read_bytes()).digest()
        if base64.b64encode(digest).decode() != SHA512:
            sys.exit(f"{PACKAGE}: not the package that is pinned")
        with tarfile.open(package) as archive:
            script = archive.extractfile(MEMBER)
            if script is None:
                sys.exit(f"{PACKAGE}: holds no {MEMBER}")
            temporary = target.with_suffix(".part")
            temporary.write_bytes(script.read())
        temporary.replace(target)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
