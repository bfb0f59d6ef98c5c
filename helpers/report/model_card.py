"""A model card (Mitchell et al. 2019, arXiv:1810.03993) for one run, generated from its folder."""

import re
from pathlib import Path
from typing import Any

from helpers.analysis import calibration, comparison
from helpers.config.recipes import IMAGE_SIZE, as_recipe
from helpers.core import storage
from helpers.report import evaluations, results
from helpers.training.runs import OLDEST_KERAS, Run


def write(run: Run, folder: Path, class_names: list[str], n_wrong_labels: int) -> Path:
    """Write `model_card.md`.

    Args:
        run: a finished run or its record.
        folder: of the profile's figures, with its list of looks at the test set.
        class_names: of the labels.
        n_wrong_labels: of `duplicates.certainly_wrong_labels`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "model_card.md"
    n_looks = evaluations.count_test_evaluations(folder, run)
    storage.write_text(file, text(run, class_names, n_wrong_labels, n_looks))
    return file


def text(run: Run, class_names: list[str], n_wrong_labels: int = 0, n_looks: int = 1) -> str:
    """The card as Markdown; every number is the run's own.

    Args:
        run: a finished run or its record.
        class_names: of the labels.
        n_wrong_labels: of the data, at least.
        n_looks: how often a run of this recipe and seed has been judged on the test images.
    """
    sections = {
        "The model": _model(run),
        "What it is for": _use(run, len(class_names)),
        "How it was trained": _training(run),
        "How good it is": _quality(run, class_names, n_looks),
        "What to be careful about": _cautions(run, n_wrong_labels),
        "Where it comes from": _origin(run),
    }
    blocks = [f"## {title}\n\n" + "\n".join(f"- {line}" for line in lines) for title, lines in sections.items()]
    return f"# Model card: {run.title}\n\n" + "\n\n".join(blocks) + "\n"


def _model(run: Run) -> list[str]:
    recipe = run.config["recipe"]
    low, high = recipe["input_range"]
    enlarged = f"enlarged to {recipe['input_size']} pixels and " if recipe["input_size"] > IMAGE_SIZE else ""
    return [
        f"network `{recipe['network']}` (`helpers/models/`), {run.parameters:,} parameters",
        f"input: RGB pixels 0 to 255, {IMAGE_SIZE} x {IMAGE_SIZE}; inside, {enlarged}scaled to {low:g}..{high:g}",
        "output: logits, one for each class in the order of wnids.txt",
        f"pretrained weights: {run.weights_origin}" + (f", sha256 {run.weights_sha256}" if run.weights_sha256 else ""),
    ]


def _use(run: Run, num_classes: int) -> list[str]:
    return [
        f"to study image classification on {run.data_description}: {num_classes} classes, always one of them",
        "not for decisions about people, and not for images unlike those it was trained on: it cannot say "
        '"none of these"',
    ]


def _training(run: Run) -> list[str]:
    recipe = run.config["recipe"]
    phases = [
        f"phase {number}: {phase['epochs']} epochs, {phase['optimizer']}, learning rate {phase['learning_rate']:g} "
        f"({phase['schedule']}), learns "
        + {"": "all layers", "head": "the head alone"}.get(phase["trainable"], f"from `{phase['trainable']}` upwards")
        + (f", weight decay {phase['weight_decay']:g}" if phase["weight_decay"] else "")
        + (", batch normalisation frozen" if phase["freeze_batch_norm"] else "")
        for number, phase in enumerate(recipe["phases"], start=1)
    ]
    return [
        f"{run.training_images:,} images, batches of {recipe['batch_size']}, {_augmentation(recipe)}, seed {run.seed}",
        *phases,
        *_ingredients(recipe),
        f"{run.train_seconds:,.0f} s of training epochs on {run.hardware}, the computation of frozen features not counted",
    ]


def _augmentation(recipe: dict[str, Any]) -> str:
    """Networks that learn from stored features see a few copies of each image."""
    if all(phase["frozen_below"] for phase in recipe["phases"]) and not recipe["views"]:
        return "each image or its mirror image"
    if recipe["views"]:
        return f"{recipe['views']} copies of each image, by augmentation `{recipe['augmentation']}`"
    return f"augmentation `{recipe['augmentation']}`"


def _ingredients(recipe: dict[str, Any]) -> list[str]:
    words = {
        "dropout": "dropout {:g} before the output layer",
        "label_smoothing": "label smoothing {:g}",
        "mix": "CutMix in {:.0%} of the batches of images or of maps, and in no phase that reads averages of maps",
    }
    views = as_recipe(recipe).views_at_test
    in_use = [f"in use, probabilities are averaged over {len(views)} views: {'; '.join(views)}"] if views[1:] else []
    return [text.format(recipe[name]) for name, text in words.items() if recipe.get(name)] + in_use


def _quality(run: Run, class_names: list[str], n_looks: int) -> list[str]:
    probabilities, labels = run.probabilities(), run.labels()
    predicted = probabilities.argmax(axis=1)
    per_class = comparison.class_accuracy(predicted, labels, class_names)
    best, worst = per_class.iloc[0], per_class.iloc[-1]
    result, choice = run.result(), run.result("validation")
    macro_f1 = comparison.macro_f1(predicted, labels)
    looks = (
        "looked at once"
        if n_looks == 1
        else f"looked at {n_looks} times, for this run and for earlier versions of its recipe"
    )
    error = calibration.expected_calibration_error(probabilities, labels)
    scaled = calibration.summary([run]).iloc[0]
    return [
        f"test images: {results.TEST_SOURCES[run.test_source]}, {looks} (`test_evaluations.csv`); choices are made on validation",
        f"test accuracy {comparison.accuracy_text(result)}; top-5 {100 * result['top5_accuracy']:.1f} %; macro-F1 {100 * macro_f1:.1f} %",
        f"cross-entropy on test {result['loss']:.2f}; expected calibration error {100 * error:.1f} % "
        f"({calibration.N_BINS} bins of equal width), at a mean confidence of {100 * probabilities.max(axis=1).mean():.1f} %; "
        f"with logits divided by {scaled['temperature']:.2f}, fitted on validation, it is {100 * scaled['ece_scaled']:.1f} %",
        f"validation accuracy {100 * choice['accuracy']:.1f} %, on which choices were made",
        f"by class from {100 * worst['accuracy']:.0f} % ({_verbatim(worst['class_name'])}) to "
        f"{100 * best['accuracy']:.0f} % ({_verbatim(best['class_name'])}), on about {labels.size // len(per_class)} images each",
    ]


def _verbatim(text: str) -> str:
    """A name of unknown origin so that Markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]<>!|~&$])", r"\\\1", text)


def _cautions(run: Run, n_wrong_labels: int) -> list[str]:
    lines = []
    if n_wrong_labels:
        lines.append(
            f"some labels of the data count as wrong, {n_wrong_labels} at least: copies of one image stand in different classes"
        )
    if run.weights_sha256 and run.data_description == "TinyImage":
        lines.append(
            "its pretrained weights were learned from ImageNet's training images, from which these data were taken: a test "
            "set split off from them may flatter it"
        )
    if run.data_description == "demo data":
        lines.append("trained on procedural images: its numbers say nothing about photographs")
    return lines


def _origin(run: Run) -> list[str]:
    config = run.config
    versions = ", ".join(f"{name} {number}" for name, number in run.record.get("versions", {}).items())
    return [
        f"run {run.key}, code {run.code_version}, {run.finished}",
        f"data {config['data_fingerprint']}, split {config['split_fingerprint']}",
        *([versions] if versions else []),
        f"its `model.keras` needs Keras {OLDEST_KERAS} or later",
    ]
