"""Small experiments that explain a result: each trains for moments, or looks inside a trained network."""

import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers.analysis import comparison
from helpers.config.labels import name_of
from helpers.config.recipes import Phase, Recipe
from helpers.config.results_versions import versions_of
from helpers.core import provenance
from helpers.core.tensorflow import tf
from helpers.data import augment, batches
from helpers.data.dataset import Dataset, Rows, Split, subset
from helpers.models import architecture, features
from helpers.models.weights import BaseWeights
from helpers.training import fit, metrics
from helpers.training.runs import Run


def short_trainings(recipes: Sequence[Recipe], steps: int, dataset: Dataset, split: Split, seed: int) -> pd.DataFrame:
    """Train recipes for the same few steps each, from the same seed.

    Args:
        recipes: for networks trained from scratch, whose first phase has a constant learning rate.
        steps: optimizer steps of each training.
        dataset: the data.
        split: its split; accuracy is measured on validation.
        seed: of every training.

    Returns:
        One row a recipe: `training_loss` (cross-entropy, mean of the last fifth of the steps), `validation_loss`,
        `validation_accuracy`, `dead_share` (of the units behind the first dense layer's ReLU).
    """
    images, labels = dataset.part(split, "train")
    validation, truth = dataset.part(split, "validation")
    rows = []
    for recipe in recipes:
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        model = architecture.build(recipe, dataset.num_classes)
        fit.compiled(model, recipe.phases[0], steps, recipe.label_smoothing)
        stream = iter(batches.training_batches(images, labels, recipe, dataset.num_classes, seed))
        losses = [step_loss(model, *next(stream)) for _ in range(steps)]
        scores = fit.predict(model, validation)
        activity = layer_activity(model, validation[:200])
        dead = activity.loc[activity["layer"] == "dense_1", "dead_share"]
        rows.append(
            {
                "training_loss": float(np.mean(losses[-max(1, steps // 5) :])),
                "validation_loss": metrics.cross_entropy(scores, truth),
                "validation_accuracy": metrics.accuracy(scores, truth),
                "dead_share": float(dead.iloc[0]) if len(dead) else np.nan,
            }
        )
    return pd.DataFrame(rows)


def course(recipe: Recipe, epochs: int, dataset: Dataset, split: Split, seed: int) -> pd.DataFrame:
    """The first epochs of a training, as a run of the recipe with that seed begins.

    Args:
        recipe: for a network trained from scratch, whose first phase has a constant learning rate.
        epochs: how many.
        dataset: the data.
        split: its split.
        seed: of weights, batches and transforms.

    Returns:
        One row an epoch: `epoch`; `objective`, `accuracy` and `loss` (cross-entropy, nats) as `fit` shows them; the same on
        validation as `validation_objective` and so on.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    images, labels = dataset.part(split, "train")
    steps = batches.steps_per_epoch(len(labels), min(recipe.batch_size, len(labels)))
    model = fit.compiled(
        architecture.build(recipe, dataset.num_classes), recipe.phases[0], steps * epochs, recipe.label_smoothing
    )
    fitted = model.fit(
        batches.training_batches(images, labels, recipe, dataset.num_classes, seed),
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        validation_data=batches.evaluation_batches(*dataset.part(split, "validation"), dataset.num_classes, 100),
        verbose=0,
    ).history
    names = {"objective": "loss", "accuracy": "accuracy", "loss": "cross_entropy"}
    columns = {ours: fitted[keras_name] for ours, keras_name in names.items()}
    columns |= {f"validation_{ours}": fitted[f"val_{keras_name}"] for ours, keras_name in names.items()}
    return pd.DataFrame({"epoch": range(1, epochs + 1)} | columns)


def learning_rate_sweep(
    recipe: Recipe, rates: Sequence[float], steps: int, dataset: Dataset, split: Split, seed: int
) -> pd.DataFrame:
    """Train a recipe for a few steps at several constant learning rates, everything else kept.

    Returns:
        Column `learning_rate`, then those of `short_trainings`, whose arguments these are.
    """
    recipes = [replace(recipe, phases=(replace(recipe.phases[0], learning_rate=rate),)) for rate in rates]
    trained = short_trainings(recipes, steps, dataset, split, seed)
    trained.insert(0, "learning_rate", list(rates))
    return trained


def sharpness(networks: dict[str, keras.Model], images: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """How often networks are right on images as they are stored, and on the same images under the blur of an augmentation.

    A quarter of a pixel along both axes is no move that a person would see. What it leaves is the interpolation
    between neighbouring pixels, which every turned, sheared or zoomed training image goes through as well. Networks look
    once: mirror images, which some recipes average over, are left out.

    Args:
        networks: from pixels to logits, by their names.
        images: uint8 (n, 64, 64, 3).
        labels: integer (n,).

    Returns:
        Columns `network`, `n`, `stored` and `moved` (accuracies), `gain` (of the move), `p_value` (McNemar's exact test).
    """
    shift = tf.fill((len(images),), -0.25)
    moved = np.rint(augment.transform(images, {"tx": shift, "ty": shift})).astype(np.uint8)
    rows = []
    for name, network in networks.items():
        right = [fit.predict(network, pixels).argmax(axis=1) == labels for pixels in (images, moved)]
        stored, after = (float(np.mean(side)) for side in right)
        rows.append((name, len(labels), stored, after, after - stored, comparison.mcnemar(*right)))
    return pd.DataFrame(rows, columns=["network", "n", "stored", "moved", "gain", "p_value"])


def layer_activity(model: keras.Model, images: np.ndarray) -> pd.DataFrame:
    """What comes out of every layer with a ReLU.

    Args:
        model: any of the networks.
        images: uint8 (n, 64, 64, 3); a few hundred are enough.

    Returns:
        Columns `layer`, `units` (channels or neurons), `dead_share` (units that are zero for every image and place),
        `active_share` (outputs above zero), `spread_over_images` (standard deviation over images of each unit's mean,
        averaged: near zero where every image looks the same to the layer). A rectifier that stands behind a rectified
        layer changes nothing and is left out.
    """
    pairs = zip(model.layers[:-1], model.layers[1:], strict=True)
    rectified = [layer for before, layer in pairs if _is_rectified(layer) and not _is_rectified(before)]
    network = keras.Model(model.input, [layer.output for layer in rectified])
    outputs = network(tf.constant(images, tf.float32), training=False)
    rows = []
    for layer, output in zip(rectified, outputs, strict=True):
        values = output.numpy()
        per_image = values.reshape(len(values), -1, values.shape[-1])
        rows.append(
            {
                "layer": layer.name,
                "units": values.shape[-1],
                "dead_share": float(np.mean(per_image.max((0, 1)) <= 0)),
                "active_share": float(np.mean(values > 0)),
                "spread_over_images": float(per_image.mean(1).std(0).mean()),
            }
        )
    return pd.DataFrame(rows)


def pretrained(recipe: Recipe, weights: BaseWeights, num_classes: int, seed: int) -> keras.Model:
    """The network of a MobileNetV2 recipe before training: pretrained base, new head.

    Args:
        recipe: a MobileNetV2 recipe; its width is replaced by that of the weights.
        weights: of the base; without a file the base is random too.
        num_classes: width of the output layer.
        seed: of what is random.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = architecture.build(replace(recipe, width=weights.width), num_classes)
    if weights.file:
        architecture.load_base_weights(model, weights.width, weights.file)
    return model


def trainable_by_phase(recipe: Recipe, weights: BaseWeights, num_classes: int) -> pd.DataFrame:
    """How many numbers of a network each phase of a recipe may change.

    Args:
        recipe: a MobileNetV2 recipe.
        weights: of its base; the width is read.
        num_classes: width of the output layer.

    Returns:
        One row a phase: `recipe`, `phase`, `epochs`, `learning_rate` (the peak), `trainable_in_base`,
        `trainable_in_head`, `trainable_share` (of all parameters).
    """
    model = architecture.build(replace(recipe, width=weights.width), num_classes)
    rows = []
    for number, phase in enumerate(recipe.phases, start=1):
        architecture.set_trainable(model, phase)
        total = architecture.n_trainable(model)
        in_base = sum(
            int(np.prod(w.shape)) for layer in architecture.base_layers(model) for w in layer.trainable_weights
        )
        rows.append(
            {
                "recipe": recipe.name,
                "phase": number,
                "epochs": phase.epochs,
                "learning_rate": phase.learning_rate,
                "trainable_in_base": in_base,
                "trainable_in_head": total - in_base,
                "trainable_share": total / model.count_params(),
            }
        )
    return pd.DataFrame(rows)


def trained_networks(runs: Sequence[Run]) -> dict[str, keras.Model]:
    """The networks of runs, by a name for legends: the first seed of each recipe, where the run still has its model."""
    chosen: dict[str, Run] = {}
    for run in runs:
        if run.has_model():
            chosen.setdefault(name_of(run.model, run.recipe), run)
    return {name: run.network() for name, run in chosen.items()}


def fine_tuning_trap(recipe: Recipe, weights: BaseWeights, dataset: Dataset, steps: int, seed: int) -> pd.DataFrame:
    """What a second phase changes that sets `trainable` without compiling again, after save and load, and with it.

    Args:
        recipe: a MobileNetV2 recipe.
        weights: of its base.
        dataset: a few of its images are trained on.
        steps: optimizer steps of the first phase and of each way to go on.
        seed: of everything.

    Returns:
        One row a way of going on from the same network: `second_phase`, `trainable_weights` as the model says,
        `base_tensors`, `base_tensors_changed`.
    """
    images = keras.ops.convert_to_tensor(dataset.images[: recipe.batch_size], "float32")
    targets = keras.utils.to_categorical(dataset.labels[: recipe.batch_size], dataset.num_classes)
    model = pretrained(recipe, weights, dataset.num_classes, seed)
    head, everything = (replace(recipe.phases[-1], trainable=name) for name in ("head", ""))
    architecture.set_trainable(model, head)
    fit.compiled(model, head, steps)
    for _ in range(steps):
        model.train_on_batch(images, targets)
    architecture.set_trainable(model, everything)
    rows = []
    for second_phase, go_on in (
        ("not compiled again", lambda: model),
        ("saved and loaded", lambda: _saved_and_loaded(model)),
        ("compiled again", lambda: fit.compiled(model, everything, steps)),
    ):
        learner = go_on()
        before = _base_weights(learner)
        for _ in range(steps):
            learner.train_on_batch(images, targets)
        changed = sum(not np.array_equal(a, b) for a, b in zip(before, _base_weights(learner), strict=True))
        rows.append(
            {
                "second_phase": second_phase,
                "trainable_weights": architecture.n_trainable(learner),
                "base_tensors": len(before),
                "base_tensors_changed": changed,
            }
        )
    return pd.DataFrame(rows)


def frozen_features(
    recipe: Recipe,
    weights: BaseWeights,
    dataset: Dataset,
    indices: np.ndarray,
    pooling: str = "global_average",
) -> np.ndarray:
    """Globally pooled features of the frozen MobileNetV2 of a recipe, kept in the cache.

    Args:
        recipe: input size and input range are read.
        weights: of the base; a base without pretrained weights is that of seed 0.
        dataset: the data.
        indices: of labelled images.
        pooling: "global_average" or "global_max".

    Returns:
        float16 (n, 1280), memory-mapped.
    """
    network = {"global_average": "mobilenetv2_improved", "global_max": "mobilenetv2_reported"}[pooling]
    size_and_range = replace(recipe, network=network, dropout=0.0, phases=())  # features are those of the base
    model = pretrained(size_and_range, weights, dataset.num_classes, 0)
    key = [recipe.input_size, recipe.input_range, weights.width, pooling, dataset.fingerprint, indices.tolist()]
    key += [weights.sha256, provenance.key_packages(), versions_of("decoding", "mobilenetv2", "features")]
    return features.activations(
        architecture.trunk(model, pooling), Rows(dataset.images, indices), f"probe_{provenance.digest(key)}"
    )


def probe_indices(dataset: Dataset, split: Split, images_per_class: int) -> tuple[np.ndarray, np.ndarray]:
    """So many training images of each class, and all of validation.

    Returns:
        int64 indices into the labelled images: training, validation.
    """
    labels = pd.Series(dataset.labels[split.train])
    chosen = labels.groupby(labels).cumcount() < images_per_class
    return split.train[chosen.to_numpy()], split.validation


def classifier() -> Pipeline:
    """The linear probe, not yet fitted: a regularised logistic regression on standardised features."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=100, tol=1e-3))


def linear_probe(
    train_features: np.ndarray, train_labels: np.ndarray, features: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """Accuracy of a linear classifier on features of a frozen network.

    Args:
        train_features: float (n, d).
        train_labels: integer (n,).
        features: float (m, d) of other images.
        labels: integer (m,).

    Returns:
        `n`, `accuracy`, `low`, `high`.
    """
    fitted = classifier().fit(np.asarray(train_features, np.float32), train_labels)
    value = float(fitted.score(np.asarray(features, np.float32), labels))
    low, high = metrics.accuracy_interval(value, len(labels))
    return {"n": len(labels), "accuracy": value, "low": low, "high": high}


def input_sweep(
    recipe: Recipe,
    weights: BaseWeights,
    dataset: Dataset,
    split: Split,
    sizes: Sequence[int],
    ranges: Sequence[tuple[float, float]],
    images_per_class: int,
) -> pd.DataFrame:
    """What input size and input range are worth: a linear probe on frozen features for each.

    Returns:
        Columns `input_size`, `input_range`, `n`, `accuracy`, `low`, `high`; accuracy on validation.
    """
    train, validation = probe_indices(dataset, split, images_per_class)
    both = np.concatenate([train, validation])
    rows = []
    for size in sizes:
        for span in ranges if size == min(sizes) else ranges[-1:]:
            settings = replace(recipe, input_size=size, input_range=span)
            found = frozen_features(settings, weights, dataset, both)
            result = linear_probe(
                found[: len(train)], dataset.labels[train], found[len(train) :], dataset.labels[validation]
            )
            rows.append({"input_size": size, "input_range": f"{span[0]:g} to {span[1]:g}", **result})
    return pd.DataFrame(rows)


def pooling_comparison(
    recipe: Recipe, weights: BaseWeights, dataset: Dataset, split: Split, images_per_class: int
) -> pd.DataFrame:
    """What a linear probe reads from the frozen network's last maps by their largest value and by their mean.

    Args:
        recipe: input size and input range are read.
        weights: of the base.
        dataset: the data.
        split: its split; accuracy is measured on validation.
        images_per_class: training images of each class.

    Returns:
        Columns `pooling`, `n`, `accuracy`, `low`, `high`.
    """
    train, validation = probe_indices(dataset, split, images_per_class)
    both = np.concatenate([train, validation])
    rows = []
    for pooling in ("global_max", "global_average"):
        found = frozen_features(recipe, weights, dataset, both, pooling=pooling)
        result = linear_probe(
            found[: len(train)], dataset.labels[train], found[len(train) :], dataset.labels[validation]
        )
        rows.append({"pooling": pooling, **result})
    return pd.DataFrame(rows)


def learning_curve(
    features: np.ndarray,
    labels: np.ndarray,
    held_out: np.ndarray,
    held_out_labels: np.ndarray,
    sizes: Sequence[int],
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Accuracy of a linear probe by the number of training images of a class.

    Args:
        features: float (n, d) of the training images, by a frozen network.
        labels: integer (n,).
        held_out: float (m, d) of other images.
        held_out_labels: integer (m,).
        sizes: training images of each class; those above what there is are left out.
        draws: how often so many images are drawn; all of them need one draw only.
        seed: of the draws.

    Returns:
        Columns `images_per_class`, `draw`, `n` (held-out images), `accuracy`, `low`, `high` (interval over images).
    """
    most = int(np.bincount(labels).min())
    rows = []
    for size in [size for size in sizes if size <= most]:
        for draw in range(draws if size < most else 1):
            chosen = subset(labels, size, [seed, draw])
            result = linear_probe(features[chosen], labels[chosen], held_out, held_out_labels)
            rows.append({"images_per_class": size, "draw": draw, **result})
    return pd.DataFrame(rows)


def cross_validation(features: np.ndarray, labels: np.ndarray, folds: int, seed: int) -> pd.DataFrame:
    """Accuracy of a linear probe on each of several folds (the k-fold cross-validation that the report left out).

    Args:
        features: float (n, d) of a frozen network.
        labels: integer (n,).
        folds: number of folds.
        seed: of the division.

    Returns:
        Columns `fold`, `n`, `accuracy`, `low`, `high`, `seconds` (of the fold).
    """
    rows = []
    division = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for fold, (train, held_out) in enumerate(division.split(labels, labels), start=1):
        begin = time.perf_counter()
        result = linear_probe(features[train], labels[train], features[held_out], labels[held_out])
        rows.append({"fold": fold, **result, "seconds": time.perf_counter() - begin})
    return pd.DataFrame(rows)


def step_sizes(network: keras.Model, rates: Sequence[float]) -> pd.DataFrame:
    """How large one Adam step at each learning rate is beside the weights it changes.

    Args:
        network: with pretrained or fresh weights.
        rates: learning rates.

    Returns:
        One row a kernel of the pretrained base, or of every layer: `layer`, `median_weight`, then a column for each rate:
        the step as a share of the median weight.
    """
    rows = []
    for layer in architecture.base_layers(network) or network.layers:
        kernels = [weight for weight in layer.trainable_weights if "kernel" in weight.name]
        if kernels:
            median = float(np.median(np.abs(np.asarray(kernels[0]))))
            rows.append({"layer": layer.name, "median_weight": median} | {f"step {r:g}": r / median for r in rates})
    return pd.DataFrame(rows)


def gradient_noise(
    recipe: Recipe, batch_sizes: Sequence[int], dataset: Dataset, split: Split, seed: int, repeats: int = 8
) -> pd.DataFrame:
    """How much gradients of single batches differ from their mean, by batch size.

    Args:
        recipe: whose network is taken, untrained.
        batch_sizes: images in a batch.
        dataset: the data.
        split: its split; training images are used.
        seed: of weights and batches.
        repeats: batches of each size.

    Returns:
        Columns `batch_size`, `relative_noise`: root mean square distance from the mean gradient, over its length. The
        variance and, from the largest batches, the squared length are estimated without bias: a mean of a few noisy
        gradients is itself too long.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = fit.compiled(architecture.build(recipe, dataset.num_classes), Phase(1, "sgd", 0.0), 1)
    before = [np.asarray(weight) for weight in model.trainable_weights]
    model.optimizer.learning_rate = 1.0  # then a step is minus the gradient
    rng = np.random.default_rng(seed)
    variances, squared_length = [], 0.0
    for size in sorted(batch_sizes):
        gradients = []
        for _ in range(repeats):
            chosen = rng.choice(split.train, size, replace=False)
            targets = keras.utils.to_categorical(dataset.labels[chosen], dataset.num_classes)
            model.train_on_batch(dataset.images[chosen].astype(np.float32), targets)
            after = [np.asarray(weight) for weight in model.trainable_weights]
            gradients.append(np.concatenate([(b - a).ravel() for a, b in zip(after, before, strict=True)]))
            for weight, value in zip(model.trainable_weights, before, strict=True):
                weight.assign(value)
        mean = np.mean(gradients, axis=0)
        variances.append(sum(float(np.sum((gradient - mean) ** 2)) for gradient in gradients) / (repeats - 1))
        length = float(np.linalg.norm(mean))
        squared_length = max(length**2 - variances[-1] / repeats, (length / 100) ** 2)
    noise = np.sqrt(np.array(variances) / squared_length)
    return pd.DataFrame({"batch_size": sorted(batch_sizes), "relative_noise": noise})


def step_loss(model: keras.Model, inputs: keras.KerasTensor, targets: keras.KerasTensor) -> float:
    """Train on one batch; the cross-entropy before the step, in nats, without penalties."""
    model.reset_metrics()
    return model.train_on_batch(inputs, targets, return_dict=True)["cross_entropy"]


def _is_rectified(layer: keras.Layer) -> bool:
    activation = getattr(layer, "activation", None)
    return isinstance(layer, keras.layers.ReLU) or activation is keras.activations.relu


def _saved_and_loaded(model: keras.Model) -> keras.Model:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        model.save(file)
        with warnings.catch_warnings():
            # Keras says that the saved optimizer knew fewer weights than the loaded network trains: that is the trap.
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return keras.models.load_model(file)


def _base_weights(model: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for layer in architecture.base_layers(model) for weight in layer.weights]
