"""`[training]`: what is searched, and what a model must show. Light to import, for the configuration reads it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.clusterers import load_clusterers
from models.preparation_options import Mixes, Outliers, Scaling, Selection, Skewed
from models.recipes import PREPARATIONS, UNSUPERVISED, list_preparations

HANDLING = ("outliers", "mixes", "skewed", "scaling", "selection")


class TrainingSettings(BaseModel):
    """`[training]`: which recipes are tried, and what a model must show to be considered.

    Attributes:
        algorithms: files of `models/clusterers`.
        preparations: names in `models.recipes.PREPARATIONS`. `pls` groups by what foretells outcomes, is learnt from
            those of an earlier day, and is tried only where it is asked for and there are any.
        outliers, mixes, skewed, scaling, selection: how every preparation treats factors; see `PreparationOptions`.
        segments_min, segments_max: how many segments there may be.
        trials: recipes drawn; the same one drawn twice costs nothing.
        time_limit: seconds after which no more are drawn; the summary says so, and another run may differ.
        bootstraps: resamples for stability.
        bootstrap_sample: the most customers of one.
        finalists: candidates whose separation is cross-validated at a time.
        smallest_share, outlier_share_max, stability_mean, stability_min: gates of admission.
        effect: the gain in conversion (0.05: five points) that a campaign to any one segment must be able to
            show; left out, the share alone counts.
        seed: the same data, champion and seed give the same model. Where there is a champion, customers are drawn as
            they were for it, and this decides what is tried beside it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithms: tuple[str, ...] = Field(
        default=("kmeans", "hdbscan", "gaussian_mixture", "ward"), min_length=1
    )
    preparations: tuple[str, ...] = Field(default=UNSUPERVISED, min_length=1)
    outliers: Outliers = "winsorised"
    mixes: Mixes = "shares"
    skewed: Skewed = "log"
    scaling: Scaling = "deviation"
    selection: Selection = "distinct"
    segments_min: int = Field(default=4, ge=2)
    segments_max: int = Field(default=8, ge=2, le=30)
    trials: int = Field(default=40, ge=1)
    time_limit: float | None = Field(default=None, gt=0)
    bootstraps: int = Field(default=50, ge=2)
    bootstrap_sample: int = Field(default=2000, ge=100)
    finalists: int = Field(default=6, ge=1)
    smallest_share: float = Field(default=0.01, ge=0, lt=0.5)
    outlier_share_max: float = Field(default=0.25, ge=0, lt=1)
    stability_mean: float = Field(default=0.75, ge=0, le=1)
    stability_min: float = Field(default=0.60, ge=0, le=1)
    effect: float | None = Field(default=None, gt=0, lt=1)
    seed: int = 0

    @property
    def handling(self) -> dict[str, str]:
        """How every preparation treats factors, as options of `PreparationOptions`."""
        return {option: getattr(self, option) for option in HANDLING}

    @property
    def foretells(self) -> bool:
        """Whether recipes are tried that learn from what customers did after an earlier day."""
        return any(name not in UNSUPERVISED for name in self.preparations)

    @model_validator(mode="after")
    def _fits_together(self) -> TrainingSettings:
        if self.segments_max < self.segments_min:
            raise ValueError(
                f"segments_max {self.segments_max} is below segments_min {self.segments_min}; raise it"
            )
        catalogue = load_clusterers()
        for name in self.algorithms:
            if name not in catalogue:
                raise ValueError(f"algorithm '{name}' is not known; there are: {', '.join(catalogue)}")
        for name in self.preparations:
            if name not in PREPARATIONS:
                raise ValueError(f"preparation '{name}' is not known; there are: {', '.join(PREPARATIONS)}")
        for name in self.algorithms:
            if not list_preparations(name, self.preparations):
                suited = ", ".join(list_preparations(name, tuple(PREPARATIONS)))
                raise ValueError(f"algorithm '{name}' needs one of the preparations {suited}")
        return self
