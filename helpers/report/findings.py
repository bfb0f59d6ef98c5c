"""Sentences about networks trained from scratch, built from the numbers of runs and small experiments, in Markdown.

A sentence whose runs are missing is "".
"""

from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np
import pandas as pd

from helpers.analysis import comparison, reported
from helpers.config.recipes import NUM_CLASSES
from helpers.config.report_facts import REPORTED, REPORTED_RATE
from helpers.data.dataset import Split
from helpers.training.metrics import accuracy_interval
from helpers.training.runs import Run

_MOVING_AVERAGE = 0.99  # what Keras keeps of the moving averages of batch normalisation at each step


def bullets(sentences: Iterable[str]) -> str:
    """A bulleted list; empty sentences are left out."""
    return "\n".join(f"- {sentence}" for sentence in sentences if sentence)


def numbered(sentences: Iterable[str]) -> str:
    """A list numbered from 1; empty sentences are left out."""
    return "\n".join(f"{number}. {text}" for number, text in enumerate(filter(None, sentences), start=1))


def training_data(source: str, split: Split) -> str:
    """What a run reads, and how many images it trains and validates on."""
    n_train, n_validation = len(split.train), len(split.validation)
    return f"This run reads **{source}**: {n_train:,} training images, {n_validation:,} validation images."


def parameter_count(model: str, network: keras.Model) -> str:
    """The parameters of the report's network beside the number that it states, and the share of the first dense layer."""
    return (
        f"The layers sum to {network.count_params():,} parameters; the report says {REPORTED[model].parameters:,}. "
        f"The first dense layer holds {_dense_share(network):.1%} of them."
    )


def parameters_in_one_layer(network: keras.Model) -> str:
    """How many parameters the text's architecture has, and the share of its first dense layer."""
    return (
        f"The architecture of the text has {network.count_params():,} parameters, the report's number, "
        f"{_dense_share(network):.0%} of them in one dense layer."
    )


def gradient_noise(noise: pd.DataFrame, batch_size: int = 20) -> str:
    """How far the gradient of one batch lies from the mean gradient; `noise` is of `training_probes.gradient_noise`."""
    relative = noise.set_index("batch_size")["relative_noise"].loc[batch_size]
    return (
        f"In the untrained network, the gradient of {batch_size} images strays from the mean gradient by {relative:.1f} times the "
        "length of that mean. Four times the batch halves the noise. A large learning rate turns such noise into large random steps."
    )


def validation_results(runs: Sequence[Run], num_classes: int) -> str:
    """Validation accuracy of each run beside chance level, its cross-entropy, and how many classes it predicts."""
    lines = []
    for run in runs:
        predicted = len(np.unique(run.predicted("validation")))
        loss = run.result("validation")["loss"]
        lines.append(
            f"{_beside_chance(run, num_classes)}; cross-entropy {loss:.2f}; distinct classes predicted: {predicted}."
        )
    return _AFTER_LAST_EPOCH + bullets(lines)


def last_and_best_epochs(runs: Sequence[Run], num_classes: int) -> str:
    """Validation accuracy of each run beside chance level, and of its last and best epoch without test-time augmentation."""
    lines = []
    for run in runs:
        by_epoch = run.history["validation_accuracy"]
        lines.append(
            f"{_beside_chance(run, num_classes)}; without test-time augmentation {by_epoch.iloc[-1]:.1%}, "
            f"best of {len(by_epoch)} {'epoch' if len(by_epoch) == 1 else 'epochs'} {by_epoch.max():.1%}."
        )
    return _AFTER_LAST_EPOCH + bullets(lines)


_AFTER_LAST_EPOCH = "Validation accuracy after the last epoch, with 95 % intervals over images:\n\n"


def dead_units(sweep: pd.DataFrame, n_validation: int, num_classes: int) -> str:
    """The dead units of the second convolution and of the dense layer: untrained, where most are dead and the network learns, as reported.

    Args:
        sweep: of `training_probes.learning_rate_sweep`, with `dead_conv_2` and a rate of 0.
        n_validation: validation images.
        num_classes: for chance level.
    """
    versus_chance = [comparison.versus_chance(a, n_validation, num_classes) for a in sweep["validation_accuracy"]]
    judged = sweep.assign(versus_chance=versus_chance)
    learning = judged[(judged["versus_chance"] == "above chance") & (judged["learning_rate"] > 0)]
    rows = pd.concat(
        [
            judged[judged["learning_rate"] == 0],
            learning.nlargest(1, "dead_share"),
            _at_reported_rate(judged).to_frame().T,
        ]
    )
    return bullets(
        f"{f'learning rate {row.learning_rate:g}' if row.learning_rate else 'untrained'}: {row.dead_conv_2:.0%} of the filters of the "
        f"second convolution and {row.dead_share:.0%} of the dense units are dead; validation accuracy {row.validation_accuracy:.1%} "
        f"({row.versus_chance})."
        for row in rows.itertuples()
    )


def learning_rate_alone(sweep: pd.DataFrame, steps: int, n_validation: int, num_classes: int) -> str:
    """Whether another learning rate is enough for a network to learn; see `dead_units`.

    Args:
        sweep: of `training_probes.learning_rate_sweep`.
        steps: of each training.
        n_validation: validation images.
        num_classes: for chance level.
    """
    best, as_reported = _most_accurate(sweep), _at_reported_rate(sweep)
    versus_chance = comparison.versus_chance(best["validation_accuracy"], n_validation, num_classes)
    is_enough = versus_chance == "above chance" and best["learning_rate"] != REPORTED_RATE
    verdict = (
        "That one change is enough to learn"
        if is_enough
        else "So short a sweep does not show at which rate the network learns"
    )
    return (
        f"With the learning rate alone changed, from {REPORTED_RATE:g} to {best['learning_rate']:g}, validation accuracy after "
        f"{steps:,} steps is {best['validation_accuracy']:.1%} ({versus_chance}) in place of {as_reported['validation_accuracy']:.1%}, and "
        f"{best['dead_share']:.0%} of the dense layer's units are dead in place of {as_reported['dead_share']:.0%}. {verdict}."
    )


def training_loss_by_rate(sweep: pd.DataFrame, steps: int) -> str:
    """The training loss at the report's learning rate and at the best one of `training_probes.learning_rate_sweep`."""
    best, as_reported = sweep.loc[sweep["training_loss"].idxmin()], _at_reported_rate(sweep)
    return (
        f"After {steps:,} steps the training loss is {as_reported['training_loss']:.2f} at the report's learning rate, {REPORTED_RATE:g}, and "
        f"lowest at {best['learning_rate']:g}, with {best['training_loss']:.2f}."
    )


def moving_average_lag(steps: int) -> str:
    """How much of their starting values the moving averages of batch normalisation hold after some steps."""
    share = _MOVING_AVERAGE**steps
    remainder = f"still hold {share:.0%} of" if share >= 0.005 else "have lost"
    return f"By then the moving averages of batch normalisation {remainder} their starting values."


def statistics_anew(table: pd.DataFrame) -> str:
    """What moving averages cost a network; `table` is of `network_probes.by_statistics`, or empty."""
    if table.empty:
        return ""
    averages, *anew = (
        f"{row.accuracy:.1%} (loss {row.loss:.2f}{f', {comparison.p_value_text(row.p_value)}' if place else ''})"
        for place, row in enumerate(table.itertuples())
    )
    under_training, as_they_are, without_dropout = table["accuracy"].iloc[1:]
    steps = (under_training - table["accuracy"].iloc[0], as_they_are - under_training, without_dropout - as_they_are)
    reasons = ("averages that lag behind the weights", "training on augmented images", "dropout")
    largest = reasons[int(np.argmax(steps))]
    verdict = (
        f"The largest part of what the averages cost comes from {largest}."
        if max(steps) > 0
        else "The averages cost it nothing."
    )
    return (
        f"On {table['n'].iloc[0]:,} validation images the network of seed {table['seed'].iloc[0]} has an accuracy of {averages} with its moving "
        f"averages. With statistics measured anew it has {anew[0]} under the conditions of training, {anew[1]} on images as they are, and "
        f"{anew[2]} without dropout as well. {verdict} P-values are of McNemar's exact test against the moving averages."
    )


def layer_activity(layers_of: Mapping[str, pd.DataFrame]) -> str:
    """Dead units and the spread over images, for each network of `network_probes.layer_activity` by name."""
    lines = []
    for name, layers in layers_of.items():
        worst, last = layers.loc[layers["dead_share"].idxmax()], layers.iloc[-1]
        dead = (
            f"up to {worst['dead_share']:.0%} of the units of a layer are dead (`{worst['layer']}`)"
            if worst["dead_share"] > 0
            else "no unit is dead"
        )
        lines.append(
            f"{name}: {dead}; spread over images in the last layer (`{last['layer']}`): {last['spread_over_images']:.2g}."
        )
    return bullets(lines)


def constant_answer_of_reported_split() -> str:
    """What a network that names one class scores on the report's own validation images, and on balanced ones."""
    drawn, curve = reported.split(), reported.figure_curves("shallow_cnn_l2").iloc[-1]
    return (
        f"The report's split is not stratified. Class {drawn.most_frequent} has {drawn.in_train} of its {drawn.n_train:,} training images, "
        f"more than any other, and so only {drawn.in_validation} of its {drawn.n_validation:,} validation images. A network whose answer no "
        f"longer depends on the image names the most frequent training class: it is right on {drawn.in_train / drawn.n_train:.2%} of the "
        f"training images and on **{drawn.constant_answer:.2%}** of the validation images. Figure 2's penalised network ends at "
        f"{curve['train_accuracy']:.2%} and {curve['validation_accuracy']:.2%}. On balanced images any constant answer scores "
        f"{1 / NUM_CLASSES:.1%}."
    )


def accuracy_at_chance(accuracy: float, n: int) -> str:
    """That a reported accuracy cannot be told from 1 %, with its interval over n images."""
    low, high = accuracy_interval(accuracy, n)
    is_at_chance = comparison.versus_chance(accuracy, n, NUM_CLASSES) == "at chance"
    verdict = "cannot be told" if is_at_chance else "can be told"
    return f"The report's {accuracy:.1%} {verdict} from {1 / NUM_CLASSES:.0%}: its interval over {n:,} images is {low:.1%} to {high:.1%}."


def penalty_of_fresh_network(pull: pd.DataFrame, num_classes: int) -> str:
    """How large the L2 penalty of a fresh network is, and on how many weights it outweighs the images.

    Args:
        pull: of `penalties.pull`.
        num_classes: for the cross-entropy at chance level.
    """
    outweighed = (pull["ruled_by_penalty"] * pull["weights"]).sum() / pull["weights"].sum()
    return (
        f"With L2 at 0.01 the penalty of the fresh network is {pull['penalty'].sum():.1f} nats, beside {np.log(num_classes):.1f} of "
        f"cross-entropy, and pulls harder than a batch of images on {outweighed:.0%} of the weights."
    )


def penalty_course(course: pd.DataFrame) -> str:
    """Penalty and cross-entropy over the first steps; `course` is of `penalties.course`."""
    penalty, loss = course["penalty"], course["cross_entropy"]
    return (
        f"The penalty is {penalty.iloc[0]:.1f} nats after the first step, {penalty.max():.1f} at its highest and "
        f"{penalty.iloc[-1]:.1f} after {len(course):,} steps; the cross-entropy of the batch is {loss.iloc[0]:.1f} in the first step "
        f"and {loss.iloc[-1]:.1f} in the last."
    )


def highest_penalty(course: pd.DataFrame, num_classes: int) -> str:
    """The highest L2 penalty of `penalties.course` beside the cross-entropy at chance level."""
    return (
        f"With L2 at 0.01 the penalty peaks at {course['penalty'].max():.1f} nats in the first {len(course):,} steps; at chance level the "
        f"cross-entropy is {np.log(num_classes):.1f}."
    )


def changes_that_help(changes: pd.DataFrame, steps: int, n_validation: int) -> str:
    """Which single changes of a recipe leave it better on validation, with intervals apart.

    Args:
        changes: of `training_probes.short_trainings` with a column `change`; the first row is the recipe as it is.
        steps: of each training.
        n_validation: validation images.
    """
    unchanged, changed = changes.iloc[0], changes.iloc[1:]
    upper = accuracy_interval(unchanged["validation_accuracy"], n_validation)[1]
    lower = [accuracy_interval(accuracy, n_validation)[0] for accuracy in changed["validation_accuracy"]]
    better = changed[np.array(lower) > upper].sort_values("validation_accuracy", ascending=False)
    listed = "; ".join(
        f"{row.change}: {row.validation_accuracy:.1%} (training loss {row.training_loss:.2f})"
        for row in better.itertuples()
    )
    lag = ", while the moving averages still lag" if _MOVING_AVERAGE**steps > 0.1 else ""
    return (
        f"After {steps:,} steps the penalised recipe has a validation accuracy of {unchanged['validation_accuracy']:.1%} (training loss "
        f"{unchanged['training_loss']:.2f}){lag}. Single changes that raise it, with 95 % intervals apart: {listed or 'none of those tried'}."
    )


def listed(texts: Sequence[str]) -> str:
    """Texts in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))


def courses(runs: Sequence[Run], reported_curves: pd.DataFrame) -> str:
    """Accuracy at the end, at its best and after the first epoch, of the report's deep CNN and of runs that follow it.

    Args:
        runs: one for each line.
        reported_curves: of `reported.figure_curves`.
    """
    drawn = reported_curves.rename(columns={"train_accuracy": "accuracy"})
    lines = [f"{_course('The report, figure 3', drawn)}."]
    for run in runs:
        name = f"{run.title}, seed {run.seed}, {run.settings.batch_size} a batch"
        distance = distance_of_curves(run.history, reported_curves)
        lines.append(
            f"{_course(name, run.history)}. Its training accuracy lies {100 * distance:.1f} points from the report's, on average over "
            "epochs."
        )
    return bullets(lines)


def distance_of_curves(history: pd.DataFrame, reported_curves: pd.DataFrame) -> float:
    """Mean distance of a run's training accuracy from the report's, over the epochs that both have, as a share."""
    pairs = list(zip(history["accuracy"], reported_curves["train_accuracy"], strict=False))
    return float(np.mean([abs(ours - theirs) for ours, theirs in pairs]))


def _course(name: str, history: pd.DataFrame) -> str:
    training, validation = history["accuracy"], history["validation_accuracy"]
    return (
        f"{name}: {training.iloc[0]:.1%} in training after the first epoch, {training.iloc[-1]:.1%} after {len(history)}; on validation "
        f"{validation.iloc[-1]:.1%} at the end and {validation.max():.1%} in the best epoch"
    )


def epochs_side_by_side(runs: Sequence[Run]) -> pd.DataFrame:
    """Accuracy and loss of each epoch that all runs have, one group of columns for each run."""
    columns = ["accuracy", "loss", "validation_accuracy", "validation_loss"]
    by_title = {f"{run.title}, seed {run.seed}": run.history.set_index("epoch")[columns] for run in runs}
    return pd.concat(by_title, axis=1).dropna()


def larger_batches(runs: Sequence[Run]) -> str:
    """How far all seeds of the report's deep CNN get, by recipe and batch size; "" where a recipe is missing."""
    wanted = ("deep_cnn", "as_reported"), ("deep_cnn", "as_coded"), ("deep_cnn_batch_128", "as_coded")
    by_recipe = [[run for run in runs if (run.model, run.recipe) == key] for key in wanted]
    if not all(by_recipe):
        return ""
    training, validation = (
        [listed([f"{run.history[column].iloc[-1]:.1%}" for run in seeds]) for seeds in by_recipe]
        for column in ("accuracy", "validation_accuracy")
    )
    batches = [seeds[0].settings.batch_size for seeds in by_recipe]
    return (
        f"The deep CNN ends at a training accuracy, by seed, of {training[0]} as reported, with batches of {batches[0]}; as coded (dropout of "
        f"50% after the dense layers) of {training[1]} with batches of {batches[1]} and {training[2]} with {batches[2]}. On validation: "
        f"{validation[0]}; {validation[1]}; {validation[2]}."
    )


def improved_beside_reported(runs: Sequence[Run], model: str) -> str:
    """How the improved recipe of a model compares with the reported one on validation; "" where one of them is missing."""
    plain, improved = (
        [run for run in runs if (run.model, run.recipe) == (model, recipe)] for recipe in ("as_reported", "improved")
    )
    if not plain or not improved:
        return ""
    worst, best = min(improved, key=_validation_accuracy), max(plain, key=_validation_accuracy)
    p_value = comparison.mcnemar(worst.is_right("validation"), best.is_right("validation"))
    nearest = " of the two nearest seeds" if len(plain) + len(improved) > 2 else ""
    return (
        f"On validation, `improved` has {_accuracy_of_seeds(improved)}, `as_reported` {_accuracy_of_seeds(plain)} "
        f"(McNemar's exact test{nearest}, "
        f"{comparison.p_value_text(p_value)}), with {worst.parameters / best.parameters:.0%} of the parameters."
    )


def cost_of_blur(sharpness: pd.DataFrame) -> str:
    """The network that gains most from interpolated images; "" where none gains more than chance. See `network_probes.sharpness`."""
    gaining = sharpness[(sharpness["gain"] > 0) & (sharpness["p_value"] < comparison.SIGNIFICANCE)]
    if gaining.empty:
        return ""
    most = gaining.loc[gaining["gain"].idxmax()]
    return (
        f"The blur of interpolation matters most to {most['network']}: its accuracy is {most['stored']:.1%} on the validation images "
        f"as they are stored and {most['moved']:.1%} once they are moved by a quarter of a pixel (McNemar's exact test, "
        f"{comparison.p_value_text(most['p_value'])})."
    )


def _validation_accuracy(run: Run) -> float:
    return run.result("validation")["accuracy"]


def _accuracy_of_seeds(seeds: Sequence[Run]) -> str:
    if len(seeds) == 1:
        return comparison.accuracy_text(seeds[0].result("validation"))
    values = [100 * _validation_accuracy(run) for run in seeds]
    ends = dict.fromkeys(f"{value:.1f} %" for value in (min(values), max(values)))
    return f"{' to '.join(ends)} ({len(seeds)} seeds)"


def _beside_chance(run: Run, num_classes: int) -> str:
    result = run.result("validation")
    verdict = comparison.versus_chance(result["accuracy"], result["n"], num_classes)
    return f"{run.title}, seed {run.seed}: {comparison.accuracy_text(result)}, {verdict}"


def _dense_share(network: keras.Model) -> float:
    return network.get_layer("dense_1").count_params() / network.count_params()


def _at_reported_rate(sweep: pd.DataFrame) -> pd.Series:
    return sweep.loc[(sweep["learning_rate"] - REPORTED_RATE).abs().idxmin()]


def _most_accurate(sweep: pd.DataFrame) -> pd.Series:
    return sweep.loc[sweep.loc[sweep["learning_rate"] > 0, "validation_accuracy"].idxmax()]
