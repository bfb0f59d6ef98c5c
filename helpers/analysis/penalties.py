"""What penalties do to a training: how large they are, where they pull, how fast they fall."""

import keras
import numpy as np
import pandas as pd

from helpers.analysis import training_probes
from helpers.config.recipes import Recipe
from helpers.core.tensorflow import tf
from helpers.data import batches
from helpers.data.dataset import Dataset, Split
from helpers.models import architecture
from helpers.training.runs import Run


def share(recipe: Recipe, num_classes: int, seed: int) -> dict[str, float]:
    """How large the weight penalties of a fresh network are beside the cross-entropy of a uniform guess.

    Penalties on activations need an input and are not in it.

    Args:
        recipe: with an L2 factor.
        num_classes: width of the output layer.
        seed: of the weights.

    Returns:
        `penalty` and `cross_entropy`, both in nats.
    """
    keras.utils.set_random_seed(seed)
    model = architecture.build(recipe, num_classes)
    penalty = sum(float(loss) for loss in model.losses)
    return {"penalty": penalty, "cross_entropy": float(np.log(num_classes))}


def pull(recipe: Recipe, dataset: Dataset, split: Split, seed: int) -> pd.DataFrame:
    """Where the first step of a regularised network would go: the pull of the penalty beside that of the images.

    Args:
        recipe: one with an L2 factor.
        dataset: the data.
        split: its split; one batch of training images is used.
        seed: of the weights and of the batch.

    Returns:
        One row a kernel: `layer`, `weights`, `penalty` (nats), `gradient_of_penalty` and `gradient_of_cross_entropy`
        (root mean square over the weights), `ruled_by_penalty` (share of weights that the penalty pulls harder than
        the images do).
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = architecture.build(recipe, dataset.num_classes)
    chosen = np.random.default_rng(seed).choice(split.train, min(recipe.batch_size, len(split.train)), replace=False)
    images = tf.constant(dataset.images[chosen], tf.float32)
    targets = tf.one_hot(dataset.labels[chosen], dataset.num_classes)
    penalised = [layer for layer in model.layers if getattr(layer, "kernel_regularizer", None) is not None]
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
    rows = []
    gradients = tape.gradient(loss, [layer.kernel for layer in penalised])
    for layer, gradient in zip(penalised, gradients, strict=True):
        kernel = np.asarray(layer.kernel)
        by_penalty, by_images = 2 * recipe.l2 * np.abs(kernel), np.abs(gradient.numpy())
        rows.append(
            {
                "layer": layer.name,
                "weights": kernel.size,
                "penalty": float(recipe.l2 * np.sum(kernel**2, dtype=np.float64)),
                "gradient_of_penalty": float(np.sqrt(np.mean(by_penalty**2))),
                "gradient_of_cross_entropy": float(np.sqrt(np.mean(by_images**2))),
                "ruled_by_penalty": float(np.mean(by_penalty > by_images)),
            }
        )
    return pd.DataFrame(rows)


def course(recipe: Recipe, steps: int, dataset: Dataset, split: Split, seed: int) -> pd.DataFrame:
    """Penalty and cross-entropy over the first steps of a regularised recipe.

    Args:
        recipe: one with an L2 factor.
        steps: optimizer steps.
        dataset: the data.
        split: its split; training images are used.
        seed: of weights, batches and transforms.

    Returns:
        Columns `step` (from 1), `penalty` (nats, after the step) and `cross_entropy` (of the batch, before it).
    """
    model = training_probes.fresh_network(recipe, steps, dataset, seed)
    stream = iter(batches.training_batches(*dataset.part(split, "train"), recipe, dataset.num_classes, seed))
    rows = []
    for step in range(1, steps + 1):
        loss = training_probes.step_loss(model, *next(stream))
        rows.append({"step": step, "penalty": sum(float(part) for part in model.losses), "cross_entropy": loss})
    return pd.DataFrame(rows)


def left_by_descent(recipe: Recipe, steps: float) -> float:
    """Share of an L2 penalty that gradient descent leaves of weights that nothing else moves.

    The gradient of the penalty l w^2 is 2 l w, so a step at learning rate r takes the share 2 r l of a weight, and with
    momentum m, once it has gathered, 2 r l / (1 - m). The penalty has the square of what is left.

    Args:
        recipe: trained by "sgd" in its first phase.
        steps: optimizer steps.
    """
    return float((1 - _taken_by_step(recipe)) ** (2 * steps))


def batch_size_of_curve(recipe: Recipe, losses: np.ndarray, training_images: int, num_classes: int) -> float:
    """How many images a step had, from the loss of a network that guesses while its penalty falls; see `left_by_descent`.

    Args:
        recipe: with an L2 factor, trained by "sgd".
        losses: objective of consecutive epochs, in nats: the loss at chance level and the penalty. Leave out the first epoch, which holds
            what a penalty on activities adds.
        training_images: of an epoch.
        num_classes: for the loss at chance level.
    """
    return float(training_images * 2 * np.log(1 - _taken_by_step(recipe)) / np.log(left_by_epoch(losses, num_classes)))


def left_by_epoch(losses: np.ndarray, num_classes: int) -> float:
    """Share of the penalty that an epoch leaves, by a straight line through the logarithms of losses above that at chance level."""
    penalty = np.log(np.asarray(losses) - np.log(num_classes))
    return float(np.exp(np.polyfit(range(len(penalty)), penalty, 1)[0]))


def by_epoch(run: Run, recipe: Recipe, steps: int) -> pd.DataFrame:
    """How the penalties of a run fell, beside what gradient descent would leave of them if images held no weight.

    Args:
        run: a finished run of the recipe.
        recipe: with an L2 factor, trained by "sgd".
        steps: optimizer steps of an epoch.

    Returns:
        Columns `epoch`, `penalty` (nats, on validation, after the epoch), `left` (of the penalty one epoch before),
        `left_by_descent`.
    """
    penalty = run.history["validation_objective"] - run.history["validation_loss"]
    return pd.DataFrame(
        {
            "epoch": run.history["epoch"],
            "penalty": penalty,
            "left": penalty / penalty.shift(),
            "left_by_descent": left_by_descent(recipe, steps),
        }
    )


def _taken_by_step(recipe: Recipe) -> float:
    phase = recipe.phases[0]
    return 2 * phase.learning_rate * recipe.l2 / (1 - phase.momentum)
