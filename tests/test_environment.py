import ast
import gc
import json
import platform
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
import yaml
from packaging.specifiers import SpecifierSet

from helpers.core import paths


def pyproject():
    return tomllib.loads((paths.ROOT / "pyproject.toml").read_text())


def direct_dependencies():
    """Names of the packages of every group."""
    project, groups = pyproject()["project"], pyproject()["dependency-groups"]
    lists = [project["dependencies"], *project["optional-dependencies"].values(), *groups.values()]
    return {name_of(requirement) for requirements in lists for requirement in requirements}


def name_of(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-")


def locked():
    lines = (paths.ROOT / "requirements.lock").read_text().splitlines()
    return {name_of(line) for line in lines if "==" in line}


def test_the_lock_has_every_dependency_with_a_hash():
    assert direct_dependencies() <= locked()
    text = (paths.ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)


def test_conda_users_get_the_same_lock_and_no_list_of_their_own():
    environment = yaml.safe_load((paths.ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-r requirements.lock"]}
    assert conda == [f"python {pyproject()['project']['requires-python']}", "pip"]


def test_the_notebooks_packages_are_direct_dependencies():
    assert {"tensorflow", "jupyterlab", "papermill", "matplotlib", "seaborn", "pandas"} <= direct_dependencies()


def test_tools_of_development_are_no_runtime_dependencies():
    runtime = {name_of(requirement) for requirement in pyproject()["project"]["dependencies"]}
    assert runtime.isdisjoint({"pytest", "ruff", "mypy", "hypothesis", "playwright", "uv"})


def test_licence_and_citation_name_the_contributors_and_the_report():
    citation = yaml.safe_load((paths.ROOT / "CITATION.cff").read_text())
    assert citation["authors"] == [{"name": "TinyImage report series contributors"}]
    assert citation["references"][0]["authors"][0]["family-names"] == "Kran"
    assert "TinyImage report series contributors" in (paths.ROOT / "LICENSE").read_text()


def test_zenodo_and_the_citation_agree():
    citation = yaml.safe_load((paths.ROOT / "CITATION.cff").read_text())
    deposit = json.loads((paths.ROOT / ".zenodo.json").read_text())
    assert {name: deposit[name] for name in ("title", "version", "license")} == {
        name: citation[name] for name in ("title", "version", "license")
    }
    assert deposit["creators"] == citation["authors"]
    assert deposit["upload_type"] == citation["type"]
    [reproduced] = deposit["related_identifiers"]
    assert reproduced["identifier"] == citation["references"][0]["repository-code"]
    project = pyproject()["project"]
    assert (deposit["version"], deposit["description"]) == (project["version"], project["description"])


# Packages that nothing imports, and where they are asked for instead.
ASKED_FOR_BY_NAME = {
    "anywidget": ("helpers/explore/widgets.py", "go.FigureWidget("),  # plotly needs it there
    "backports-strenum": ("pyproject.toml", "ai-edge-litert>="),  # which wants it
    "bokeh": ("helpers/cluster/sweep.py", "client.dashboard_link"),  # distributed shows its dashboard with it
    "import-linter": ("Makefile", "lint-imports"),
    "mypy": ("Makefile", "mypy"),
    "nbstripout": (".pre-commit-config.yaml", "nbstripout"),
    "uv": ("helpers/core/environment.py", 'locked_entry("uv")'),
    "furo": ("helpers/report/site.py", '"html_theme": "furo"'),
    "jupyterlab": ("Makefile", "jupyter lab"),
    "myst-nb": ("helpers/report/site.py", '"myst_nb"'),
    "pytest-timeout": ("pyproject.toml", "timeout = "),
    "pytest-xdist": ("pyproject.toml", "--numprocesses 2"),
    "ruff": ("Makefile", "ruff check"),
    "setuptools": ("pyproject.toml", 'build-backend = "setuptools'),
    "tensorboard": ("Makefile", "tensorboard --logdir"),
    "tf2onnx": ("helpers/models/conversion.py", 'format="onnx"'),  # Keras calls it
}


def sources_of(*folders):
    files = [file for folder in folders for file in (paths.ROOT / folder).rglob("*.py")]
    notebooks = [nbformat.read(file, 4) for file in paths.NOTEBOOKS.glob("*.ipynb")]
    cells = ["\n".join(c.source for c in notebook.cells if c.cell_type == "code") for notebook in notebooks]
    return [file.read_text() for file in files] + cells


def imported(texts):
    """Top-level names of what the texts import."""
    gc.disable()  # in Python 3.11, what runs when garbage is collected within `ast.parse` may upset its count of recursions
    nodes = [node for text in texts for node in ast.walk(ast.parse(text))]
    gc.enable()
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.split(".")[0] for name in names}


def packages_of(modules):
    """Distributions that third-party modules come from, by module."""
    own = {path.stem for path in (paths.ROOT / "tests").glob("*.py")} | {"helpers", "benchmarks"}
    known = packages_distributions()
    return {m: {name_of(p) for p in known[m]} for m in modules - own - sys.stdlib_module_names}


def test_tensorboard_starts_with_the_packages_of_the_lock():
    version = [str(Path(sys.executable).with_name("tensorboard")), "--version"]
    assert re.fullmatch(
        r"\d+\.\d+\.\d+", subprocess.run(version, capture_output=True, text=True, check=True).stdout.split()[-1]
    )


def test_every_import_is_declared():
    declared = direct_dependencies()
    packages = packages_of(imported(sources_of("helpers", "benchmarks", "tests")))
    assert {module for module, names in packages.items() if not names & declared} == set()


def test_every_declared_dependency_is_used():
    declared = direct_dependencies()
    packages = packages_of(imported(sources_of("helpers", "benchmarks", "tests")))
    assert declared - set().union(*packages.values()) == set(ASKED_FOR_BY_NAME)
    for file, text in ASKED_FOR_BY_NAME.values():
        assert text in (paths.ROOT / file).read_text()


def test_nothing_is_loaded_that_can_run_code():
    """Networks are loaded in Keras' safe mode, arrays without pickled objects, nothing through pickle, eval or exec."""
    texts = sources_of("helpers", "benchmarks")
    assert imported(texts).isdisjoint({"pickle", "marshal", "shelve", "joblib", "dill", "torch"})
    nodes = [node for text in texts for node in ast.walk(ast.parse(text))]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    names = {call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "") for call in calls}
    assert "load_model" in names  # or this test looks at nothing
    assert names.isdisjoint({"eval", "exec", "read_pickle", "enable_unsafe_deserialization"})
    options = {(keyword.arg, getattr(keyword.value, "value", None)) for call in calls for keyword in call.keywords}
    assert options.isdisjoint({("safe_mode", False), ("allow_pickle", True), ("shell", True)})


def test_photographs_are_taken_out_of_a_saved_notebook(tmp_path):
    committed = paths.NOTEBOOKS / "02_shallow_cnn.ipynb"
    notebook = nbformat.read(committed, 4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    cell.outputs, cell.execution_count = [nbformat.v4.new_output("display_data", {"image/png": "aGk="})], 1
    nbformat.write(notebook, tmp_path / committed.name)
    hooks = yaml.safe_load((paths.ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    [options] = [hook["args"] for repository in hooks for hook in repository["hooks"] if hook["id"] == "nbstripout"]
    subprocess.run([sys.executable, "-m", "nbstripout", *options, tmp_path / committed.name], check=True)
    assert nbformat.read(tmp_path / committed.name, 4) == nbformat.read(committed, 4)
    assert f"nbstripout {' '.join(options)} notebooks/*.ipynb" in (paths.ROOT / "CONTRIBUTING.md").read_text()


def test_every_test_that_the_page_on_reliability_names_is_there():
    named = re.findall(r"`(test_\w+)`", (paths.DOCS / "reliability.md").read_text())
    tests = "".join(file.read_text() for file in (paths.ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 40
    assert [name for name in named if f"def {name}(" not in tests] == []


def test_every_package_says_that_it_is_for_this_python():
    """uv overlooks an upper bound of `Requires-Python`; pip, which installs where uv cannot, refuses the whole lock for it."""
    here = platform.python_version()
    bounds = {package.name: package.metadata.get("Requires-Python") for package in metadata.distributions()}
    assert [name for name, bound in bounds.items() if bound and here not in SpecifierSet(bound)] == []
