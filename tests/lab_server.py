"""A JupyterLab of its own, and notebooks run in it as a reader runs them."""

import json
import os
import secrets
import socket
import subprocess
import sys
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from helpers.core import paths

TOKEN = secrets.token_hex()
SECONDS = 120  # for what may wait for a kernel that starts, TensorFlow included


@contextmanager
def lab(folder, own):
    """Address of a JupyterLab that shows `folder`, and keeps what is its own in `own`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", f"--notebook-dir={folder}"]
    with (own / "log").open("w") as log:
        process = subprocess.Popen(command, env=_own_settings(own), stdout=log, stderr=log)
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        process.wait(30)


def open_and_run(chromium, server, notebook):
    """A page with a notebook of a JupyterLab after a click on Run All; it notes `errors` and what was `requested`."""
    page = chromium.new_page(viewport={"width": 1400, "height": 1300})
    page.set_default_timeout(SECONDS * 1000)
    expect.set_options(timeout=SECONDS * 1000)
    page.requested, page.errors = [], []
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    _wait_for(server, page)
    page.goto(f"{server}/lab/tree/{notebook}?token={TOKEN}&reset")  # no notebook but this one
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    return page


def _own_settings(folder):
    """Environment of a JupyterLab that neither reads nor changes the user's settings."""
    settings = {
        # Else it asks another host, and the user a question.
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        # Else cells outside the window are not on the page.
        "notebook-extension/tracker": {"windowingMode": "none"},
    }
    for name, values in settings.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))
    own = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "RUNTIME")}
    own |= {f"JUPYTERLAB_{name.upper()}_DIR": str(folder / name) for name in ("settings", "workspaces")}
    kept = {name: value for name, value in os.environ.items() if name != "TINYIMAGE_HEADLESS"}
    return kept | own | {"PYTHONPATH": str(paths.ROOT)}


def _wait_for(server, page):
    for _ in range(SECONDS * 2):
        try:
            urlopen(f"{server}/api")
            return
        except URLError:
            page.wait_for_timeout(500)
    pytest.fail(f"JupyterLab did not answer within {SECONDS} seconds")
