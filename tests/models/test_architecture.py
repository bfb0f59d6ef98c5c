from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from helpers.config.demo_data import PRETRAINING
from helpers.config.profiles import find_recipe
from helpers.config.recipes import RECIPES, Phase
from helpers.core import paths
from helpers.core.tensorflow import tf
from helpers.models import architecture
from helpers.training.fit import compiled

TRANSFER = replace(find_recipe("mobilenetv2", "improved"), input_size=64, width=PRETRAINING.width)


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def transfer():
    keras.utils.set_random_seed(0)
    model = architecture.build(TRANSFER, 5)
    architecture.load_base_weights(model, PRETRAINING.width, paths.DEMO_WEIGHTS)
    return model


@pytest.mark.parametrize(
    ("model", "name", "parameters"),
    [
        ("shallow_cnn", "as_reported", 4_239_652),
        ("shallow_cnn", "as_coded", 4_239_652),
        ("shallow_cnn_l2", "as_reported", 4_239_652),
        ("shallow_cnn", "improved", 1_121_316),
        ("deep_cnn", "as_reported", 11_260_740),
        ("deep_cnn", "as_coded", 11_260_740),
        ("deep_cnn_batch_128", "as_coded", 11_260_740),
        ("deep_cnn", "improved", 2_805_060),
        ("mobilenetv2", "as_reported", 3_672_228),
        ("mobilenetv2", "improved", 2_257_984 + 128_100),
    ],
)
def test_parameters_are_counted_exactly(model, name, parameters):
    assert architecture.build(find_recipe(model, name)).count_params() == parameters


def test_the_improved_shallow_network_stays_shallow():
    model = architecture.build(find_recipe("shallow_cnn", "improved"))
    assert sum(isinstance(layer, layers.Conv2D) for layer in model.layers) <= 2
    assert model.count_params() <= 4_240_000


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.model}-{recipe.name}")
def test_every_recipe_builds_from_pixels_to_logits(recipe):
    model = architecture.build(replace(recipe, width=PRETRAINING.width) if recipe.is_pretrained else recipe, 7)
    assert model.input_shape == (None, 64, 64, 3) and model.output_shape == (None, 7)
    assert model.layers[-1].name == architecture.LOGITS
    assert model.layers[-1].activation is keras.activations.linear


@pytest.mark.parametrize("input_range", [(0.0, 1.0), (-1.0, 1.0)])
@pytest.mark.parametrize("input_size", [64, 96])
def test_scaling_and_resizing_happen_inside(input_range, input_size):
    recipe = replace(TRANSFER, input_range=input_range, input_size=input_size)
    pixels = np.broadcast_to([0.0, 255.0, 127.5], (1, 64, 64, 3))
    scaled = architecture.trunk(architecture.build(recipe, 3), "scale")(pixels)
    assert scaled.shape == (1, input_size, input_size, 3)
    low, high = input_range
    np.testing.assert_allclose(scaled[0, 5, 5], [low, high, (low + high) / 2], atol=1e-5)


def test_initialisation_follows_the_global_seed():
    kernels = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(seed)
        kernels.append(architecture.build(find_recipe("shallow_cnn", "improved")).get_layer("conv_1").get_weights()[0])
    assert np.array_equal(kernels[0], kernels[1]) and not np.array_equal(kernels[0], kernels[2])


def regularised_layers(model):
    return {layer.name for layer in model.layers if getattr(layer, "kernel_regularizer", None)}


def test_penalties_stand_where_the_code_has_them():
    def build(model, name):
        return architecture.build(find_recipe(model, name))

    assert regularised_layers(build("shallow_cnn", "as_reported")) == set()
    assert regularised_layers(build("shallow_cnn_l2", "as_reported")) == {"conv_1", "conv_2", "dense_1", "logits"}
    deep = regularised_layers(build("deep_cnn_l2", "as_reported"))
    assert deep == {"conv_1", "conv_2", "conv_3", "conv_4", "dense_1", "dense_2"}
    coded = build("shallow_cnn", "as_coded")
    assert coded.get_layer("conv_1").activity_regularizer is not None
    # Behind a softmax, where the code has it, this penalty is a constant.
    assert coded.get_layer("logits").activity_regularizer is None


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_a_sigmoid_output_trains_as_a_softmax_does_in_keras_3(activation):
    """The report's networks end in a sigmoid: Keras takes the cross-entropy from the logits behind it."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 6)).astype(np.float32), np.eye(4, dtype=np.float32)[rng.integers(0, 4, 32)]
    weights, losses = [], []
    for ending, from_logits in ((activation, False), (None, True)):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((6,))
        model = keras.Model(inputs, layers.Dense(4, activation=ending)(inputs))
        model.compile(keras.optimizers.SGD(0.5), keras.losses.CategoricalCrossentropy(from_logits=from_logits))
        losses.append([model.train_on_batch(x, y) for _ in range(3)])
        weights.append(model.get_weights()[0])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-5)
    assert losses[0][2] < losses[0][0]


def step(model, phase, pixels):
    """One training step; gives the layers that it changed."""
    architecture.set_trainable(model, phase)
    compiled(model, phase, steps=10)
    model.run_eagerly = True
    before = {layer.name: layer.get_weights() for layer in model.layers}
    model.train_on_batch(pixels, np.eye(5, dtype=np.float32)[np.arange(8) % 5])
    return {
        layer.name
        for layer in model.layers
        if any(
            not np.array_equal(a, b)
            for a, b in zip(before[layer.name], layer.get_weights(), strict=True)
            if a.dtype.kind == "f"  # seeds of dropout advance in any case
        )
    }


def with_weights(model):
    return [layer.name for layer in architecture.base_layers(model) if layer.weights]


def is_norm(model, name):
    return isinstance(model.get_layer(name), layers.BatchNormalization)


def test_the_base_reaches_from_the_first_convolution_to_the_last_activation(transfer):
    base = architecture.base_layers(transfer)
    keras_base = keras.applications.MobileNetV2((64, 64, 3), include_top=False, weights=None, alpha=0.35)
    assert [layer.name for layer in base] == [layer.name for layer in keras_base.layers[1:]]
    assert architecture.base_layers(architecture.build(find_recipe("deep_cnn", "improved"))) == []


def test_the_head_phase_changes_no_weight_of_the_base(transfer, pixels):
    assert step(transfer, Phase(1, "adam", 0.01, trainable="head"), pixels) == {"logits"}
    assert architecture.n_trainable(transfer) == 1280 * 5 + 5


def test_an_unknown_layer_to_train_from_is_refused(transfer):
    with pytest.raises(ValueError, match="no layer 'block_17_add'"):
        architecture.set_trainable(transfer, Phase(1, "adam", 0.01, trainable="block_17_add"))


def test_layers_below_the_named_one_stay_and_those_above_change(transfer, pixels):
    changed = step(transfer, Phase(1, "adam", 0.01, trainable="block_16_project_BN"), pixels)
    assert changed == {"block_16_project_BN", "Conv_1", "Conv_1_bn", "logits"}


def test_batch_normalisation_of_the_base_stays_as_it_is_when_asked(transfer, pixels):
    phase = Phase(1, "adam", 0.01, trainable="block_13_expand", freeze_batch_norm=True)
    changed = step(transfer, phase, pixels)
    names = with_weights(transfer)
    above = names[names.index("block_13_expand") :]
    assert changed == {name for name in above if not is_norm(transfer, name)} | {"logits"}


def test_everything_learns_when_nothing_is_frozen(transfer, pixels):
    architecture.set_trainable(transfer, Phase(1, "adam", 0.01, trainable="head"))
    assert step(transfer, Phase(1, "adam", 0.01), pixels) == {*with_weights(transfer), "logits"}


def test_frozen_below_and_above_make_the_whole_network(pixels):
    keras.utils.set_random_seed(0)
    model = architecture.build(TRANSFER, 5)
    architecture.load_base_weights(model, PRETRAINING.width, paths.DEMO_WEIGHTS)
    whole = model(pixels, training=False)
    for cut in ("block_12_add", "global_average"):
        parts = architecture.tail(model, cut)(architecture.trunk(model, cut)(pixels, training=False), training=False)
        np.testing.assert_allclose(parts, whole, atol=1e-5)
    below = architecture.trunk(model, "block_12_add")(pixels, training=False)
    middle = architecture.between(model, "block_12_add", "global_average")(below, training=False)
    np.testing.assert_allclose(architecture.tail(model, "global_average")(middle, training=False), whole, atol=1e-5)


def test_a_tail_shares_its_weights_with_the_network(transfer):
    assert architecture.tail(transfer, "") is transfer
    above = architecture.tail(transfer, "global_average")
    assert above.get_layer("logits") is transfer.get_layer("logits")


def test_the_lowest_of_layers_is_the_nearest_to_the_image(transfer):
    assert architecture.lowest_layer(transfer, ["global_average", "", "block_12_add"]) == "block_12_add"
    assert architecture.lowest_layer(transfer, ["global_average"]) == "global_average"


@pytest.mark.parametrize("network", ["mobilenetv2_reported", "mobilenetv2_coded", "mobilenetv2_improved"])
def test_loaded_weights_reproduce_the_base(network, pixels):
    base = keras.applications.MobileNetV2((64, 64, 3), PRETRAINING.width, include_top=False, weights=None)
    base.load_weights(paths.DEMO_WEIGHTS)
    model = architecture.build(replace(TRANSFER, network=network, dropout=0.0, views=0, phases=()), 5)
    head = model.get_layer("logits").get_weights()[0]
    before = architecture.trunk(model, "out_relu")(pixels, training=False)
    architecture.load_base_weights(model, PRETRAINING.width, paths.DEMO_WEIGHTS)
    after = architecture.trunk(model, "out_relu")(pixels, training=False)
    np.testing.assert_allclose(after, base(pixels / 127.5 - 1, training=False), atol=1e-4)
    assert not np.allclose(after, before, atol=1e-2)
    assert np.array_equal(model.get_layer("logits").get_weights()[0], head)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_of_another_width_do_not_fit():
    with pytest.raises(ValueError, match="shape"):
        architecture.load_base_weights(architecture.build(replace(TRANSFER, width=0.5), 5), 0.5, paths.DEMO_WEIGHTS)


def test_a_network_that_resizes_predicts_where_nobody_says_whether_it_trains(tmp_path):
    keras.utils.set_random_seed(0)
    network = architecture.build(replace(find_recipe("mobilenetv2", "improved"), input_size=96, width=0.35), 5)
    images = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype(np.float32)
    expected = network(images, training=False).numpy()
    np.testing.assert_allclose(network(images).numpy(), expected, atol=1e-5)
    network.export(tmp_path, format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(tmp_path)
    np.testing.assert_allclose(np.asarray(loaded.serve(images)), expected, atol=1e-4)
    assert not np.allclose(network(images, training=True).numpy(), expected, atol=1e-2)
