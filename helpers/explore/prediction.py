"""What a trained network says of photographs, by LiteRT. TensorFlow is loaded once for each network, to convert it."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from helpers.core import checksums, litert, paths, provenance, storage
from helpers.core.checksums import NETWORK_CARD, WEIGHTS
from helpers.core.errors import InputError
from helpers.core.litert import Forward
from helpers.data import views_at_test
from helpers.explore.photographs import read_photograph

N_ANSWERS = 5
_AT_ONCE = 64  # photographs in memory
_CONVERSION = 1  # raise it when `models.conversion` writes other LiteRT files


@dataclass(frozen=True)
class Predictor:
    """A trained network with its calibration.

    Attributes:
        card: the network card of its record.
        record: where it comes from.
        forward: from pixels to logits.
    """

    card: dict[str, Any]
    record: Path
    forward: Forward

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of the classes.

        Args:
            images: uint8 (n, 64, 64, 3).

        Returns:
            float64 (n, n_classes), rows sum to 1.
        """
        mean = mean_probabilities(self.forward, images, self.card["views"])
        return softmax(np.log(np.maximum(mean, np.finfo(np.float64).tiny)) / self.card["temperature"], axis=1)

    def is_sure(self, probability: float) -> bool:
        """Whether an answer of this probability is given, or the predictor abstains."""
        return self.card["confidence"] is not None and probability >= self.card["confidence"]

    def description(self) -> str:
        """Which network answers, how good it is, and when it abstains."""
        card, test = self.card, self.card["test"]
        asked = f"{card['asked_accuracy']:.0%}"
        rule = (
            f"below {card['confidence']:.0%} it abstains: above, {asked} of its answers on validation were right"
            if card["confidence"] is not None
            else f"it always abstains: even its surest answers on validation were right less often than {asked}"
        )
        return (
            f"{card['title']} ({paths.shown(self.record)}), {test['accuracy']:.1%} accuracy on {test['n']:,} test "
            f"images of {card['data']}.\nProbabilities are calibrated on validation; {rule}."
        )


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of one photograph.

    Attributes:
        file: of the photograph.
        answers: names and probabilities of the `N_ANSWERS` most probable classes, the first one first.
        is_sure: whether the first one counts as an answer.
    """

    file: Path
    answers: list[tuple[str, float]]
    is_sure: bool

    def text(self) -> str:
        """Lines for a terminal."""
        lines = [f"  {probability:6.1%}  {name}" for name, probability in self.answers]
        return "\n".join([f"{self.file}: {self.answers[0][0] if self.is_sure else 'not sure'}", *lines])


def find_predictor(profile: str, model: str) -> Predictor:
    """The network of the improved recipe of a model, from its record.

    Args:
        profile: whose record; "full" for the networks that come with the repository.
        model: for example "mobilenetv2".

    Raises:
        InputError: there is no such network, or its record is damaged.
    """
    folder = paths.FIGURES / profile / "records"
    records = sorted(file.parent for file in folder.glob(f"[!.]*/{NETWORK_CARD}"))
    matching = [record for record in records if record.name.startswith(f"{model}_improved_")]
    if not matching:
        models = ", ".join(dict.fromkeys(record.name.split("_improved_")[0] for record in records)) or "none"
        earlier = sorted(folder.glob(f"{model}_improved_*"))
        removal = f"remove {paths.shown(earlier[0])}, which holds predictions only, and " if earlier else ""
        data = "DATA=<zip or folder> " if profile in ("quick", "full") else ""
        raise InputError(
            f"There is no trained network of {model!r} in {paths.shown(folder)}, only of: {models}; choose one with MODEL= or "
            f"PROFILE=, or {removal}train it with `make report {data}PROFILE={profile} RECIPES=improved`."
        )
    record = min(matching, key=lambda folder: int(folder.name.rsplit("_", 1)[1]))
    if damage := checksums.damage(record):
        raise InputError(f"{record} is damaged ({damage}); restore it with `git checkout -- {paths.shown(record)}`.")
    return Predictor(json.loads((record / NETWORK_CARD).read_text()), record, forward_pass(record))


def forward_pass(folder: Path, progress: Callable[[str], None] = print) -> Forward:
    """From pixels to logits by LiteRT: the network of a run folder or a record, converted when it is first asked for.

    Args:
        folder: of the run or the record.
        progress: gets a line before a conversion.
    """
    threads = provenance.wanted_threads() or provenance.cores()
    return litert.forward_pass(_litert_file(folder, progress).read_bytes(), threads)


def mean_probabilities(forward: Forward, images: np.ndarray, views: Sequence[str]) -> np.ndarray:
    """Probabilities averaged over the views of an image.

    Args:
        forward: from pixels to logits.
        images: uint8 (n, 64, 64, 3).
        views: names in VIEWS_AT_TEST.

    Returns:
        float64 (n, n_classes), rows sum to 1.
    """
    return np.mean([softmax(np.float64(forward(views_at_test.view(images, name))), axis=1) for name in views], axis=0)


def predict(predictor: Predictor, files: Sequence[Path]) -> Iterator[Prediction | InputError]:
    """A prediction for each file, in their order; for one that is no image, the error that says so."""
    with ThreadPoolExecutor(provenance.cores()) as pool:
        for start in range(0, len(files), _AT_ONCE):
            chunk = files[start : start + _AT_ONCE]
            images = list(pool.map(_read, chunk))
            readable = [image for image in images if isinstance(image, np.ndarray)]
            probabilities = iter(predictor.probabilities(np.stack(readable)) if readable else ())
            for file, image in zip(chunk, images, strict=True):
                yield image if isinstance(image, InputError) else _prediction(predictor, file, next(probabilities))


def write_csv(file: Path, predictions: Sequence[Prediction]) -> None:
    """Write a row for each prediction: `file`, `answer` (empty where it abstains), `class_1`, `probability_1` and so on."""
    columns = [f"{name}_{place}" for place in range(1, N_ANSWERS + 1) for name in ("class", "probability")]
    with storage.replacing(file) as partial, partial.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "answer", *columns])
        for p in predictions:
            answers = [value for name, probability in p.answers for value in (name, f"{probability:.4f}")]
            writer.writerow([p.file, p.answers[0][0] if p.is_sure else "", *answers])


def _read(file: Path) -> np.ndarray | InputError:
    try:
        return read_photograph(file.read_bytes(), str(file))
    except InputError as error:
        return error
    except OSError as error:
        return InputError(f"{file} cannot be read ({error.strerror}).")


def _prediction(predictor: Predictor, file: Path, probabilities: np.ndarray) -> Prediction:
    top = np.argsort(-probabilities, kind="stable")[:N_ANSWERS]
    answers = [(predictor.card["class_names"][label], float(probabilities[label])) for label in top]
    return Prediction(file, answers, predictor.is_sure(answers[0][1]))


def _litert_file(folder: Path, progress: Callable[[str], None]) -> Path:
    """The network of a run folder or a record as a LiteRT file in the cache."""
    source = next(file for file in (folder / "model.keras", folder / WEIGHTS) if file.exists())
    file = paths.cache() / "networks" / f"{provenance.file_hash(source)[:16]}_{_CONVERSION}.tflite"
    if not storage.is_intact(file):
        progress(f"Converting {paths.shown(source)} for LiteRT, once")
        from helpers.models import conversion
        from helpers.training.runs import Run

        network = conversion.without_resizing(Run(folder).network())
        # A record has kernels in half precision.
        content = conversion.to_litert(network, "float16" if source.name == WEIGHTS else "float32")
        file.parent.mkdir(parents=True, exist_ok=True)
        with storage.replacing(file) as partial:
            partial.write_bytes(content)
            storage.write_checksum(file, provenance.file_hash(partial))
    return file
