"""Ask the networks of runs and records about a photograph."""

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache

import ipywidgets as widgets
import numpy as np

from helpers.config.labels import name_of
from helpers.config.recipes import RECIPES
from helpers.core.errors import InputError
from helpers.data import sample_photographs
from helpers.explore import controls, photographs, prediction, views
from helpers.explore.widgets import Explorer
from helpers.models import inference
from helpers.plots import illustrations
from helpers.plots.style import Plot
from helpers.report import selection
from helpers.training.runs import Run

Network = Callable[[np.ndarray], np.ndarray]


def network(run: Run) -> Network:
    """The network of a run, as it predicted in the run: by LiteRT, as `make predict` does, or by Keras where that cannot be.

    Args:
        run: with its network.

    Returns:
        From an image, uint8 (64, 64, 3), to probabilities, float64 (n_classes,).
    """
    try:
        forward = prediction.forward_pass(run.folder, progress=lambda line: None)
    except Exception:  # converters raise many kinds; a damaged network is an InputError of the next line
        forward = inference.with_keras(run.network())
    names = run.settings.views_at_test
    return lambda image: prediction.mean_probabilities(forward, image[None], names)[0]


def which_networks(runs: Sequence[Run]) -> str:
    """Sentences that name the recipes whose network is that of a record, and those without one; "" where all have a run folder.

    Args:
        runs: finished ones, and records.
    """
    finished = {(run.model, run.recipe) for run in runs}
    at_hand = {(run.model, run.recipe): run for run in reversed(runs) if run.has_model()}
    from_records = [run.title for run in reversed(at_hand.values()) if run.is_network_from_record()]
    missing = [
        f"{name_of(*key)} ({'its record has no network' if key in finished else 'not run'})"
        for key in ((recipe.model, recipe.name) for recipe in RECIPES)
        if key not in at_hand
    ]
    sentences = [
        f"Networks from committed records (kernels in half precision): {', '.join(from_records)}."
        if from_records
        else "",
        f"Networks that cannot be asked: {', '.join(missing)}." if missing else "",
    ]
    return " ".join(filter(None, sentences))


def own_photograph(runs: Sequence[Run], class_names: Sequence[str]) -> Explorer:
    """What every network says of a file that the reader gives.

    Args:
        runs: at least one has its network. Of a recipe with several, the first seed is asked.
        class_names: of the labels.
    """
    there = list(selection.by_recipe([run for run in runs if run.has_model()]).values())
    ask = cache(network)  # a network is loaded when it is first asked

    def view(image: np.ndarray, asked: Iterable[Run], source: str) -> Plot:
        said = {(run.model, run.recipe): ask(run)(image) for run in asked}
        return views.answers(said, class_names, source, image=image)

    def widget() -> widgets.Widget:
        upload = widgets.FileUpload(accept="image/*", description="Choose a photograph", layout={"width": "200px"})
        picture = widgets.HTML()
        controls.keep_room(picture, views.answers_height(len(there)))

        def answer(change: dict) -> None:
            for file in change["new"]:
                try:
                    image = photographs.read_photograph(bytes(file["content"]), file["name"])
                except InputError as error:
                    picture.value = html.escape(str(error))
                    continue
                for place, run in enumerate(there, 1):
                    picture.value = f"Asking {run.title} ({place} of {len(there)}); the first photograph takes longest."
                    ask(run)(image)
                picture.value = controls.as_html(view(image, there, file["name"]))

        upload.observe(answer, "value")
        return widgets.VBox([upload, widgets.HTML(which_networks(runs)), picture])

    def still(is_demo: bool) -> Plot:
        image, source = illustrations.example_image(), "a drawing by the demo's generator"
        if not is_demo:
            image, source = sample_photographs.load()["a flower"], sample_photographs.CREDIT
        return replace(view(image, selection.best_of_each_family(there), source), has_photographs=False)

    return Explorer(
        widget, still, "give a photograph of your own, and see what every network says of its middle square."
    )
