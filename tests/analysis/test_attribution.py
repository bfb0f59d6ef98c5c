import keras
import numpy as np
import pytest
from fake_runs import write_run
from keras import layers

from helpers.analysis import attribution
from helpers.models import architecture
from helpers.training import fit

IMAGES = np.zeros((3, 64, 64, 3), np.uint8)
IMAGES[0, 8:16, 40:48] = 255  # a white square in the upper right
IMAGES[1] = 7


@pytest.fixture
def bright_or_not():
    """Class 0 for what is white somewhere, class 1 against it."""
    pixels = keras.Input((64, 64, 3), name="pixels")
    x = layers.Conv2D(2, 1, name="conv")(layers.Rescaling(1 / 255)(pixels))
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(pixels, layers.Dense(2, name=architecture.LOGITS)(x))
    model.get_layer("conv").set_weights([np.array([[1, 0]] * 3, np.float32)[None, None], np.zeros(2, np.float32)])
    model.get_layer(architecture.LOGITS).set_weights([np.array([[1, -1], [0, 0]], np.float32), np.zeros(2, np.float32)])
    return model


def test_grad_cam_finds_the_place_that_speaks_for_a_class(bright_or_not):
    maps = attribution.grad_cam(bright_or_not, IMAGES, np.array([0, 0, 0]))
    assert maps.shape == (3, 64, 64)
    assert np.unravel_index(maps[0].argmax(), (64, 64)) == (8, 40)
    assert maps[0].max() == 1
    assert maps[0, 30:, :30].max() == 0


def test_what_speaks_against_a_class_is_not_shown(bright_or_not):
    assert attribution.grad_cam(bright_or_not, IMAGES[:1], np.array([1])).max() == 0


def test_the_last_maps_of_a_network(bright_or_not):
    assert attribution.last_maps(bright_or_not) == "conv"


def test_rank_correlation_sees_order_only():
    first = np.random.default_rng(0).random((3, 5, 5))
    second = np.stack([np.exp(first[0]), -first[1], np.ones((5, 5))])
    found = attribution.rank_correlation(first, second)
    assert found[:2] == pytest.approx([1, -1])
    assert np.isnan(found[2])


def test_random_weights_keep_the_architecture(bright_or_not):
    random = attribution.with_random_weights(bright_or_not, 0)
    assert random.count_params() == bright_or_not.count_params()
    assert not np.allclose(random.get_weights()[0], bright_or_not.get_weights()[0])


def test_the_sanity_check_tells_a_map_that_ignores_the_weights(bright_or_not, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    other = attribution.sanity_check({"a": bright_or_not}, noise, 0)
    monkeypatch.setattr(attribution, "with_random_weights", lambda model, seed: model)
    same = attribution.sanity_check({"a": bright_or_not}, noise, 0)
    assert same[["network", "n", "similarity", "empty"]].iloc[0].tolist() == ["a", 4, pytest.approx(1), 0]
    assert other["similarity"].iloc[0] < 0.99


def test_nearest_goes_by_angle():
    embedded = np.array([[1, 0], [0, 5], [3, 3.1]])
    assert attribution.nearest(embedded, np.array([[0.1, 0.2], [0, 1]]), 2).tolist() == [[2, 1], [1, 2]]


def test_nearest_training_images_finds_the_image_itself(tiny):
    pixels = keras.Input((64, 64, 3))
    network = keras.Model(pixels, layers.Dense(2, name=architecture.LOGITS)(layers.Flatten()(pixels)))
    indices = np.arange(0, 30, 3)
    found = attribution.nearest_training_images(network, tiny.images[[6, 27]], tiny, indices, 2)
    assert found[:, 0].tolist() == [6, 27]
    assert set(found.ravel()) <= set(indices)


def test_telling_images_are_of_every_kind(tmp_path):
    weak, strong = (
        write_run(tmp_path, "deep_cnn", "improved", right=30),
        write_run(tmp_path, "mobilenetv2", "improved", right=60),
    )
    places = attribution.telling_images([weak, strong], each=2)
    assert places.tolist() == [0, 1, 30, 31, 60, 61]  # both right; only the stronger; neither


def test_surest_mistakes_are_mistakes(tmp_path):
    run = write_run(tmp_path, "deep_cnn", "improved", right=97)
    assert attribution.surest_mistakes(run, 5).tolist() == [97, 98, 99]


def test_views_have_a_map_and_an_answer_for_each_image(bright_or_not):
    said = {"net": np.exp(fit.predict(bright_or_not, IMAGES))}
    maps, answers = attribution.views({"net": bright_or_not}, said, IMAGES, ["white", "black"])
    assert maps["net"].shape == (3, 64, 64)
    assert answers["net"][0].startswith("white, ")


def test_feature_maps_have_the_last_layer_of_each_resolution():
    pixels = keras.Input((64, 64, 3))
    x = layers.Conv2D(5, 3, padding="same", name="a")(layers.Rescaling(1 / 255)(pixels))
    x = layers.ReLU(name="b")(x)
    x = layers.Conv2D(6, 3, strides=2, padding="same", name="c")(x)
    model = keras.Model(pixels, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    maps = attribution.feature_maps(model, IMAGES[0])
    assert {name: values.shape for name, values in maps.items()} == {"b": (64, 64, 5), "c": (32, 32, 6)}
    assert maps["b"].min() >= 0


def test_views_of_telling_images_belong_to_these_images(tmp_path, bright_or_not):
    runs = [
        write_run(tmp_path, "deep_cnn", "improved", right=30),
        write_run(tmp_path, "mobilenetv2", "improved", right=60),
    ]
    networks = {run.title: bright_or_not for run in runs}
    images = np.arange(100, dtype=np.uint8)[:, None, None, None] * np.ones((64, 64, 3), np.uint8)
    names = ["a", "b", "c", "d", "e"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribution, "grad_cam", lambda network, images, classes: images[..., 0])
        shown, classes, maps, answers = attribution.views_of_telling_images(
            runs, networks, images, runs[0].labels(), names
        )
    assert shown[:, 0, 0, 0].tolist() == attribution.telling_images(runs).tolist()
    assert classes == [f"true: {names[label]}" for label in runs[0].labels()[attribution.telling_images(runs)]]
    assert set(maps) == set(answers) == {"Deep CNN, improved", "MobileNetV2, improved"}


def test_images_from_elsewhere_get_maps_and_answers(tmp_path, bright_or_not):
    run = write_run(tmp_path, "deep_cnn", "improved")
    maps, answers = attribution.views_of_photographs([run], {run.title: bright_or_not}, IMAGES, ["white", "black"])
    assert maps[run.title].shape == IMAGES.shape[:3]
    assert [answer.split(",")[0] for answer in answers[run.title]] == ["white"] * 3


def test_mistakes_have_their_answers_and_neighbours(tmp_path, tiny):
    pixels = keras.Input((64, 64, 3))
    network = keras.Model(pixels, layers.Dense(2, name=architecture.LOGITS)(layers.Flatten()(pixels)))
    run = write_run(tmp_path, "deep_cnn", "improved", right=37, n=40)
    images = tiny.images[:40]
    mistakes, answers, truth, neighbours, names = attribution.neighbours_of_mistakes(
        run, network, images, tiny, np.arange(40), most=3
    )
    assert (mistakes == images[37:]).all()
    assert (neighbours[:, 0] == mistakes).all()
    assert answers[0] == tiny.class_names[run.predicted()[37]]
    assert truth[0] == tiny.class_names[run.labels()[37]]
    assert names.shape == (3, 3)
