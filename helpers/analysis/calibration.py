"""Whether a network's confidence can be believed, and what accuracy becomes when it may abstain."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from helpers.config.labels import MODEL_NAMES, RECIPE_NAMES
from helpers.training import metrics
from helpers.training.runs import Run

N_BINS = 15  # of equal width, as in Guo et al. 2017

# Records keep probabilities as float16, whose smallest positive number is about this; a zero means "smaller still".
_SMALLEST = 2.0**-24


def reliability(probabilities: np.ndarray, labels: np.ndarray, n_bins: int = N_BINS) -> pd.DataFrame:
    """Accuracy beside confidence, for images grouped by the confidence of their prediction.

    Args:
        probabilities: float (n, n_classes), rows sum to 1.
        labels: integer (n,).
        n_bins: bins of equal width between 0 and 1.

    Returns:
        One row a bin with images in it: `low`, `high` (its limits), `n`, `confidence`, `accuracy` (means, fractions).
    """
    confidence, right = _confidence(probabilities, labels)
    bins = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    frame = pd.DataFrame({"bin": bins, "confidence": confidence, "accuracy": right})
    groups = frame.groupby("bin")
    table = groups.mean().assign(n=groups.size()).reset_index()
    return table.assign(low=table["bin"] / n_bins, high=(table["bin"] + 1) / n_bins)[
        ["low", "high", "n", "confidence", "accuracy"]
    ]


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, n_bins: int = N_BINS) -> float:
    """Mean distance between confidence and accuracy over bins, weighted by their images (Guo et al. 2017, equation 3).

    Args:
        probabilities: float (n, n_classes), rows sum to 1.
        labels: integer (n,).
        n_bins: bins of equal width between 0 and 1.

    Returns:
        A fraction, 0 for perfect calibration.
    """
    table = reliability(probabilities, labels, n_bins)
    return float(np.average((table["confidence"] - table["accuracy"]).abs(), weights=table["n"]))


def negative_log_likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of minus the logarithm of the probability of the true class, in nats.

    Args:
        probabilities: float (n, n_classes), rows sum to 1.
        labels: integer (n,).
    """
    return metrics.cross_entropy(_logits(probabilities), labels)


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that minimises the negative log-likelihood (temperature scaling, Guo et al. 2017).

    Args:
        probabilities: float (n, n_classes), on images that decide nothing else that is reported.
        labels: integer (n,).

    Returns:
        Above 1 where the network is too sure of itself; between 0.05 and 20.
    """

    def objective(log_temperature: float) -> float:
        return negative_log_likelihood(scaled(probabilities, np.exp(log_temperature)), labels)

    return float(np.exp(minimize_scalar(objective, bounds=np.log([0.05, 20]), method="bounded").x))


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities after dividing the logits behind them by a temperature; the most probable class stays the same.

    Args:
        probabilities: float (n, n_classes), rows sum to 1.
        temperature: above 0.

    Returns:
        float64 (n, n_classes), rows sum to 1.
    """
    return np.exp(log_softmax(_logits(probabilities) / temperature, axis=1))


def summary(runs: Sequence[Run]) -> pd.DataFrame:
    """Calibration of runs on test, as trained and after temperature scaling; the temperature is fitted on validation.

    Returns:
        Columns `Model`, `Recipe`, `temperature`, `ece`, `ece_scaled` (fractions, N_BINS bins of equal width), `nll`,
        `nll_scaled` (nats).
    """
    rows = []
    for run in runs:
        probabilities, labels = run.probabilities(), run.labels()
        temperature = fit_temperature(run.probabilities("validation"), run.labels("validation"))
        changed = scaled(probabilities, temperature)
        rows.append(
            {
                "Model": MODEL_NAMES[run.model],
                "Recipe": RECIPE_NAMES[run.recipe],
                "temperature": temperature,
                "ece": expected_calibration_error(probabilities, labels),
                "ece_scaled": expected_calibration_error(changed, labels),
                "nll": negative_log_likelihood(probabilities, labels),
                "nll_scaled": negative_log_likelihood(changed, labels),
            }
        )
    columns = ["Model", "Recipe", "temperature", "ece", "ece_scaled", "nll", "nll_scaled"]
    return pd.DataFrame(rows, columns=columns)


def risk_coverage(probabilities: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Accuracy on the images of highest confidence, for every share of images that is answered (Geifman 2017).

    Args:
        probabilities: float (n, n_classes), rows sum to 1.
        labels: integer (n,).

    Returns:
        Columns `coverage` (share answered, from 1/n to 1), `confidence` (the lowest that is answered), `accuracy` (of
        the answers).
    """
    confidence, right = _confidence(probabilities, labels)
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(labels) + 1)
    return pd.DataFrame(
        {
            "coverage": answered / len(labels),
            "confidence": confidence[order],
            "accuracy": np.cumsum(right[order]) / answered,
        }
    )


def threshold_for(curve: pd.DataFrame, accuracy: float) -> float:
    """The lowest confidence from which on answers have at least such an accuracy; NaN where there is none.

    Args:
        curve: of `risk_coverage`.
        accuracy: a fraction.
    """
    whole = curve.drop_duplicates("confidence", keep="last")  # images of one confidence are answered together
    return float(whole.loc[whole["accuracy"] >= accuracy, "confidence"].min())


def answering_rule(run: Run, accuracy: float = 0.9) -> dict[str, float | None]:
    """How to use a run on new images, decided on validation: the temperature, and the confidence to abstain below.

    Args:
        run: a finished run.
        accuracy: that the answers above the confidence are to have, a fraction.

    Returns:
        `temperature`; `asked_accuracy`; `confidence`, None where even the surest answers are not so good; `answered`, the share
        of the validation images above it.
    """
    probabilities, labels = run.probabilities("validation"), run.labels("validation")
    temperature = fit_temperature(probabilities, labels)
    curve = risk_coverage(scaled(probabilities, temperature), labels)
    confidence = threshold_for(curve, accuracy)
    return {
        "temperature": temperature,
        "asked_accuracy": accuracy,
        "confidence": None if np.isnan(confidence) else confidence,
        "answered": float(np.mean(curve["confidence"] >= confidence)),
    }


def coverages(runs: Sequence[Run], levels: Sequence[float] = (0.8, 0.9, 0.95)) -> pd.DataFrame:
    """What is answered, and how well, above a confidence that gives at least such accuracies on validation.

    Args:
        runs: finished runs.
        levels: accuracies, fractions.

    Returns:
        One row a run and level: `Model`, `Recipe`, `asked` (the level), `threshold` (the confidence; missing where even
        the surest answers on validation are not so good), `answered` (share of the test images), `accuracy` of these with the
        ends of its 95 % interval, `low` and `high` (missing where nothing is answered).
    """
    rows = []
    for run in runs:
        named = {"Model": MODEL_NAMES[run.model], "Recipe": RECIPE_NAMES[run.recipe]}
        curve = risk_coverage(run.probabilities("validation"), run.labels("validation"))
        confidence, right = _confidence(run.probabilities(), run.labels())
        for level in levels:
            threshold = threshold_for(curve, level)
            answered = right[confidence >= threshold]
            judged = {"asked": level, "threshold": threshold, "answered": len(answered) / len(right)}
            if len(answered):
                accuracy = float(answered.mean())
                low, high = metrics.accuracy_interval(accuracy, len(answered))
                judged |= {"accuracy": accuracy, "low": low, "high": high}
            rows.append(named | judged)
    return pd.DataFrame(rows, columns=["Model", "Recipe", "asked", "threshold", "answered", "accuracy", "low", "high"])


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Logits behind probabilities, up to a constant a row, float64 (n, n_classes)."""
    return np.log(np.maximum(np.asarray(probabilities, np.float64), _SMALLEST))


def _confidence(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability of the predicted class, float64 (n,), and whether it is the true one, bool (n,)."""
    probabilities = np.asarray(probabilities, np.float64)
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
