"""Fit a recipe into a run folder: checkpoints, resuming, predictions."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from scipy import special

from helpers.config.recipes import AUGMENTATIONS, Phase
from helpers.config.results_versions import versions_of
from helpers.core import checksums, keys, provenance, storage
from helpers.core.errors import DivergenceError
from helpers.core.progress import epoch_line
from helpers.core.tensorflow import tf
from helpers.data import batches, views_at_test
from helpers.data.augment import View
from helpers.data.dataset import Rows
from helpers.models import architecture, features, inference, runtime
from helpers.training import checkpoints, metrics, optimizers, runs, tensorboard
from helpers.training.plans import Plan
from helpers.training.runs import Run

_MOST_STEPS_PER_CALL = 16  # an interruption waits for the call to end
_EVALUATION_BATCH = 100  # at 224 px the widest activations of so many images take half a gigabyte


def train(plan: Plan, progress: Callable[[str], None] = print) -> Run:
    """Carry out a plan: train the run, resume it where it was interrupted, or return it where it is complete.

    Args:
        plan: what to train.
        progress: gets at most one line an epoch.

    Returns:
        The finished run.

    Raises:
        DivergenceError: the loss became infinite or undefined, now or when the run was tried before.
    """
    folder = plan.folder
    with runs.locked(plan, progress):
        if checksums.is_complete(folder):
            progress(f"{plan.name}: finished before")
        else:
            folder.mkdir(exist_ok=True)
            runs.check_not_failed(folder)
            keras.utils.clear_session()
            keras.config.set_dtype_policy(runtime.dtype_policy())
            with runtime.strategy().scope():
                _Training(plan, folder, progress).run()
    return Run(folder)


def compiled(
    model: keras.Model, phase: Phase, steps: int, label_smoothing: float = 0.0, steps_per_call: int = 1
) -> keras.Model:
    """Compile a network for a phase: its optimizer and the cross-entropy from logits.

    Args:
        model: the network, or the part of it that learns.
        phase: optimizer and learning rate.
        steps: in the whole phase, for the schedule.
        label_smoothing: share of the target spread over all classes.
        steps_per_call: how many `fit` does in one call of TensorFlow; where it does not divide an epoch's, `fit` does some more.

    Returns:
        The same model.
    """
    model.compile(
        optimizers.optimizer(phase, steps),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing),
        metrics=[
            keras.metrics.CategoricalAccuracy(name="accuracy"),
            keras.metrics.CategoricalCrossentropy(from_logits=True, name="cross_entropy"),
        ],
        steps_per_execution=steps_per_call,
        jit_compile=False,  # XLA makes convolutions slower on a CPU
    )
    # Without its variables an optimizer makes them in the first step, which TensorFlow then traces twice.
    model.optimizer.build(model.trainable_variables)
    return model


def predict(model: keras.Model, images: np.ndarray | Rows, views: Sequence[str] = ("image",)) -> np.ndarray:
    """Log-probabilities of a network that gives logits.

    Args:
        model: from pixels to logits.
        images: uint8 (n, 64, 64, 3).
        views: names in VIEWS_AT_TEST; probabilities are averaged over them.

    Returns:
        float32 (n, n_classes), natural logarithms.
    """
    return predictor(model, views, len(images))(images)


def predictor(model: keras.Model, views: Sequence[str], n_images: int) -> Callable[[np.ndarray | Rows], np.ndarray]:
    """`predict` for one network, prepared once however often it is called.

    Args:
        model: from pixels to logits.
        views: as for `predict`.
        n_images: of all calls together; what decides how predictions are computed.

    Returns:
        A function from images to log-probabilities.
    """
    forward = inference.forward_pass(model, n_images * len(views))

    def log_probabilities(images: np.ndarray | Rows) -> np.ndarray:
        # Rows are read as they are needed, unless a view of them has to be made.
        views_of = (images if name == "image" else views_at_test.view(np.asarray(images), name) for name in views)
        scores = [special.log_softmax(forward(view), axis=1) for view in views_of]
        return special.logsumexp(scores, axis=0) - np.log(np.float32(len(views)))

    return log_probabilities


def steps_per_call(steps: int) -> int:
    """How many of the steps of an epoch TensorFlow does in one call: a divisor, since Keras would round the epoch up."""
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        return 1  # the loop of several steps fails where a batch is divided between devices
    return max(n for n in range(1, _MOST_STEPS_PER_CALL + 1) if steps % n == 0)


class _Training:
    """The training of one run."""

    def __init__(self, plan: Plan, folder: Path, progress: Callable[[str], None]) -> None:
        self.plan, self.folder, self.progress = plan, folder, progress
        self.recipe = plan.recipe
        self.name = plan.name
        self.steps = batches.steps_per_epoch(self.recipe, len(plan.split.train))
        self.history: list[dict[str, float]] = []
        self.starts = [runtime.start_record()]

    def run(self) -> None:
        keras.utils.set_random_seed(self.plan.seed)
        storage.write_json(self.folder / "config.json", self.plan.config())
        self.model = architecture.build(self.recipe, self.plan.dataset.num_classes)
        if self.plan.weights and self.plan.weights.file:
            architecture.load_base_weights(self.model, self.recipe.width, self.plan.weights.file)
        elif any(phase.trainable or phase.frozen_below for phase in self.recipe.phases):
            self.progress(
                f"{self.name}: WEIGHTS=none leaves the base at random numbers, and layers that a phase freezes stay so"
            )
        state = self._restore()
        behind = 0
        for number, phase in enumerate(self.recipe.phases, start=1):
            if len(self.history) < behind + phase.epochs:
                self._fit(number, phase, behind, state)
            behind += phase.epochs
        self._finish()

    def _fit(self, number: int, phase: Phase, behind: int, state: dict[str, np.ndarray]) -> None:
        """Train what remains of a phase that begins after `behind` epochs."""
        architecture.set_trainable(self.model, phase)
        learner = architecture.tail(self.model, phase.frozen_below)
        labels = self.plan.dataset.labels[self.plan.split.train]
        compiled(learner, phase, self.steps * phase.epochs, self.recipe.label_smoothing, steps_per_call(self.steps))
        done = len(self.history)
        if done > behind:
            for index, variable in enumerate(learner.optimizer.variables):
                variable.assign(state[f"optimizer_{index}"])
        inputs, validation = self._inputs(phase)
        training = batches.training_batches(
            inputs,
            labels,
            self.recipe,
            self.plan.dataset.num_classes,
            self.plan.seed,
            first_epoch=done,
            from_pixels=not phase.frozen_below,
        )
        learner.fit(
            training,
            initial_epoch=done,
            epochs=behind + phase.epochs,
            steps_per_epoch=self.steps,
            shuffle=False,
            validation_data=validation,
            verbose=0,
            callbacks=[
                keras.callbacks.TerminateOnNaN(),
                _EpochEnd(self, number, learner),
                keras.callbacks.TensorBoard(self.folder / "logs", write_graph=False),
            ],
        )

    def _inputs(self, phase: Phase) -> tuple[Any, tf.data.Dataset]:
        """Inputs of the training images, and batches of validation, for the part of the network that learns."""
        dataset, split = self.plan.dataset, self.plan.split
        images, labels = dataset.part(split, "validation")
        if phase.frozen_below:
            views: Sequence[str | int] = range(1, self.recipe.views + 1) or ("as it is", "mirrored")
            training: Any = [self._activations(phase.frozen_below, "train", view) for view in views]
            inputs: np.ndarray | Rows = self._activations(phase.frozen_below, "validation")
        else:
            training, inputs = dataset.part(split, "train")[0], images
        return training, batches.evaluation_batches(inputs, labels, dataset.num_classes, _EVALUATION_BATCH)

    def _activations(self, cut: str, part: str, view: str | int = "as it is") -> np.ndarray:
        """Activations after a frozen layer, built upon those of the lowest such layer of the recipe.

        Args:
            cut: name of the layer.
            part: "train" or "validation".
            view: of the images: "as it is", "mirrored", or the number of a randomly augmented one.
        """
        lowest = architecture.lowest_layer(self.model, [p.frozen_below for p in self.recipe.phases])
        is_lowest = cut == lowest
        augmentation = AUGMENTATIONS[self.recipe.augmentation]
        mirrored = view == "mirrored"
        if is_lowest:
            network = architecture.trunk(self.model, cut)
            images = self.plan.dataset.part(self.plan.split, part)[0]
            inputs: np.ndarray | Rows | View = View(images, augmentation, view) if isinstance(view, int) else images
        else:
            network = architecture.between(self.model, lowest, cut)
            inputs = self._activations(lowest, part, view)
        config = self.plan.config()
        name = provenance.digest(
            [
                self.recipe.network,
                cut,
                part,
                [view, keys.plain(augmentation), versions_of("augmentation")] if isinstance(view, int) else mirrored,
                self.recipe.input_size,
                self.recipe.input_range,
                self.recipe.width,
                *(config[k] for k in ("data_fingerprint", "split_fingerprint", "weights_sha256", "packages")),
                versions_of("decoding", "mobilenetv2", "features"),
                # Random base weights depend on the seed.
                None if config["weights_sha256"] else self.plan.seed,
            ]
        )
        # Activations of mirrored images are mirrored already.
        return features.activations(network, inputs, f"{cut}_{name}", mirrored and is_lowest, self.progress)

    def checkpoint(self, learner: keras.Model) -> None:
        """Save everything that the remaining epochs depend on."""
        state = {f"model_{index}": np.asarray(v) for index, v in enumerate(self.model.variables)}
        state |= {f"optimizer_{index}": np.asarray(v) for index, v in enumerate(learner.optimizer.variables)}
        state["history"] = np.array(json.dumps(self.history))
        state["starts"] = np.array(json.dumps(self.starts))
        checkpoints.save(self.folder, len(self.history), state)

    def _restore(self) -> dict[str, np.ndarray]:
        state = checkpoints.load(self.folder, self.progress)
        if state:
            self.history = json.loads(str(state.pop("history")))
            self.starts = json.loads(str(state.pop("starts"))) + self.starts
        # An interruption may leave TensorBoard an epoch behind the checkpoint, or ahead of it.
        tensorboard.write_logs(self.folder / "logs", self._curves())
        if not state:
            return {}
        for index, variable in enumerate(self.model.variables):
            variable.assign(state[f"model_{index}"])
        self.progress(f"{self.name}: resuming after epoch {len(self.history)}")
        return state

    def _curves(self) -> dict[str, pd.DataFrame]:
        """The history in the words of Keras' TensorBoard callback."""
        history = pd.DataFrame(self.history)
        tags = {"accuracy": "epoch_accuracy", "loss": "epoch_cross_entropy", "objective": "epoch_loss"}
        curves = {
            side: pd.DataFrame({tag: history[f"{prefix}{name}"] for name, tag in tags.items() if len(history)})
            for side, prefix in (("train", ""), ("validation", "validation_"))
        }
        curves["train"]["epoch_learning_rate"] = self._learning_rates()
        return curves

    def _learning_rates(self) -> list[float]:
        """The rate at the end of each epoch of the history."""
        rates: list[float] = []
        for phase in self.recipe.phases:
            rate = optimizers.learning_rate(phase, self.steps * phase.epochs)
            ends = [self.steps * epoch for epoch in range(1, phase.epochs + 1)]
            rates += [float(rate(end)) if callable(rate) else rate for end in ends]
        return rates[: len(self.history)]

    def _finish(self) -> None:
        dataset, split, recipe = self.plan.dataset, self.plan.split, self.recipe
        # The training images as they are, as many as there are for validation: what `fit` shows of them is measured
        # under augmentation and dropout, while the network changes.
        clean = split.train[:: max(1, len(split.train) // len(split.validation))]
        n_images = len(split.validation) + len(split.test) + len(clean) + len(dataset.unlabelled_images)
        log_probabilities = predictor(self.model, recipe.views_at_test, n_images)
        predictions, results = {}, {}
        for part in ("validation", "test"):
            images, labels = dataset.part(split, part)
            scores = log_probabilities(images)
            results[part] = metrics.summarise(scores, labels)
            predictions[f"{part}_probabilities"] = np.exp(scores)
            predictions[f"{part}_labels"] = labels
            predictions[f"{part}_indices"] = getattr(split, part)
        results["train_clean"] = metrics.summarise(
            log_probabilities(Rows(dataset.images, clean)), dataset.labels[clean]
        )
        if len(dataset.unlabelled_images):
            scores = log_probabilities(dataset.unlabelled_images)
            predictions["unlabelled_probabilities"] = np.exp(scores)
        runs.finish(self.plan, self.folder, self.model, pd.DataFrame(self.history), results, predictions, self.starts)
        checkpoints.clear(self.folder)

    def epoch_done(self, number: int, logs: dict[str, float], seconds: float) -> None:
        row: dict[str, float] = {"epoch": len(self.history) + 1, "phase": number}
        for side in ("", "validation_"):
            keras_side = side.replace("validation_", "val_")
            row[f"{side}objective"] = float(logs[f"{keras_side}loss"])
            row[f"{side}accuracy"] = float(logs[f"{keras_side}accuracy"])
            row[f"{side}loss"] = float(logs[f"{keras_side}cross_entropy"])
        self.history.append(row | {"seconds": round(seconds, 2)})
        if not np.isfinite(row["objective"]):
            reason = f"{self.name}: the loss was {row['objective']} in epoch {len(self.history)}"
            runs.fail(self.folder, reason, pd.DataFrame(self.history))
            raise DivergenceError(reason)
        self.progress(epoch_line(self.name, len(self.history), self.recipe.epochs, self.history[-1]))


class _EpochEnd(keras.callbacks.Callback):
    """After an epoch: a row of history, a line of progress, a checkpoint."""

    def __init__(self, training: _Training, number: int, learner: keras.Model) -> None:
        super().__init__()
        self.training, self.number, self.learner = training, number, learner

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.training.epoch_done(self.number, logs or {}, time.perf_counter() - self.begin)
        self.training.checkpoint(self.learner)
