import errno
import pickle
import socket
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format
from processes import start
from sources import flip

from helpers.config.demo_data import PRETRAINING
from helpers.core import paths, provenance, storage
from helpers.core.errors import InputError
from helpers.models import weights
from helpers.models.weights import find_weights

FILE = weights.IMAGENET_URL.rsplit("/", 1)[-1]


def mobilenet(width):
    keras.utils.set_random_seed(0)
    return keras.applications.MobileNetV2((224, 224, 3), width, include_top=False, weights=None)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder with weights of the full width in the old format, as Keras publishes them."""
    folder = tmp_path_factory.mktemp("served")
    with h5py.File(folder / FILE, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, mobilenet(1.0))
    return folder


@pytest.fixture(autouse=True)
def keras_home(tmp_path, monkeypatch):
    """Downloads go here, and nothing that was downloaded before is found."""
    home = tmp_path / "keras"
    home.mkdir()
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(home))
    return home


def test_the_demo_has_weights_of_its_own():
    found = find_weights("", is_demo=True)
    assert found.file == paths.DEMO_WEIGHTS and found.width == PRETRAINING.width
    assert found.sha256 == provenance.file_hash(paths.DEMO_WEIGHTS)
    assert "procedural" in found.origin


@pytest.mark.parametrize(("is_demo", "width"), [(True, PRETRAINING.width), (False, 1.0)])
def test_none_must_be_asked_for_and_says_so(is_demo, width):
    found = find_weights("none", is_demo)
    assert (found.file, found.sha256, found.width) == (None, "", width)
    assert found.origin.startswith("none")


@pytest.mark.parametrize("is_demo", [True, False])
def test_a_missing_file_is_named(is_demo, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.h5.*WEIGHTS.*`imagenet` or `none`"):
        find_weights(str(tmp_path / "nowhere.h5"), is_demo)


def test_a_folder_is_no_weights_file(tmp_path):
    with pytest.raises(InputError, match="no weights file"):
        find_weights(str(tmp_path), is_demo=False)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_a_file_of_another_width_does_not_fit():
    with pytest.raises(InputError, match=rf"{paths.DEMO_WEIGHTS.name} does not hold.*alpha 1\.0.*WEIGHTS=<file>"):
        find_weights(str(paths.DEMO_WEIGHTS), is_demo=False)


@pytest.mark.parametrize("name", ["odd.h5", "odd.weights.h5", "odd.txt"])
def test_a_file_of_something_else_does_not_fit(name, tmp_path):
    (tmp_path / name).write_bytes(b"no weights" * 100)
    with pytest.raises(InputError, match=rf"{name} does not hold.*WEIGHTS=<file>"):
        find_weights(str(tmp_path / name), is_demo=False)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
@pytest.mark.parametrize("network", ["dense", "convolution", "half"])
def test_weights_of_another_network_do_not_fit(network, tmp_path):
    base = mobilenet(1.0)
    networks = {
        "dense": lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]),
        "convolution": lambda: keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Conv2D(32, 3, use_bias=False)]),
        "half": lambda: keras.Model(base.input, base.get_layer("block_8_add").output),
    }
    networks[network]().save_weights(tmp_path / "odd.weights.h5")
    with pytest.raises(InputError, match=r"odd\.weights\.h5 does not hold"):
        find_weights(str(tmp_path / "odd.weights.h5"), is_demo=False)


def test_a_user_s_file_is_named_by_its_file_name(served):
    found = find_weights(str(served / FILE), is_demo=False)
    assert found.origin == f"file {FILE}" and found.width == 1.0
    assert found.sha256 == provenance.file_hash(served / FILE)


@pytest.mark.parametrize("name", ["renamed.weights.h5", "renamed.h5", "renamed"])
@pytest.mark.parametrize("source", ["older format", "Keras 3"])
def test_the_format_is_read_from_the_content(source, name, served, tmp_path):
    if source == "Keras 3":
        mobilenet(1.0).save_weights(tmp_path / "base.weights.h5")
        (tmp_path / "base.weights.h5").rename(tmp_path / name)
    else:
        (tmp_path / name).write_bytes((served / FILE).read_bytes())
    assert find_weights(str(tmp_path / name), is_demo=False).file == tmp_path / name
    base = keras.applications.MobileNetV2((64, 64, 3), include_top=False, weights=None)
    weights.load_weights(base, tmp_path / name)
    assert np.array_equal(base.get_weights()[0], mobilenet(1.0).get_weights()[0])


def test_a_file_that_another_program_writes_is_not_called_damaged(served, tmp_path):
    file = tmp_path / FILE
    file.write_bytes((served / FILE).read_bytes())
    code = f"import h5py; file = h5py.File({str(file)!r}, 'r+'); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        with pytest.raises(InputError, match=rf"Another program has .*{FILE} open for writing"):
            find_weights(str(file), is_demo=False)
        writer.kill()
    assert find_weights(str(file), is_demo=False).width == 1.0


def test_weights_on_a_mount_without_locks_are_read(served, no_locks):
    code = f"from helpers.models.weights import find_weights; print(find_weights({str(served / FILE)!r}, False).sha256)"
    ended = start("-c", code, **no_locks(served)).communicate(timeout=300)[0]
    assert ended.strip() == provenance.file_hash(served / FILE)


def test_a_file_that_may_not_be_read_is_no_matter_of_space(served, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(provenance, "file_hash", refuse)
    with pytest.raises(InputError, match="may not read; make it readable"):
        find_weights(str(served / FILE), is_demo=False)


@pytest.mark.parametrize("name", ["", "imagenet"])
def test_real_data_fetch_imagenet_and_announce_it(name, served, serve, keras_home, capsys):
    url = f"{serve(served)}/{FILE}"
    found = find_weights(name, is_demo=False, url=url)
    assert found.origin == "ImageNet (Keras)" and found.width == 1.0
    assert found.file.is_relative_to(keras_home)
    assert found.sha256 == provenance.file_hash(served / FILE)
    assert url in capsys.readouterr().out


def test_what_was_fetched_is_not_fetched_again(served, serve, tmp_path):
    url = f"{serve(served)}/{FILE}"
    first = find_weights("imagenet", is_demo=False, url=url)
    again = find_weights("imagenet", is_demo=False, url=f"{serve(tmp_path)}/{FILE}")
    assert again == first


def unreachable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/{FILE}"


@pytest.mark.parametrize("name", ["", "imagenet"])
def test_an_unreachable_server_is_an_error_that_says_what_to_do(name, keras_home):
    with pytest.raises(InputError, match=r"cannot be fetched.*WEIGHTS=<file>.*WEIGHTS=none"):
        find_weights(name, is_demo=False, url=unreachable())
    assert not [file for file in keras_home.rglob("*") if file.is_file()]


def test_a_missing_page_is_an_error_that_says_what_to_do(serve, tmp_path, keras_home):
    with pytest.raises(InputError, match=r"cannot be fetched.*404"):
        find_weights("imagenet", is_demo=False, url=f"{serve(tmp_path)}/{FILE}")
    assert not [file for file in keras_home.rglob("*") if file.is_file()]


def test_a_bad_download_is_not_kept(served, serve, tmp_path):
    (tmp_path / FILE).write_text("<html>Please log in</html>")
    with pytest.raises(InputError, match="does not hold"):
        find_weights("imagenet", is_demo=False, url=f"{serve(tmp_path)}/{FILE}")
    assert find_weights("imagenet", is_demo=False, url=f"{serve(served)}/{FILE}").width == 1.0


def test_a_file_that_keras_fetched_before_is_used(served, keras_home):
    (keras_home / "models").mkdir()
    (keras_home / "models" / FILE).write_bytes((served / FILE).read_bytes())
    assert find_weights("imagenet", is_demo=False, url=unreachable()).width == 1.0


class TouchesWhenLoaded:
    """A pickle that leaves a file behind where anybody loads it."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return open, (self.trace, "w")


def whole_model_with_code(file, trace):
    lambda_layer = keras.layers.Lambda(lambda x: open(trace, "w") and x)  # noqa: PTH123, SIM115
    keras.Sequential([keras.Input((3,)), lambda_layer]).save(file.with_suffix(".keras"))
    file.with_suffix(".keras").rename(file)


def pickled(file, trace):
    file.write_bytes(pickle.dumps(TouchesWhenLoaded(trace)))


def objects_in_numpy(file, trace):
    with file.open("wb") as stream:
        np.savez(stream, weights=np.array([TouchesWhenLoaded(trace)], object))


@pytest.mark.parametrize("name", ["odd.keras", "odd.h5", "odd.weights.h5", "odd.npz", "odd.pkl"])
@pytest.mark.parametrize("make", [whole_model_with_code, pickled, objects_in_numpy])
def test_files_that_can_hold_code_are_refused_and_not_run(make, name, tmp_path):
    trace = tmp_path / "trace"
    make(tmp_path / name, str(trace))
    trace.unlink(missing_ok=True)  # building the Lambda layer runs it
    with pytest.raises(InputError, match=rf"{name} does not hold weights in HDF5.*cannot hold code.*WEIGHTS=<file>"):
        find_weights(str(tmp_path / name), is_demo=False)
    assert not trace.exists()


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_that_lie_in_another_file_are_refused(served, tmp_path):
    with h5py.File(served / FILE) as good, h5py.File(tmp_path / "odd.weights.h5", "w") as file:
        file["layers"] = h5py.ExternalLink(str(served / FILE), "/")
        assert len(good)
    with pytest.raises(InputError, match=r"odd\.weights\.h5 does not hold"):
        find_weights(str(tmp_path / "odd.weights.h5"), is_demo=False)


def test_the_hash_of_a_download_is_noted_at_first_use(served, serve):
    found = find_weights("imagenet", is_demo=False, url=f"{serve(served)}/{FILE}")
    assert storage.checksum_file(found.file).read_text() == f"{found.sha256}  {FILE}\n"
    assert find_weights("imagenet", is_demo=False, url=unreachable()) == found


def test_a_download_that_has_changed_since_is_refused(served, serve):
    found = find_weights("imagenet", is_demo=False, url=f"{serve(served)}/{FILE}")
    flip(found.file)
    with pytest.raises(InputError, match=rf"changed since it was used first.*{found.file.name}\.sha256"):
        find_weights("imagenet", is_demo=False, url=unreachable())
    found.file.unlink()
    storage.checksum_file(found.file).unlink()
    assert find_weights("imagenet", is_demo=False, url=f"{serve(served)}/{FILE}") == found


def test_a_user_s_file_gets_no_note(served):
    find_weights(str(served / FILE), is_demo=False)
    assert not storage.has_checksum(served / FILE)


def test_a_hash_that_the_user_names_is_demanded(served, serve, monkeypatch):
    url, file = f"{serve(served)}/{FILE}", str(served / FILE)
    monkeypatch.setenv("TINYIMAGE_WEIGHTS_SHA256", provenance.file_hash(served / FILE).upper())
    assert find_weights(file, is_demo=False).sha256 == find_weights("imagenet", is_demo=False, url=url).sha256
    monkeypatch.setenv("TINYIMAGE_WEIGHTS_SHA256", "0" * 64)
    for name in (file, "imagenet"):
        with pytest.raises(InputError, match=r"SHA-256 [0-9a-f]{64}, not 0{64} as WEIGHTS_SHA256 says"):
            find_weights(name, is_demo=False, url=url)
