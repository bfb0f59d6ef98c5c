"""Small computed pictures of the ideas that the report explains, each drawn from a procedural image or from a formula."""

import keras
import numpy as np
import pandas as pd
from keras import layers

from helpers.config.demo_data import DEMO
from helpers.config.recipes import Recipe
from helpers.data.demo import object_classes, render
from helpers.plots.style import BLUE, GREEN, INK, LIGHT, MODEL_COLOURS, ORANGE, PAGE, Plot, headline, new_figure, theme


def example_image() -> np.ndarray:
    """A procedural image, uint8 (64, 64, 3): the same everywhere, and no photograph."""
    return render(object_classes(8, DEMO.seed)[7], 1, DEMO.nuisance, np.random.default_rng(4))[0][0]


def batch_normalisation() -> Plot:
    """Distributions of three channels before and after batch normalisation."""
    rng = np.random.default_rng(0)
    before = rng.normal([3, -1, 0.5], [0.5, 2, 4], (2000, 3)).astype(np.float32)
    after = np.asarray(layers.BatchNormalization()(before, training=True))
    with theme():
        figure, axes = new_figure(PAGE, 2, 1, 2)
        for axis, values, title in zip(axes, (before, after), ("before", "after"), strict=True):
            for channel, (colour, line) in enumerate(zip((BLUE, ORANGE, GREEN), ("-", "--", ":"), strict=True)):
                axis.hist(
                    values[:, channel],
                    bins=50,
                    range=(-10, 10),
                    histtype="step",
                    color=colour,
                    linestyle=line,
                    linewidth=1.4,
                )
            axis.set(title=title, xlabel="activation", ylabel="count")
        finding = "Batch normalisation gives three channels that differ the same mean, 0, and the same spread, 1"
        headline(figure, finding, f"random numbers, {len(before):,} a channel")
    return Plot(
        figure,
        "Batch normalisation shifts and scales the activations of each channel to mean 0 and standard deviation 1 over the "
        "batch, then by two learned numbers. It acts on activations; the report says on weights.",
        "Left, three histograms with different centres and widths; right, the three lie on top of each other.",
    )


def to_dense(side: int = 16, channels: int = 64, units: int = 256) -> pd.DataFrame:
    """Three ways from feature maps to a dense layer, and what the dense layer costs after each.

    Returns:
        Columns `layer`, `numbers_passed_on`, `parameters_of_the_dense_layer`.
    """
    rows = []
    for layer in (layers.Flatten(), layers.GlobalMaxPooling2D(), layers.GlobalAveragePooling2D()):
        maps = keras.Input((side, side, channels))
        passed = layer(maps)
        dense = layers.Dense(units)
        dense(passed)
        rows.append((type(layer).__name__, passed.shape[1], dense.count_params()))
    return pd.DataFrame(rows, columns=["layer", "numbers_passed_on", "parameters_of_the_dense_layer"])


def layer_table(network: keras.Model) -> pd.DataFrame:
    """Every layer of a network from the image to the logits, with what it gives and what it learns.

    Returns:
        Columns `layer`, `kind`, `output` (height x width x channels, or units), `parameters`; a last row has the sum.
    """
    rows = [
        (layer.name, type(layer).__name__, " x ".join(map(str, layer.output.shape[1:])), layer.count_params())
        for layer in network.layers
    ]
    rows.append(("sum", "", "", network.count_params()))
    return pd.DataFrame(rows, columns=["layer", "kind", "output", "parameters"])


def recipe_differences(first: Recipe, second: Recipe) -> pd.DataFrame:
    """The settings in which two recipes differ.

    Returns:
        Column `setting`, and one by the name of each recipe, as text; phases of training are numbered.
    """
    settings = [_flat(recipe) for recipe in (first, second)]
    names = [name for name in dict.fromkeys([*settings[0], *settings[1]]) if name not in ("model", "name")]
    rows = [(name, *(values.get(name, "") for values in settings)) for name in names]
    return pd.DataFrame([row for row in rows if row[1] != row[2]], columns=["setting", first.name, second.name])


def output_layers(num_classes: int = 100, n_images: int = 500, seed: int = 0) -> pd.DataFrame:
    """The cross-entropy of one and the same dense layer behind a sigmoid, behind a softmax, and as logits.

    Returns:
        Columns `output`, `evaluated_by_keras` and `from_predictions` (the same loss of what `predict` gives), in nats.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_images, 32)).astype(np.float32)
    y = keras.utils.to_categorical(rng.integers(num_classes, size=n_images), num_classes)
    kernel = rng.normal(size=(32, num_classes)).astype(np.float32) / 3
    rows = []
    for output in ("sigmoid", "softmax", "linear"):
        model = keras.Sequential([keras.Input((32,)), layers.Dense(num_classes, activation=output)])
        model.layers[0].set_weights([kernel, np.zeros(num_classes)])
        loss = keras.losses.CategoricalCrossentropy(from_logits=output == "linear")
        model.compile(loss=loss)
        by_keras = model.evaluate(x, y, verbose=0)
        rows.append((output, float(by_keras), float(loss(y, model.predict(x, verbose=0)))))
    return pd.DataFrame(rows, columns=["output", "evaluated_by_keras", "from_predictions"])


def cross_entropy(num_classes: int = 100) -> Plot:
    """The loss of one image by the probability that its true class was given."""
    p = np.geomspace(0.001, 1, 200)
    with theme():
        figure, axis = new_figure(PAGE * 0.8, 2.7)
        axis.plot(p, -np.log(p), color=MODEL_COLOURS["shallow_cnn"])
        for value, words in ((1 / num_classes, "chance level"), (0.5, "an even bet"), (0.95, "near certainty")):
            axis.plot(value, -np.log(value), "o", color=INK)
            axis.annotate(
                f"{words}: {-np.log(value):.2f}",
                (value, -np.log(value)),
                (5, 5) if value < 0.1 else (-7, -3),
                textcoords="offset points",
                ha="left" if value < 0.1 else "right",
                va="bottom" if value < 0.1 else "center",
            )
        axis.set(
            xscale="log",
            xlabel="probability given to the true class",
            ylabel="loss, nats",
            xlim=(0.001, 1.1),
            ylim=(-0.7, 7),
        )
        finding = f"A uniform guess over {num_classes} classes costs {np.log(num_classes):.2f} nats, an even bet {np.log(2):.2f}"
        headline(figure, finding, "computed, no data")
    return Plot(
        figure,
        f"Cross-entropy is minus the logarithm of the probability that the true class was given: {np.log(num_classes):.2f} "
        f"(ln {num_classes}) for a uniform guess, and without bound for a confident mistake.",
        f"A line that falls, over a logarithmic axis: {np.log(num_classes):.2f} at one per cent, 0.69 at one half, 0.05 at 95 per cent.",
    )


def optimizers(steps: int = 40) -> Plot:
    """Paths of gradient descent and of Adam in a long, narrow valley."""
    scales = np.array([1.0, 30.0], np.float32)
    with theme():
        figure, axis = new_figure(PAGE, 2.4)
        names: list[str] = []
        xs, ys = np.meshgrid(np.linspace(-4.5, 1, 120), np.linspace(-1.2, 1.2, 80))
        axis.contour(xs, ys, scales[0] * xs**2 + scales[1] * ys**2, levels=12, colors=LIGHT, linewidths=0.7)
        for optimizer, colour, marker in (
            (keras.optimizers.SGD(0.03), BLUE, "o"),
            (keras.optimizers.Adam(0.3), ORANGE, "^"),
        ):
            path = _descend(optimizer, scales, steps)
            name = f"{type(optimizer).__name__}, learning rate {float(optimizer.learning_rate):g}"
            names.append(name)
            axis.plot(*path.T, color=colour, marker=marker, markersize=3, linewidth=1)
        axis.plot(0, 0, "k+", markersize=9)
        axis.set(xlabel="first weight", ylabel="second weight", xlim=(-4.5, 1), ylim=(-1.2, 1.2))
        finding = f"In {steps} steps Adam passes along the valley; plain gradient descent zigzags across it"
        headline(figure, finding, "computed, no data")
        for place, name, colour in zip(((-3.4, 0.72), (-1.9, -0.72)), names, (BLUE, ORANGE), strict=True):
            axis.text(*place, name, color=colour)
    return Plot(
        figure,
        f"{steps} steps towards the cross. Plain gradient descent moves in proportion to the slope, so one rate must serve the "
        "steep direction and the flat one; Adam divides by the typical size of each gradient, so each weight moves by "
        "about the learning rate, whatever the slope.",
        "One path zigzags across the valley and creeps along it, the other swings in wide arcs towards the lowest point.",
    )


def _flat(recipe: Recipe) -> dict[str, str]:
    values = recipe.as_dict()
    for number, phase in enumerate(values.pop("phases"), start=1):
        prefix = f"phase {number}, " if len(recipe.phases) > 1 else ""
        values |= {f"{prefix}{name}": value for name, value in phase.items()}
    return {name: str(value) for name, value in values.items()}


def _descend(optimizer: keras.optimizers.Optimizer, scales: np.ndarray, steps: int) -> np.ndarray:
    place = keras.Variable(np.array([-4.0, 0.9], np.float32))
    path = [np.asarray(place)]
    for _ in range(steps):
        optimizer.apply([2 * scales * np.asarray(place)], [place])
        path.append(np.asarray(place).copy())
    return np.array(path)
