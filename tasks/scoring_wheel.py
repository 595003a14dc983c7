"""The code that reads a model, as a wheel that travels with it: models/ and the reader, and no more of Segmentwerk.

A clean environment is made from a model's own requirements, of which this wheel is one, by its path in the model. In
our own process nothing is installed from it: there today's code reads every model. The version ends in a digest of
the code, for MLflow and pip take an environment that has "the same version" for the right one.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib.metadata import version as package_version
from pathlib import Path

LIBRARIES = ("mlflow", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "threadpoolctl")
_PACKAGE = "segmentwerk_scoring"
_ALONGSIDE = ("tasks/__init__.py", "tasks/segments_model.py")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip file knows: the same code is the same file


def pack_code(folder: Path) -> Path:
    """Write the wheel into a folder; the file written. The same code gives the same bytes."""
    code = _read_code()
    digest = hashlib.sha256(b"".join(name.encode() + b"\0" + text for name, text in code.items()))
    version = f"{package_version('segmentwerk')}+{digest.hexdigest()[:12]}"
    files = code | _describe(version)
    record = f"{_PACKAGE}-{version}.dist-info/RECORD"
    rows = [f"{name},sha256={_hash(text)},{len(text)}" for name, text in files.items()]
    files[record] = "\n".join([*rows, f"{record},,", ""]).encode()
    wheel = folder / f"{_PACKAGE}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED)
    return wheel


def pin_libraries() -> list[str]:
    """What placing customers needs, pinned to what is installed here."""
    return [f"{name}=={package_version(name)}" for name in LIBRARIES]


def _read_code() -> dict[str, bytes]:
    house = Path(__file__).parents[1]
    found = [*(house / "models").rglob("*.py"), *(house / name for name in _ALONGSIDE)]
    return {path.relative_to(house).as_posix(): path.read_bytes() for path in sorted(found)}


def _describe(version: str) -> dict[str, bytes]:
    """The metadata, after https://packaging.python.org/specifications/binary-distribution-format."""
    texts = {
        "METADATA": f"Metadata-Version: 2.1\nName: {_PACKAGE}\nVersion: {version}\nRequires-Python: >=3.11\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: segmentwerk\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    return {f"{_PACKAGE}-{version}.dist-info/{name}": text.encode() for name, text in texts.items()}


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
