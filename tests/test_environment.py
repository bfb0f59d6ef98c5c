import re
import tomllib

import yaml

from helpers import paths


def project():
    return tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]


def name_of(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-")


def locked():
    lines = (paths.ROOT / "requirements.lock").read_text().splitlines()
    return {name_of(line) for line in lines if "==" in line}


def test_the_lock_has_every_dependency_with_a_hash():
    assert {name_of(requirement) for requirement in project()["dependencies"]} <= locked()
    text = (paths.ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)


def test_conda_users_get_the_same_lock_and_no_list_of_their_own():
    environment = yaml.safe_load((paths.ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-r requirements.lock"]}
    assert conda == [f"python {project()['requires-python']}", "pip"]


def test_packages_of_the_mission_are_direct_dependencies():
    direct = {name_of(requirement) for requirement in project()["dependencies"]}
    assert {"tensorflow", "jupyterlab", "papermill", "matplotlib", "seaborn", "pandas"} <= direct


def test_the_makefile_checks_the_same_versions_of_python():
    assert project()["requires-python"] == ">=3.11,<3.14"
    assert "(3, 11) <= v[:2] <= (3, 13)" in (paths.ROOT / "Makefile").read_text()


def test_licence_and_citation_name_the_contributors_and_the_report():
    citation = yaml.safe_load((paths.ROOT / "CITATION.cff").read_text())
    assert citation["authors"] == [{"name": "TinyImage report series contributors"}]
    assert citation["references"][0]["authors"][0]["family-names"] == "Kran"
    assert "TinyImage report series contributors" in (paths.ROOT / "LICENSE").read_text()
