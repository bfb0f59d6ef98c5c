"""Short trainings that explain a result: the first epochs, learning rates, gradient noise."""

from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd

from helpers.analysis.network_probes import layer_activity
from helpers.config.recipes import Phase, Recipe
from helpers.data import batches
from helpers.data.dataset import Dataset, Split
from helpers.models import architecture
from helpers.training import fit, metrics

_ACTIVITY_IMAGES = 200  # of the validation set


def short_trainings(
    recipes: Sequence[Recipe], steps: int, dataset: Dataset, split: Split, seed: int, layers: Sequence[str] = ()
) -> pd.DataFrame:
    """Train recipes for the same few steps each, from the same seed.

    Args:
        recipes: for networks trained from scratch, whose first phase has a constant learning rate.
        steps: optimizer steps of each training.
        dataset: the data.
        split: its split; accuracy is measured on validation.
        seed: of every training.
        layers: rectified layers whose dead units are counted too.

    Returns:
        One row a recipe: `training_loss` (cross-entropy, mean of the last fifth of the steps), `validation_loss`,
        `validation_accuracy`, `dead_share` (of the units behind the first dense layer's ReLU), and `dead_<layer>` for
        each of `layers`.
    """
    rows = []
    for recipe in recipes:
        model = fresh_network(recipe, steps, dataset, seed)
        losses = _train(model, recipe, steps, dataset, split, seed)
        scores = fit.predict(model, dataset.part(split, "validation")[0])
        rows.append(_outcome(model, losses, scores, dataset, split, layers))
    return pd.DataFrame(rows)


def activity_after(recipe: Recipe, steps: int, dataset: Dataset, split: Split, seed: int) -> pd.DataFrame:
    """What the layers of a network pass on after a few steps of training; see `network_probes.layer_activity`.

    Args:
        recipe: for a network trained from scratch, whose first phase has a constant learning rate.
        steps: optimizer steps.
        dataset: the data.
        split: its split; the activity is that on validation images.
        seed: of the training.
    """
    model = fresh_network(recipe, steps, dataset, seed)
    _train(model, recipe, steps, dataset, split, seed)
    return layer_activity(model, dataset.part(split, "validation")[0][:_ACTIVITY_IMAGES])


def fresh_network(recipe: Recipe, steps: int, dataset: Dataset, seed: int) -> keras.Model:
    """The untrained network of a recipe with that seed, compiled for so many steps of its first phase."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = architecture.build(recipe, dataset.num_classes)
    return fit.compiled(model, recipe.phases[0], steps, recipe.label_smoothing)


def _train(model: keras.Model, recipe: Recipe, steps: int, dataset: Dataset, split: Split, seed: int) -> list[float]:
    """Train a network for so many steps; the cross-entropy of each."""
    stream = iter(batches.training_batches(*dataset.part(split, "train"), recipe, dataset.num_classes, seed))
    return [step_loss(model, *next(stream)) for _ in range(steps)]


def _outcome(
    model: keras.Model, losses: list[float], scores: np.ndarray, dataset: Dataset, split: Split, layers: Sequence[str]
) -> dict[str, float]:
    """A row of `short_trainings`.

    Args:
        model: a network after a few steps of training.
        losses: cross-entropy of each step.
        scores: log-probabilities of the validation images.
        dataset: the data.
        split: its split.
        layers: rectified layers whose dead units are counted.
    """
    validation, truth = dataset.part(split, "validation")
    dead = layer_activity(model, validation[:_ACTIVITY_IMAGES]).set_index("layer")["dead_share"]
    return {
        "training_loss": float(np.mean(losses[-max(1, len(losses) // 5) :])),
        "validation_loss": metrics.cross_entropy(scores, truth),
        "validation_accuracy": metrics.accuracy(scores, truth),
        "dead_share": dead.get("dense_1", np.nan),
    } | {f"dead_{layer}": dead[layer] for layer in layers}


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
    images, labels = dataset.part(split, "train")
    steps = batches.steps_per_epoch(recipe, len(labels))
    model = fresh_network(recipe, steps * epochs, dataset, seed)
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


def first_epochs(recipes: Sequence[Recipe], n_seeds: int, dataset: Dataset, split: Split, seed: int) -> pd.DataFrame:
    """The first epoch of each recipe from several seeds.

    Args:
        recipes: as for `course`.
        n_seeds: consecutive seeds of each recipe.
        dataset: the data.
        split: its split.
        seed: the first one.

    Returns:
        One row a training: `variant` (place of its recipe, from 0), `seed`, then the columns of `course`.
    """
    trainings = [(variant, s) for variant in range(len(recipes)) for s in range(seed, seed + n_seeds)]
    return pd.concat(
        [course(recipes[variant], 1, dataset, split, s).assign(variant=variant, seed=s) for variant, s in trainings],
        ignore_index=True,
    )


def learning_rate_sweep(
    recipe: Recipe,
    rates: Sequence[float],
    steps: int,
    dataset: Dataset,
    split: Split,
    seed: int,
    layers: Sequence[str] = (),
) -> pd.DataFrame:
    """Train a recipe for a few steps at several constant learning rates, everything else kept.

    A rate of 0 leaves the network untrained: the baseline for what training does to its units.

    Returns:
        Column `learning_rate`, then those of `short_trainings`, whose arguments these are.
    """
    validation = dataset.part(split, "validation")[0]
    model = fresh_network(recipe, steps, dataset, seed)
    predict = fit.predictor(model, ("image",), len(rates) * len(validation))
    variables = [*model.variables, *model.optimizer.variables]
    untrained = [np.asarray(variable) for variable in variables]
    rows = []
    for rate in rates:  # with one network, whose graph is then traced once
        for variable, value in zip(variables, untrained, strict=True):
            variable.assign(value)
        model.optimizer.learning_rate = rate
        losses = _train(model, recipe, steps, dataset, split, seed)
        outcome = _outcome(model, losses, predict(validation), dataset, split, layers)
        rows.append({"learning_rate": rate} | outcome)
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
