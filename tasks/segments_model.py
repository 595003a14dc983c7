"""A segmenter as files that hold no code (`meta.json`, `arrays.npz`), and as a model any MLflow client loads.

MLflow finds `_load_pyfunc` by this module's name (`loader_module`), so in our own process a registered model is
always read by today's code, which refuses a format it does not know. Elsewhere the module comes with the model, in a
wheel among its requirements (`tasks/scoring_wheel.py`).
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models.segmenter import REASON_COLUMNS, Segmenter, SegmenterState

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

META = "meta.json"
ARRAYS = "arrays.npz"


class ModelStateError(ValueError):
    """The files of a model are missing, damaged, or of a format this version does not know."""


@dataclass(frozen=True, slots=True)
class SegmentsModel:
    """What `mlflow.pyfunc.load_model("models:/segments@champion")` wraps."""

    segmenter: Segmenter

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """Segment, strength and reasons of each row of factors, on the rows' own index: `Segmenter.explain`.

        What is missing is None, which JSON has, and not NaN, which it has not.
        """
        placed = self.segmenter.explain(model_input)
        texts: pd.DataFrame = placed.select_dtypes("str").astype(object)
        return placed.assign(**texts.where(texts.notna(), None))


def write_segmenter(segmenter: Segmenter, folder: Path) -> None:
    """Write the segmenter's state as the two files of a folder, which is created."""
    state = segmenter.to_state()
    folder.mkdir(parents=True)
    (folder / META).write_text(json.dumps(state.meta, sort_keys=True, indent=1), encoding="utf-8")
    np.savez_compressed(folder / ARRAYS, allow_pickle=False, **state.arrays)


def read_segmenter(folder: Path) -> Segmenter:
    """Read what `write_segmenter` wrote. Nothing in the files is run.

    Raises:
        ModelStateError: a file is missing or damaged, or the format is unknown.
    """
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            state = SegmenterState(meta=meta, arrays=dict(arrays))
        return Segmenter.from_state(state)
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ModelStateError(f"{folder}: no readable model ({_in_one_line(error)})") from None


def digest_files(folder: Path) -> str:
    """SHA-256 over names and bytes of the two files, and of the wheel beside them (early models have none).

    Raises:
        ModelStateError: one of the two is missing.
    """
    digest = hashlib.sha256()
    for name in (META, ARRAYS, *sorted(wheel.name for wheel in folder.glob("*.whl"))):
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise ModelStateError(f"{folder}: no readable model ({_in_one_line(error)})") from None
        digest.update(f"{name}:{len(content)}:".encode() + content)
    return digest.hexdigest()


def check_copy(segmenter: Segmenter, folder: Path, *, rows: pd.DataFrame) -> None:
    """Make sure that a folder's files give some rows of factors the same segments as the segmenter itself.

    Raises:
        ModelStateError: they do not.
    """
    try:
        pd.testing.assert_frame_equal(read_segmenter(folder).explain(rows), segmenter.explain(rows))
    except AssertionError as error:
        raise ModelStateError(
            f"the files of the model do not give back its segments: {_in_one_line(error)}"
        ) from None


def describe_interface(segmenter: Segmenter) -> ModelSignature:
    """MLflow's description of what goes in (factors as float64) and what comes out."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    outputs = {
        "segment_id": DataType.long,
        "segment_name": DataType.string,
        "strength": DataType.double,
        "is_outlier": DataType.boolean,
    }
    reasons = [ColSpec(DataType.string, name, required=False) for name in REASON_COLUMNS]
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.double, name) for name in segmenter.factors]),
        outputs=Schema([*(ColSpec(kind, name) for name, kind in outputs.items()), *reasons]),
    )


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _load_pyfunc(path: str) -> SegmentsModel:
    return SegmentsModel(read_segmenter(Path(path)))
