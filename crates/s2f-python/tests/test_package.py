"""The package: how long it takes to import, and how large it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import speech2face as s2f

#: Seconds of the processor, beyond those of the interpreter: other programs run on the machine too.
IMPORT_S = 0.05


def test_the_import_is_quick_and_does_not_import_numpy() -> None:
    code = (
        "import sys, time; begun = time.process_time(); import speech2face; "
        "print(time.process_time() - begun); "
        "assert not {'numpy', 'pyarrow', 'torch', 'PIL'} & set(sys.modules)"
    )
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(7)
    ]
    assert min(runs) < IMPORT_S, runs


def test_the_package_is_installed_and_typed() -> None:
    folder = Path(s2f.__file__).parent
    assert "site-packages" in folder.parts, "the tests must run against the wheel"
    assert (folder / "py.typed").exists() and (folder / "_native.pyi").exists()
    assert all(getattr(s2f, name) is not None for name in s2f.__all__)
    assert set(s2f.__all__) <= set(dir(s2f)) and not hasattr(s2f, "no_such_name")
    from importlib.metadata import version

    assert version("speech2face") == s2f.__version__
