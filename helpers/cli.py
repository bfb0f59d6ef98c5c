"""The command line of the project. What a command needs is imported when it runs, so that a wrong option is refused at once."""

import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from helpers.config import choices
from helpers.core import paths, provenance, storage
from helpers.core.errors import InputError, explain
from helpers.core.progress import duration
from helpers.runner import notebooks
from helpers.runner.options import Options, check_options, default_jobs, whole_number

_INTERRUPTED = 130  # the shell's status after Ctrl-C

Data = Annotated[str, typer.Option(help="zip or folder of TinyImage; the demo data if not given")]
Weights = Annotated[str, typer.Option(help="weights file of MobileNetV2, `imagenet` or `none`")]
ProfileName = Annotated[str, typer.Option(help="smoke, demo, quick or full")]
Models = Annotated[str, typer.Option(help="models to train, separated by commas")]
Recipes = Annotated[str, typer.Option(help="recipes to train, separated by commas")]
FirstSeed = Annotated[str, typer.Option(help="the first seed; 0 if not given")]
Output = Annotated[str, typer.Option(help="folder of figures and tables")]
SkipUnreadable = Annotated[bool, typer.Option(help="leave out images that cannot be read")]
ShowTraceback = Annotated[bool, typer.Option("--traceback", help="show the traceback of an error")]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="Run the TinyImage report series.")


@app.command()
def report(
    data: Data = "",
    weights: Weights = "",
    profile: ProfileName = "",
    numbers: Annotated[str, typer.Option("--notebooks", help="numbers, separated by commas; all if not given")] = "",
    models: Models = "",
    recipes: Recipes = "",
    seed: FirstSeed = "",
    output: Output = "",
    skip_unreadable: SkipUnreadable = False,
    jobs: Annotated[str, typer.Option(help="notebooks that run side by side; as many as cores and memory allow")] = "",
    html: Annotated[bool, typer.Option(help="build the HTML report at the end")] = True,
    show_traceback: ShowTraceback = False,
) -> None:
    """Run the notebooks and build the HTML report."""
    started = time.perf_counter()
    options = check_options(data, weights, profile, models, recipes, seed, output, skip_unreadable)
    chosen = notebooks.choose(numbers)
    n_jobs = whole_number("JOBS", jobs, least=1) if jobs else default_jobs(options.profile)
    from helpers.runner import series

    executed = notebooks.executed_folder(options.profile)
    print(series.describe_series(chosen, executed, options.profile, n_jobs), flush=True)
    _describe_gpus()
    if data or weights:
        needs_weights = any(notebook.needs_weights for notebook in chosen)
        _open_input(options.data, options.weights, options.folder, needs_weights, skip_unreadable)
    with (
        _alone(executed, f"runs the profile {options.profile}"),
        _alone(options.folder, f"writes to {paths.shown(options.folder)}"),
    ):
        storage.clear_partial(options.folder)
        series.run_series(chosen, executed, options.parameters, n_jobs)
        if html:
            from helpers.report import published

            published.publish(executed, [notebook.name for notebook in chosen], options.folder)
        _update_readme(options.profile, options.folder)
        if html:
            _build_html(options.profile, options.folder)
    if models and recipes:
        _list_products(options, models)
    print(f"Figures and results: {paths.shown(options.folder)} ({duration(time.perf_counter() - started)})")


@app.command(name="sweep")
def sweep_command(
    seeds: Annotated[str, typer.Option(help="runs of each recipe, with consecutive seeds")] = "3",
    scheduler: Annotated[
        str, typer.Option(help="address of a Dask scheduler; workers on this machine if not given")
    ] = "",
    data: Data = "",
    weights: Weights = "",
    profile: ProfileName = "",
    models: Models = "",
    recipes: Recipes = "",
    seed: FirstSeed = "",
    output: Output = "",
    skip_unreadable: SkipUnreadable = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Make the runs that are missing, many at a time, on the workers of a Dask cluster."""
    started = time.perf_counter()
    options = check_options(data, weights, profile, models, recipes, seed, output, skip_unreadable)
    n_seeds = whole_number("SEEDS", seeds, least=1)
    from helpers.cluster import sweep
    from helpers.experiment import open_experiment

    _describe_gpus()
    needs_weights = not models or "mobilenetv2" in choices.split_names(models)
    lab = open_experiment(options.profile, data, weights if needs_weights else None, output, options.seed)
    with _alone(lab.output, f"writes to {paths.shown(lab.output)}"):
        storage.clear_partial(lab.output)
        try:
            plans = [plan for plan in lab.plans(n_seeds) if not lab.recorded(plan)]
            problems = sweep.sweep(plans, lab.keep, scheduler, provenance.wanted_threads() or 1)
        finally:
            lab.write_tables()
        _update_readme(options.profile, lab.output)
    for run, problem in problems.items():
        print(f"Failed: {run}: {problem}", flush=True)
    print(f"Results: {paths.shown(lab.output)} ({duration(time.perf_counter() - started)})")
    raise SystemExit(1 if problems else 0)


@app.command()
def status(
    data: Data = "",
    weights: Weights = "",
    profile: ProfileName = "",
    models: Models = "",
    recipes: Recipes = "",
    seed: FirstSeed = "",
    output: Output = "",
    skip_unreadable: SkipUnreadable = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """List the runs that exist, those to come with an estimated time, and why they are trained again."""
    options = check_options(data, weights, profile, models, recipes, seed, output, skip_unreadable)
    print(f"Comparing the runs of the profile {options.profile} with its recipes and data", flush=True)
    from helpers.experiment import open_experiment
    from helpers.runner.status import status_lines

    lab = open_experiment(options.profile, options.data, options.weights, options.output, options.seed)
    print(*status_lines(lab), sep="\n")


@app.command()
def predict(
    image: Annotated[str, typer.Option(help="a photograph, a folder of photographs, or a pattern")] = "",
    model: Annotated[str, typer.Option(help="whose improved network answers")] = "mobilenetv2",
    csv: Annotated[str, typer.Option(help="file for the answers")] = "",
    profile: Annotated[str, typer.Option(help="whose records; full comes with the repository")] = "full",
    show_traceback: ShowTraceback = False,
) -> None:
    """Print the most probable classes of photographs; the status is 1 if a file is no image."""
    if not image:
        raise InputError("Name a photograph: make predict IMAGE=<file, folder or pattern>.")
    from tqdm import tqdm

    from helpers.explore import photographs, prediction

    files = photographs.find_photographs(image)
    predictor = prediction.find_predictor(profile, model)
    print(predictor.description())
    predictions, n_errors = [], 0
    with tqdm(total=len(files), unit=" images", disable=None if len(files) > 1 else True, leave=False) as bar:
        for outcome in prediction.predict(predictor, files):
            bar.update()
            if isinstance(outcome, InputError):
                n_errors += 1
                bar.write(str(outcome), file=sys.stderr)
                continue
            predictions.append(outcome)
            if not csv:
                bar.write(outcome.text())
    if csv:
        prediction.write_csv(Path(csv).expanduser(), predictions)
        n_sure = sum(outcome.is_sure for outcome in predictions)
        print(f"{len(predictions):,} images in {csv}, {n_sure:,} of them answered")
    raise SystemExit(1 if n_errors else 0)


@app.command()
def export(
    model: Annotated[str, typer.Option(help="whose network")] = "mobilenetv2",
    recipe: Annotated[str, typer.Option(help="by which recipe it was trained")] = "improved",
    data: Data = "",
    profile: ProfileName = "",
    seed: FirstSeed = "",
    output: Output = "",
    skip_unreadable: SkipUnreadable = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Write a trained network as SavedModel, LiteRT and ONNX, each checked against Keras on the validation images."""
    options = check_options(data, "", profile, model, recipe, seed, output, skip_unreadable)
    from helpers.experiment import open_experiment
    from helpers.report import export as exporting

    lab = open_experiment(options.profile, data, None, output, options.seed)
    asked = (model, recipe, options.seed)
    run = next((run for run in lab.finished() if (run.model, run.recipe, run.seed) == asked and run.has_model()), None)
    if run is None:
        raise InputError(f"There is no network of {model} {recipe}, seed {options.seed}; train it with `make report`.")
    folder = paths.BUILD / "export" / options.profile / f"{model}_{recipe}_{options.seed}"
    images, labels = lab.dataset.part(lab.split, "validation")
    examples, _ = lab.dataset.part(lab.split, "train")
    table = exporting.export(run.network(), images[:], labels, examples, folder)
    print(table.round(4).to_string(index=False, na_rep=""))
    print(f"{run.title}, from {paths.shown(run.folder)}: {paths.shown(folder)}")


@app.command()
def compare(
    first: Annotated[str, typer.Option("--first", help="folder of figures, runs or records, or a git commit")] = "",
    second: Annotated[str, typer.Option("--second", help="the other one")] = "",
    show_traceback: ShowTraceback = False,
) -> None:
    """Compare two sets of results on the same test images, and show the figures that changed on one page."""
    if not (first and second):
        raise InputError("Name two sets of results: make compare A=<folder or commit> B=<folder or commit>.")
    from helpers.report import compare as comparing

    with tempfile.TemporaryDirectory() as folder:
        page = paths.BUILD / "compare.html"
        first_side = comparing.open_side(first, Path(folder) / "first")
        second_side = comparing.open_side(second, Path(folder) / "second")
        table = comparing.write_page(first_side, second_side, page)
    print(table.round(4).to_string(index=False, na_rep=""))
    print(f"Side by side: {paths.shown(page)}")


@app.command(name="html")
def html_command(
    profile: Annotated[str, typer.Option(help="whose published notebooks; the newest if not given")] = "",
) -> None:
    """Build the HTML report from what the notebooks showed, kept beside the figures; trains nothing and needs no data."""
    profile = profile or notebooks.newest_profile()
    _build_html(profile, paths.FIGURES / profile)


@app.command()
def pdf() -> None:
    """Write the generated parts of README, docs/ and notebooks, the series as Markdown and the paper, from committed files."""
    print(f"Paper: {paths.shown(_write_committed_pages())}")


@app.command()
def logs() -> None:
    """Write the report's own logged curves where TensorBoard finds them beside the runs."""
    from helpers.analysis.reported import write_tensorboard

    print(f"The report's curves: {paths.shown(write_tensorboard(paths.runs() / 'reported'))}")


@app.command(name="data")
def data_command() -> None:
    """Download the official Tiny ImageNet-200 archive; its first 100 classes are TinyImage's."""
    from helpers.data.download import download_official

    print(f"Ready: make report DATA={paths.shown(download_official(paths.DATA))}")


def _describe_gpus() -> None:
    """Say whether the GPU of this machine is used, if it has one; only then is TensorFlow loaded for it."""
    if provenance.has_gpu():
        from helpers.models import runtime

        print(runtime.describe_gpus(), flush=True)


def _list_products(options: Options, models: str) -> None:
    """Say where the chosen runs left their network, submission and curves."""
    from helpers.experiment import open_experiment
    from helpers.runner.products import product_lines

    weights = options.weights if "mobilenetv2" in choices.split_names(models) else None
    lab = open_experiment(options.profile, options.data, weights, options.output, options.seed)
    for line in product_lines(lab):
        print(line)


def _open_input(data: str, weights: str, folder: Path, needs_weights: bool, skip_unreadable: bool) -> None:
    """Decode the data into the cache and find the weights before a notebook starts, so that errors are reported at once."""
    from helpers.data.dataset import open_source
    from helpers.report.committed import check_output

    if data:
        check_output(folder, open_source(data, skip_unreadable).fingerprint)
    if needs_weights:
        from helpers.models.weights import find_weights

        find_weights(weights, is_demo=not data)


def _update_readme(profile: str, folder: Path) -> None:
    """Write what is generated from the committed records again, where this run may have changed them."""
    if profile == "full" and folder == paths.FIGURES / "full":
        _write_committed_pages()


def _write_committed_pages() -> Path:
    """Write the numbers of README.md, docs/ and notebooks, the series as Markdown, and the paper, whose file is returned."""
    from helpers.report import generated, paper, series_pages

    generated.update()
    series_pages.update()
    return paper.build()


@contextmanager
def _alone(folder: Path, what: str) -> Iterator[None]:
    """One series at a time writes to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with storage.locked(folder / ".lock", f"Another series {what}"):
        yield


def _build_html(profile: str, figures: Path) -> None:
    """Build the HTML report of a profile; see `site.build`."""
    from helpers.report import site

    paths.BUILD.mkdir(parents=True, exist_ok=True)
    unfinished = [copy.stem for copy in notebooks.incomplete_copies(notebooks.executed_folder(profile))]
    with storage.locked(paths.BUILD / ".lock", "Another process builds the HTML report"):
        page = site.build(profile, figures, unfinished)
    print(f"HTML report: {paths.shown(page)}", flush=True)


def main(command: Callable[..., Any] = app) -> None:
    """Run the command line; an error is one sentence on stderr and the status 2, or 130 after Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that `finally` ends what was started
    paths.find_settings_folders()
    try:
        status = command(standalone_mode=False) if command is app else command()
    except (InputError, OSError) as error:
        _complain(explain(error))
    except typer.TyperException as error:  # an option that does not exist, a value that is missing
        _complain(error.format_message().rstrip(".") + "; `make help` lists the options.")
    if status == _INTERRUPTED:  # Typer turns Ctrl-C into this status
        _complain("stopped by Ctrl-C; results so far are kept, and the next call resumes from there.", _INTERRUPTED)
    raise SystemExit(status or 0)


def _complain(problem: str, status: int = 2) -> NoReturn:
    if "--traceback" in sys.argv:
        traceback.print_exc()
    print(f"Error: {problem}", file=sys.stderr)
    raise SystemExit(status) from None


if __name__ == "__main__":
    main()
