"""One notebook through papermill, in a process of its own: `python -m helpers.runner.execute`.

The process reads what to run as JSON from standard input and writes its progress to standard output, one JSON object a line;
see `run_notebook` for what they hold. Its exit status is 0, or 2 after an object `{"error": <sentence>}`.
"""

import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from helpers.core import paths
from helpers.core.errors import InputError, explain
from helpers.runner.notebooks import headings

CELL_TIMEOUT = 24 * 3600  # seconds; a full training is one cell
_SOCKETS = f"tinyimage-kernel-{os.getuid()}-"
_LONGEST_SOCKET_FOLDER = 50  # characters: the whole path of a socket may have 103 on macOS, 107 on Linux

Event = dict[str, Any]


def run_notebook(
    notebook: Path,
    folder: Path,
    parameters: dict[str, str | int],
    tell: Callable[[Event], None] = lambda event: None,
) -> Path:
    """Run one notebook. Its executed copy appears when it is complete and then replaces the copy of an earlier run.

    Until then, and where the notebook fails or is interrupted, the copy is in the folder `incomplete` beside it.

    Args:
        notebook: the source.
        folder: for the executed copy.
        parameters: values of its parameters cell; exactly its names.
        tell: gets an event `{"line": <text>}` for each line that the notebook prints, and
            `{"cell": <number>, "heading": <of the section>}` when a code cell starts.

    Returns:
        The executed copy.

    Raises:
        InputError: the parameters are not the notebook's, a cell failed or never ran, or the kernel ended; the message
            names the cell and the copy.
    """
    declared = papermill.inspect_notebook(str(notebook))
    if set(declared) != set(parameters):
        names = ", ".join(sorted(set(declared).symmetric_difference(parameters)))
        raise InputError(f"{notebook.name} and the parameters given disagree about {names}.")
    target, copy = folder / notebook.name, folder / paths.INCOMPLETE / notebook.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    listener = _Listener(tell)
    with _headless(), _kernel_settings() as settings:
        try:
            papermill.execute_notebook(
                str(notebook),
                str(copy),
                parameters,
                kernel_name="python3",
                progress_bar=False,
                log_output=False,
                stdout_file=listener,
                on_cell_start=listener.cell_starts,
                cwd=str(paths.ROOT),
                execution_timeout=CELL_TIMEOUT,
                config=settings,
            )
        except PapermillExecutionError as error:
            reason = f"{error.ename}: {error.evalue}".splitlines()[0].removesuffix(": ")
            raise InputError(
                f"{notebook.name} failed in cell {error.exec_count}: {reason}; its executed copy is "
                f"{copy}, results so far are kept, and the next call resumes from there."
            ) from error
        except DeadKernelError as error:
            raise InputError(
                f"{notebook.name} was stopped: its kernel was ended by the system, as happens when memory runs out. "
                "Results so far are kept, and the next call resumes from there."
            ) from error
        except (RuntimeError, KeyError, FileNotFoundError, PermissionError) as error:
            if getattr(error, "filename", None) == str(copy):  # the copy cannot be written
                raise
            reason = " ".join(str(error).split())
            raise InputError(f"{notebook.name}: no kernel could be started ({reason}); call `make setup`.") from error
    cells = nbformat.read(copy, 4).cells
    not_run = [cell for cell in cells if cell.cell_type == "code" and cell.source and not cell.execution_count]
    if not_run:
        raise InputError(f"{notebook.name} stopped before {not_run[0].source.splitlines()[0]!r}; see {copy}.")
    copy.replace(target)
    return target


class _Listener:
    """Turns what papermill and nbclient report into events."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self.tell = tell
        self.number, self.heading = 0, ""

    def cell_starts(self, cell: nbformat.NotebookNode, cell_index: int) -> None:
        """Called by nbclient before every cell, prose included."""
        if cell.cell_type == "code":
            self.number += 1
            self.tell({"cell": self.number, "heading": self.heading})
        elif found := headings(cell.source):
            self.heading = found[-1]

    def write(self, text: str) -> None:
        """Called by papermill with what the notebook prints."""
        for line in filter(None, text.splitlines()):
            self.tell({"line": line})

    def flush(self) -> None:
        """Called by papermill after `write`."""


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


@contextmanager
def _kernel_settings() -> Iterator[Config]:
    """Settings of a kernel whose sockets only this user can open, in a temporary folder that goes with it.

    TCP would be open to every user of the machine, and the kernel warns of it. Folders of processes that were killed go as well.
    """
    parent = tempfile.gettempdir()
    if len(parent) > _LONGEST_SOCKET_FOLDER:
        parent = "/tmp"
    for folder in Path(parent).glob(f"{_SOCKETS}*"):
        if not _is_alive(int(folder.name.split("-")[3])):
            shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{_SOCKETS}{os.getpid()}-", dir=parent) as folder:
        yield Config(KernelManager={"transport": "ipc", "ip": f"{folder}/kernel"})


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except OSError:
        return False
    return True


def _print_event(event: Event) -> None:
    print(json.dumps(event), flush=True)


def main() -> None:
    """Run the notebook that standard input asks for."""
    task = json.load(sys.stdin)
    try:
        run_notebook(Path(task["notebook"]), Path(task["folder"]), task["parameters"], _print_event)
    except (InputError, OSError) as error:
        if "--traceback" in sys.argv:
            traceback.print_exc()
        _print_event({"error": explain(error)})
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
