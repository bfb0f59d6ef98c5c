"""The notebooks through papermill, in order; the command line of the project."""

import errno
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import nbformat
import papermill
import typer
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from traitlets.config import Config

from helpers.analysis.reported import write_tensorboard
from helpers.cluster import sweep
from helpers.config import profiles
from helpers.core import paths, storage
from helpers.core.errors import InputError
from helpers.core.progress import duration
from helpers.data.dataset import open_source
from helpers.data.download import download_official
from helpers.experiment import open_experiment
from helpers.models import runtime
from helpers.models.weights import find_weights
from helpers.report import generated, site

NOTEBOOKS = (
    "01_data_exploration",
    "02_shallow_cnn",
    "03_deep_cnn",
    "04_mobilenetv2_transfer",
    "05_result_comparison",
)
# Sockets that only this user can open; TCP would be open to every user of the machine, and the kernel warns of it.
_PRIVATE_KERNEL = Config(KernelManager={"transport": "ipc"}) if os.name == "posix" else Config()
_INTERRUPTED = 130  # Typer ends with it after Ctrl-C
_NO_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)
CELL_TIMEOUT = 24 * 3600  # seconds; a full training is one cell

Data = Annotated[str, typer.Option(help="zip or folder of TinyImage; the demo data if not given")]
Weights = Annotated[str, typer.Option(help="weights file of MobileNetV2, `imagenet` or `none`")]
ProfileName = Annotated[str, typer.Option(help="smoke, demo, quick or full")]
Models = Annotated[str, typer.Option(help="models to train, separated by commas")]
Recipes = Annotated[str, typer.Option(help="recipes to train, separated by commas")]
FirstSeed = Annotated[int, typer.Option(min=0, help="the first seed")]
Output = Annotated[str, typer.Option(help="folder of figures and tables")]
SkipUnreadable = Annotated[bool, typer.Option(help="leave out images that cannot be read")]
ShowTraceback = Annotated[bool, typer.Option("--traceback", help="show the traceback of an error")]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="Run the TinyImage report series.")


@app.command()
def report(
    data: Data = "",
    weights: Weights = "",
    profile: ProfileName = "",
    notebooks: Annotated[str, typer.Option(help="numbers, separated by commas; all if not given")] = "",
    models: Models = "",
    recipes: Recipes = "",
    seed: FirstSeed = 0,
    output: Output = "",
    skip_unreadable: SkipUnreadable = False,
    html: Annotated[bool, typer.Option(help="build the HTML report at the end")] = True,
    show_traceback: ShowTraceback = False,
) -> None:
    """Run the notebooks in order and build the HTML report."""
    started = time.perf_counter()
    name = _prepared(data, profile, models, recipes, skip_unreadable)
    chosen = choose(notebooks)
    data, weights, output = (paths.from_root(value) for value in (data, weights, output))
    check_input(data, weights, chosen != [NOTEBOOKS[-1]], skip_unreadable)
    folder = paths.resolve(output) if output else paths.FIGURES / name
    parameters = {"profile": name, "data": data, "weights": weights, "output": output, "seed": seed}
    executed = executed_folder(name)
    with _alone(executed, f"runs the profile {name}"), _alone(folder, f"writes to {paths.shown(folder)}"):
        storage.clear_partial(folder)
        for notebook in chosen:
            run_notebook(paths.NOTEBOOKS / f"{notebook}.ipynb", executed, parameters)
        _update_readme(name, folder)
        if html:
            build_html(name, folder)
    print(f"Figures and results: {paths.shown(folder)} ({duration(time.perf_counter() - started)})")


@app.command(name="sweep")
def sweep_command(
    seeds: Annotated[int, typer.Option(min=1, help="runs of each recipe, with consecutive seeds")] = 3,
    scheduler: Annotated[
        str, typer.Option(help="address of a Dask scheduler; workers on this machine if not given")
    ] = "",
    data: Data = "",
    weights: Weights = "",
    profile: ProfileName = "",
    models: Models = "",
    recipes: Recipes = "",
    seed: FirstSeed = 0,
    output: Output = "",
    skip_unreadable: SkipUnreadable = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Make the runs that are missing, many at a time, on the workers of a Dask cluster."""
    started = time.perf_counter()
    name = _prepared(data, profile, models, recipes, skip_unreadable)
    needs_weights = not models or "mobilenetv2" in profiles.listed(models)
    lab = open_experiment(name, data, weights if needs_weights else None, output, seed)
    with _alone(lab.output, f"writes to {paths.shown(lab.output)}"):
        storage.clear_partial(lab.output)
        try:
            problems = sweep.sweep(lab.plans(seeds), lab.keep, scheduler, runtime.wanted_threads() or 1)
        finally:
            lab.write_tables()
        _update_readme(name, lab.output)
    for run, problem in problems.items():
        print(f"Failed: {run}: {problem}", flush=True)
    print(f"Results: {paths.shown(lab.output)} ({duration(time.perf_counter() - started)})")
    raise SystemExit(1 if problems else 0)


@app.command(name="html")
def html_command(
    profile: Annotated[str, typer.Option(help="whose executed notebooks; the newest if not given")] = "",
) -> None:
    """Build the HTML report from executed notebooks."""
    build_html(profile or newest_profile())


@app.command()
def logs() -> None:
    """Write the report's own logged curves where TensorBoard finds them beside the runs."""
    print(f"The report's curves: {paths.shown(write_tensorboard(paths.runs() / 'reported'))}")


@app.command()
def data() -> None:
    """Download the official Tiny ImageNet-200 archive; its first 100 classes are TinyImage's."""
    print(f"Ready: make report DATA={paths.shown(download_official(paths.DATA))}")


def _prepared(data: str, profile: str, models: str, recipes: str, skip_unreadable: bool) -> str:
    """The name of the profile, once what narrows the run is checked and told to whatever this process starts."""
    name = profile or ("quick" if data else "demo")
    profiles.find_profile(name)
    profiles.check_names(profiles.listed(models), profiles.listed(recipes))
    runtime.wanted_threads()
    os.environ["TINYIMAGE_MODELS"], os.environ["TINYIMAGE_RECIPES"] = models, recipes
    os.environ["TINYIMAGE_SKIP_UNREADABLE"] = "1" if skip_unreadable else ""
    return name


def _update_readme(profile: str, folder: Path) -> None:
    """The numbers of README.md follow the records that are committed."""
    if profile == "full" and folder == paths.FIGURES / "full":
        generated.update()


def choose(numbers: str) -> list[str]:
    """Notebooks by their numbers.

    Args:
        numbers: such as "04" or "2,3"; "" for all.

    Raises:
        InputError: a number has no notebook.
    """
    wanted = [f"{number:0>2}" for number in profiles.listed(numbers)]
    known = {name[:2]: name for name in NOTEBOOKS}
    for number in wanted:
        if number not in known:
            raise InputError(f"There is no notebook {number!r}; NOTEBOOKS takes numbers from 01 to {max(known)}.")
    return [name for number, name in known.items() if not wanted or number in wanted]


def check_input(data: str, weights: str, needs_weights: bool, skip_unreadable: bool) -> None:
    """Decode the data into the cache and find the weights before anything runs, so that what is wrong is said at once.

    Raises:
        InputError: they cannot be used.
    """
    if data:
        open_source(data, skip_unreadable)
    if needs_weights:
        find_weights(weights, is_demo=not data)


def executed_folder(profile: str) -> Path:
    """Where executed notebooks of a profile are kept."""
    return paths.runs() / profile / "notebooks"


def run_notebook(notebook: Path, folder: Path, parameters: dict[str, str | int]) -> Path:
    """Run one notebook and keep its executed copy, also where it fails.

    Args:
        notebook: the source.
        folder: for the executed copy.
        parameters: values of its parameters cell; exactly its names.

    Returns:
        The executed copy.

    Raises:
        InputError: the parameters are not the notebook's, a cell failed or never ran, or the kernel ended; the message
            names the cell and the copy.
    """
    known = papermill.inspect_notebook(str(notebook))
    if set(known) != set(parameters):
        odd = ", ".join(sorted(set(known).symmetric_difference(parameters)))
        raise InputError(f"{notebook.name} and the parameters given disagree about {odd}.")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / notebook.name
    with _Progress(notebook.stem) as progress, _headless():
        try:
            papermill.execute_notebook(
                str(notebook),
                str(target),
                parameters,
                kernel_name="python3",
                progress_bar=False,
                log_output=False,
                stdout_file=progress,
                cwd=str(paths.ROOT),
                execution_timeout=CELL_TIMEOUT,
                config=_PRIVATE_KERNEL,
            )
        except PapermillExecutionError as error:
            reason = f"{error.ename}: {error.evalue}".splitlines()[0].removesuffix(": ")
            raise InputError(
                f"{notebook.name} failed in cell {error.exec_count}: {reason}; its executed copy is "
                f"{target}, results so far are kept, and the next call goes on from there."
            ) from error
        except DeadKernelError as error:  # nbclient ends the kernel on Ctrl-C, so both look the same from here
            raise InputError(
                f"{notebook.name} was stopped: by Ctrl-C, or its kernel was ended by the system, as happens when memory "
                "runs out. Results so far are kept, and the next call goes on from there."
            ) from error
        except (RuntimeError, KeyError, FileNotFoundError, PermissionError) as error:
            if getattr(error, "filename", None) == str(target):  # the copy cannot be written
                raise
            reason = " ".join(str(error).split())
            raise InputError(f"{notebook.name}: no kernel could be started ({reason}); call `make setup`.") from error
    unrun = [c for c in nbformat.read(target, 4).cells if c.cell_type == "code" and c.source and not c.execution_count]
    if unrun:
        raise InputError(f"{notebook.name} stopped before {unrun[0].source.splitlines()[0]!r}; see {target}.")
    return target


@contextmanager
def _alone(folder: Path, what: str) -> Iterator[None]:
    """One series at a time writes to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with storage.locked(folder / ".lock", f"Another series {what}"):
        yield


@contextmanager
def _headless() -> Iterator[None]:
    """Tell the kernels started inside that nobody moves their sliders: explorers are figures there."""
    before = os.environ.get("TINYIMAGE_HEADLESS")
    os.environ["TINYIMAGE_HEADLESS"] = "1"
    try:
        yield
    finally:
        os.environ.pop("TINYIMAGE_HEADLESS")
        if before is not None:
            os.environ["TINYIMAGE_HEADLESS"] = before


class _Progress:
    """Shows what a running notebook prints: a live bar on a terminal, plain lines elsewhere."""

    def __init__(self, name: str) -> None:
        self.name = name
        columns = (BarColumn(20), TextColumn("{task.description}"), TimeElapsedColumn())
        self.bar = Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> "_Progress":
        self.started = time.perf_counter()
        self.is_live = self.bar.console.is_terminal
        if self.is_live:
            self.task = self.bar.add_task(self.name, total=None)
            self.bar.start()
        else:
            print(f"{self.name}: started", flush=True)
        return self

    def __exit__(self, *error: object) -> None:
        if self.is_live:
            self.bar.stop()
        took = duration(time.perf_counter() - self.started)
        print(f"{self.name}: {'failed' if error[0] else 'done'} after {took}", flush=True)

    def write(self, text: str) -> None:
        for line in filter(None, text.splitlines()):
            if not self.is_live:
                print(f"{self.name}: {line}", flush=True)
                continue
            epoch = re.search(r"epoch (\d+)/(\d+)", line)
            done, total = map(int, epoch.groups()) if epoch else (None, None)
            self.bar.update(self.task, description=f"{self.name}: {line}", completed=done, total=total)

    def flush(self) -> None:
        """For papermill, which flushes what it writes to."""


def newest_profile() -> str:
    """The profile whose notebooks ran last.

    Raises:
        InputError: none has run.
    """
    found = sorted(paths.runs().glob("*/notebooks/*.ipynb"), key=lambda file: file.stat().st_mtime)
    if not found:
        raise InputError("No notebook has been run yet; call `make report` first.")
    return found[-1].parent.parent.name


def build_html(profile: str, figures: Path | None = None) -> Path:
    """Build the HTML report from the executed notebooks of a profile; see `site.build`."""
    paths.BUILD.mkdir(parents=True, exist_ok=True)
    with storage.locked(paths.BUILD / ".lock", "Another process builds the HTML report"):
        page = site.build(executed_folder(profile), NOTEBOOKS, profile, figures)
    print(f"HTML report: {paths.shown(page)}", flush=True)
    return page


def main(command: object = app) -> None:
    """Run the command line; what ends it is one sentence on stderr and status 2, or 130 after Ctrl-C."""
    try:
        command()
    except InputError as error:
        _complain(error)
    except OSError as error:  # a full disk, a folder that nobody may write to
        where = f" at {error.filename}" if error.filename else ""
        reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
        hint = "make room or name other folders, and " if error.errno in _NO_PLACE else ""
        _complain(f"{reason}{where}; {hint}the next call goes on from there.")
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            _complain("stopped by Ctrl-C; results so far are kept, and the next call goes on from there.", ended.code)
        raise


def _complain(problem: object, status: int = 2) -> NoReturn:
    if "--traceback" in sys.argv:
        traceback.print_exc()
    print(f"Error: {problem}", file=sys.stderr)
    raise SystemExit(status) from None


if __name__ == "__main__":
    main()
