import os
import subprocess
import sys

import pytest

from helpers.core import paths, provenance, tensorflow

ROOMS = ("core.tensorflow", "data.batches", "models.architecture", "training.fit", "analysis.costs", "explore.views")
ENABLED = "from tensorflow.python.util import _pywrap_util_port as port; print(port.IsMklEnabled())"


def onednn_after_importing(module, **setting):
    """What TensorFlow itself says of oneDNN in a fresh process."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"} | setting
    program = f"import helpers.{module}; {ENABLED}"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=paths.ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip() == "True"


@pytest.mark.skipif("avx2" not in provenance.instruction_sets(), reason="the rule is for processors with AVX2")
@pytest.mark.parametrize("module", ROOMS)
def test_onednn_is_on_whichever_module_loads_tensorflow(module):
    assert onednn_after_importing(module)


def test_a_setting_of_the_user_wins():
    assert not onednn_after_importing("core.tensorflow", TF_ENABLE_ONEDNN_OPTS="0")


@pytest.mark.parametrize(("sets", "setting"), [(["avx2", "fma"], "1"), (["avx2", "avx512f"], "1"), ([], None)])
def test_onednn_is_switched_on_by_avx2(sets, setting, monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    monkeypatch.setattr(provenance, "instruction_sets", lambda: sets)
    tensorflow.enable_onednn()
    assert os.environ.pop("TF_ENABLE_ONEDNN_OPTS", None) == setting
