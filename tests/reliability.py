"""Keep what torture, fuzzing and the corpus of bad sources have counted, where the README takes it from.

Called by hand (`make hostile`), it counts the bad sources that the tests refuse or read right; called with a kind and counts as
JSON, it keeps those. The numbers of the README follow.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from helpers.core import paths, provenance, storage
from helpers.report import generated

# Tests by what each of their cases is: a bad source in some way.
_CASES = {
    "refused": "test_a_bad_source_is_refused_in_one_sentence_and_leaves_nothing",
    "tolerated": "test_an_odd_source_opens_and_is_right",
}


def keep(kind: str, counts: dict[str, object]) -> None:
    """Write counts of one kind, with date and code version, and the README from them; those of other kinds stay."""
    file = generated.reliability_file()
    kept = json.loads(file.read_text()) if file.exists() else {}
    origin = {"date": provenance.utc_now()[:10], "code_version": provenance.code_version()}
    storage.write_json(file, dict(sorted((kept | {kind: counts | origin}).items())))
    generated.update()


def count_bad_sources() -> dict[str, int]:
    """Give every bad source of the corpus to the project once, as the tests do.

    Returns:
        `tried`, and `refused` and `tolerated` as they should be; the rest of those tried failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        tests = [f"tests/test_hostile.py::{test}" for test in _CASES.values()]
        subprocess.run([sys.executable, "-m", "pytest", f"--junitxml={report}", *tests], cwd=paths.ROOT, check=False)
        cases = list(ElementTree.parse(report).iter("testcase"))
    passed = [re.sub(r"\[.*", "", case.get("name")) for case in cases if not len(case)]
    return {"tried": len(cases)} | {kind: passed.count(test) for kind, test in _CASES.items()}


if __name__ == "__main__":
    if sys.argv[1:]:
        keep(sys.argv[1], json.loads(sys.argv[2]))
        raise SystemExit
    counts = count_bad_sources()
    keep("bad_inputs", counts)
    print(json.dumps(counts))
    raise SystemExit(counts["refused"] + counts["tolerated"] < counts["tried"])
