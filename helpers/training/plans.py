"""What decides a run, and the key that tells whether it was made before."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from helpers.config.recipes import AUGMENTATIONS, Recipe
from helpers.core import paths, provenance
from helpers.data.dataset import Dataset, Split
from helpers.models.architecture import NETWORKS
from helpers.models.weights import BaseWeights


@dataclass(frozen=True)
class Plan:
    """Everything that decides one run.

    Attributes:
        recipe: resolved for the profile and the weights.
        seed: of initialisation, order and augmentation.
        profile: name of the profile.
        dataset, split: what to train and judge on.
        weights: of the pretrained base; None for a network trained from scratch.
    """

    recipe: Recipe
    seed: int
    profile: str
    dataset: Dataset
    split: Split
    weights: BaseWeights | None

    def config(self) -> dict[str, Any]:
        """The plan as plain values, with its key; the profile's name is no part of the key, nor is the git commit."""
        parts = {
            "recipe": self.recipe.as_dict(),
            "augmentation": vars(AUGMENTATIONS[self.recipe.augmentation]),
            "seed": self.seed,
            "data_fingerprint": self.dataset.fingerprint,
            "split_fingerprint": self.split.fingerprint,
            "weights_sha256": self.weights.sha256 if self.weights else "",
            "packages": provenance.packages(),
            "code_hash": provenance.code_hash(*self._modules()),
        }
        return parts | {"key": provenance.digest(parts), "profile": self.profile}

    @property
    def name(self) -> str:
        """For lines of progress: "deep_cnn improved, seed 0"."""
        return f"{self.recipe.model} {self.recipe.name}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        """The run's folder."""
        name = f"{self.recipe.model}_{self.recipe.name}_{self.seed}_{self.config()['key'][:10]}"
        return paths.runs() / self.profile / name

    def _modules(self) -> list[str]:
        """The modules that compute this run; those that it does not use may change without a new run."""
        family = NETWORKS[self.recipe.network].__module__.removeprefix("helpers.").replace(".", "/")
        modules = ["data/batches", "models/architecture", "models/blocks", family, "training/fit"]
        if self.recipe.augmentation != "none" or self.recipe.mix:
            modules.append("data/augment")
        if any(phase.frozen_below for phase in self.recipe.phases):
            modules.append("models/features")
        return modules


def make_plan(
    recipe: Recipe, seed: int, profile: str, dataset: Dataset, split: Split, weights: BaseWeights | None
) -> Plan:
    """A plan whose recipe fits the weights: their width for MobileNetV2, no weights for networks from scratch."""
    if not recipe.network.startswith("mobilenetv2"):
        return Plan(recipe, seed, profile, dataset, split, None)
    return Plan(replace(recipe, width=weights.width), seed, profile, dataset, split, weights)
