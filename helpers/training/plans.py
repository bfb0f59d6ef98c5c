"""What decides a run, and the key by which an earlier run is reused."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from helpers.config.families import find_family_name
from helpers.config.recipes import AUGMENTATIONS, Recipe
from helpers.config.results_versions import versions_of
from helpers.core import keys, paths, provenance
from helpers.core.errors import InputError
from helpers.data.dataset import Dataset, Split
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
        """The plan as plain values, with its key; the profile's name is no part of the key, see `keys.run_key`."""
        augmentation = AUGMENTATIONS[self.recipe.augmentation]
        inputs: dict[str, Any] = {
            "seed": self.seed,
            "data_fingerprint": self.dataset.fingerprint,
            "split_fingerprint": self.split.fingerprint,
            "weights_sha256": self.weights.sha256 if self.weights else "",
            "packages": provenance.key_packages(),
            "results_versions": versions_of(*self._parts()),
        }
        key = keys.run_key(self.recipe, augmentation, **inputs)
        settings = {"recipe": self.recipe.as_dict(), "augmentation": vars(augmentation)}
        return settings | inputs | {"key": key, "profile": self.profile}

    @property
    def name(self) -> str:
        """For lines of progress: "deep_cnn improved, seed 0"."""
        return f"{self.recipe.model} {self.recipe.name}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        """The run's folder."""
        name = f"{self.recipe.model}_{self.recipe.name}_{self.seed}_{self.config()['key'][:10]}"
        return paths.runs() / self.profile / name

    def _parts(self) -> list[str]:
        """The parts of `RESULTS_VERSIONS` that decide this run."""
        parts = ["decoding", "batches", find_family_name(self.recipe.network), "training"]
        if self.recipe.augmentation != "none" or self.recipe.mix:
            parts.append("augmentation")
        if any(phase.frozen_below for phase in self.recipe.phases):
            parts.append("features")
        return parts


def make_plan(
    recipe: Recipe, seed: int, profile: str, dataset: Dataset, split: Split, weights: BaseWeights | None
) -> Plan:
    """A plan whose recipe fits the weights: their width for MobileNetV2, no weights for networks from scratch.

    Raises:
        InputError: the recipe needs weights, and there are none.
    """
    if not recipe.is_pretrained:
        return Plan(recipe, seed, profile, dataset, split, None)
    if weights is None:
        raise InputError(
            f"{recipe.model} {recipe.name} starts from pretrained weights, and none were opened; name a file with WEIGHTS, or "
            "`imagenet` or `none`."
        )
    return Plan(replace(recipe, width=weights.width), seed, profile, dataset, split, weights)
