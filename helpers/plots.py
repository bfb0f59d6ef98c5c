"""Every figure of results and data, one function each: data in, a `Plot` out."""

import textwrap
from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from helpers import calibration, evaluation
from helpers.config import REPORTED
from helpers.runs import Run
from helpers.style import (
    COLUMN,
    FAINT,
    INK,
    MODEL_COLOURS,
    MODEL_NAMES,
    PAGE,
    RECIPE_MARKERS,
    RECIPE_NAMES,
    SEQUENTIAL,
    Plot,
    chance_line,
    name_of,
    new_figure,
    note,
    p_text,
    percent_axis,
    theme,
)

_FEWEST_IN_BIN = 10  # images, below which an accuracy is not drawn

# --- data -----------------------------------------------------------------------------------------------------------


def image_grid(images: np.ndarray, titles: Sequence[str], source: str, columns: int = 10) -> Plot:
    """One image a class, with its name.

    Args:
        images: uint8 (n, height, width, 3).
        titles: a name for each.
        source: what the images are.
        columns: of the grid.
    """
    words = [_wrapped(title, 14, 3) for title in titles]
    with theme():
        figure, axes = _tiles(-(-len(images) // columns), columns, PAGE / columns * 0.92, words)
        for axis, image, title in zip(axes.flat, images, words, strict=False):
            axis.imshow(image, interpolation="nearest")
            axis.set_title(title, fontsize=6.5, pad=2, linespacing=0.95)
        note(figure, source)
    return Plot(
        figure,
        f"One image of each of {len(images)} classes ({source}).",
        f"A grid of {len(images)} small images, one a class, with class names above them.",
        has_photographs=True,
    )


def channel_summary(mean_image: np.ndarray, statistics: pd.DataFrame, source: str) -> Plot:
    """The average of all training images, and mean and spread of each channel."""
    with theme():
        figure, (left, right) = new_figure(PAGE, 2.4, 1, 2, width_ratios=[1, 1.6])
        left.imshow(mean_image, interpolation="nearest")
        left.set_title("Mean training image")
        left.axis("off")
        colours = ["#D55E00", "#029E73", "#0173B2"]
        right.bar(statistics.index, statistics["mean"], yerr=statistics["std"], color=colours, capsize=3, width=0.6)
        right.set(ylim=(0, 1), ylabel="pixel value, 0 to 1", title="Mean and standard deviation")
        note(figure, source)
    means = ", ".join(f"{name} {value:.2f}" for name, value in statistics["mean"].items())
    return Plot(
        figure,
        f"The mean of all training images, and mean (bar) and standard deviation (line) of each channel ({source}).",
        f"The mean image is a soft blur without a recognisable object; channel means are {means}.",
    )


def brightness_spread(statistics: pd.DataFrame, source: str) -> Plot:
    """Histograms of the images' brightness and contrast.

    Args:
        statistics: of `exploration.brightness_and_contrast`.
        source: what the images are.
    """
    with theme():
        figure, axes = new_figure(PAGE, 2.2, 1, 2, sharey=True)
        for axis, name in zip(axes, ("brightness", "contrast"), strict=True):
            axis.hist(statistics[name], bins=40, color=MODEL_COLOURS["shallow_cnn"])
            low, high = statistics[name].quantile([0.05, 0.95])
            for edge in (low, high):
                axis.axvline(edge, color=INK, linestyle="--", linewidth=1)
            axis.locator_params(axis="x", nbins=6)
            axis.set(
                xlim=(0, None), xlabel=f"{name} of an image, 0 to 1", title=f"90 % lie between {low:.2f} and {high:.2f}"
            )
        axes[0].set_ylabel("images")
        note(figure, f"{source}, n = {len(statistics):,} training images")
    return Plot(
        figure,
        f"Brightness (mean grey value) and contrast (its standard deviation) of the training images ({source}); dashed "
        "lines hold 90 % of them.",
        f"Two histograms: the median image has brightness {statistics['brightness'].median():.2f} and contrast "
        f"{statistics['contrast'].median():.2f}; brightness spreads over {_span(statistics['brightness'])}, contrast over "
        f"{_span(statistics['contrast'])}.",
    )


def box_summary(boxes: pd.DataFrame, coverage: np.ndarray, source: str) -> Plot:
    """How large the objects are, and where in the image they lie."""
    with theme():
        figure, (left, right) = new_figure(PAGE, 2.5, 1, 2)
        left.hist(boxes["area"], bins=40, range=(0, 1), color=MODEL_COLOURS["deep_cnn"])
        left.axvline(boxes["area"].median(), color=INK, linestyle="--", linewidth=1)
        left.set(
            xlabel="share of the image inside the box", ylabel="images", title=f"Median {boxes['area'].median():.0%}"
        )
        picture = right.imshow(coverage, cmap=SEQUENTIAL, vmin=0, vmax=1)
        right.set(title="Share of boxes over each pixel", xticks=[], yticks=[])
        figure.colorbar(picture, ax=right, format=lambda value, _: f"{value:.0%}")
        note(figure, f"{source}, n = {len(boxes):,} boxes")
    return Plot(
        figure,
        f"Size of the objects by their bounding boxes, and how often each pixel lies inside one ({source}).",
        f"The median box covers {boxes['area'].median():.0%} of the image; the centre is covered by "
        f"{coverage.max():.0%} of the boxes, the corners by {coverage[[0, 0, -1, -1], [0, -1, 0, -1]].mean():.0%}.",
    )


def nearest_pairs(
    left: np.ndarray,
    right: np.ndarray,
    titles: Sequence[str],
    source: str,
    lower_titles: Sequence[str] = (),
    caption: str = "Pairs of images, one above the other",
) -> Plot:
    """Pairs of images, one above the other.

    Args:
        left: uint8 (n, height, width, 3), shown in the upper row.
        right: the other image of each pair, in the lower row.
        titles: words above each pair.
        source: what the images are.
        lower_titles: words above each lower image.
        caption: what the pairs are.
    """
    n = len(left)
    with theme():
        characters = int(PAGE / n * 18)  # of 7 points, in a column
        words = [
            [_wrapped(title, characters, 3) for title in row]
            for row in (titles, lower_titles if len(lower_titles) else [""] * n)
        ]
        figure, axes = _tiles(2, n, PAGE / max(n, 5) * 0.92, words[0] + words[1])
        for row, images in enumerate((left, right)):
            for axis, image, title in zip(axes[row], images, words[row], strict=True):
                axis.imshow(image, interpolation="nearest")
                axis.set_title(title, fontsize=7, pad=2, linespacing=0.95)
        note(figure, source)
    return Plot(
        figure,
        f"{caption} ({source}).",
        f"{n} pairs of images, one above the other; above the first stands {titles[0]!r}.",
        has_photographs=True,
    )


def correlation_spread(correlation: pd.Series, threshold: float, source: str) -> Plot:
    """How much like its nearest training image each test image is."""
    above = int((correlation > threshold).sum())
    with theme():
        figure, axis = new_figure(COLUMN, 2.2)
        axis.hist(correlation, bins=50, color=MODEL_COLOURS["shallow_cnn"])
        axis.axvline(threshold, color=INK, linestyle="--", linewidth=1)
        axis.set(
            xlabel="correlation with the nearest training image", ylabel="test images", yscale="log", ylim=(0.6, None)
        )
        axis.yaxis.set_major_formatter("{x:,.0f}")
        axis.yaxis.set_minor_formatter(NullFormatter())
        note(figure, f"{source}, n = {len(correlation):,}")
    return Plot(
        figure,
        f"Correlation of each test image with the training image most like it, at 16 x 16 grey values ({source}). "
        f"{above} of {len(correlation):,} lie above {threshold}.",
        f"A histogram: most test images correlate with some training image between {correlation.quantile(0.05):.2f} and "
        f"{correlation.quantile(0.95):.2f}; {above} lie above the dashed line at {threshold}.",
    )


def augmentation_grid(rows: dict[str, np.ndarray], source: str) -> Plot:
    """What each transform does to one image.

    Args:
        rows: by name of the transform, float (n, height, width, 3), 0 to 255: the image, then variants.
        source: what the image is.
    """
    n = max(len(images) for images in rows.values())
    with theme():
        figure, axes = _tiles(len(rows), n, 0.8, left=1.9)
        for row, (name, images) in zip(axes, rows.items(), strict=True):
            place = row[0].get_position()
            figure.text(0.01, (place.y0 + place.y1) / 2, name, va="center")
            for axis, image in zip(row, images, strict=False):
                axis.imshow(np.clip(image, 0, 255).astype(np.uint8), interpolation="nearest")
        note(figure, source)
    return Plot(
        figure,
        f"One image (first column) under each transform alone at its limits, then under all together, drawn at random "
        f"({source}).",
        f"Rows for {'; '.join(rows)}. Shear at 0.3 degrees cannot be told from the image itself.",
        has_photographs=True,
    )


def embedding_map(places: np.ndarray, labels: np.ndarray, class_names: list[str], source: str, shown: int = 5) -> Plot:
    """Images as points, like ones together; the classes that lie together best in colour.

    Args:
        places: float (n, 2).
        labels: integer (n,).
        class_names: of the labels.
        source: what the images are.
        shown: how many classes are coloured.
    """
    spread = pd.DataFrame(places).groupby(labels).std().mean(axis=1)
    chosen = spread.nsmallest(shown).index
    with theme():
        figure, axis = new_figure(PAGE, 4.6)
        axis.scatter(*places.T, s=4, color="#C9C9C9", linewidths=0)
        for label, colour, marker in zip(
            chosen, ("#0173B2", INK, "#029E73", "#CC78BC", "#D55E00"), "osv^D", strict=False
        ):
            axis.scatter(
                *places[labels == label].T, s=16, color=colour, marker=marker, label=class_names[label], linewidths=0
            )
        axis.set(xticks=[], yticks=[])
        axis.axis("off")
        figure.legend(loc="outside lower center", ncols=2)
        note(figure, f"{source}, n = {len(places):,} images")
    names = ", ".join(class_names[label] for label in chosen)
    return Plot(
        figure,
        f"Map of images by t-SNE of frozen MobileNetV2 features ({source}); in colour the {shown} classes that lie closest "
        "together. Distances between far groups mean little.",
        f"Points scattered over the plane; the classes with the smallest spread are {names}.",
    )


# --- networks -------------------------------------------------------------------------------------------------------


def architectures(networks: dict[str, keras.Model], source: str) -> Plot:
    """Every layer that changes the shape of what flows through the three networks: height for size, text for shape."""
    with theme():
        figure, axes = new_figure(PAGE, 1.75 * len(networks), len(networks), 1)
        for axis, (model, network) in zip(np.atleast_1d(axes), networks.items(), strict=True):
            _draw_network(axis, network, MODEL_COLOURS[model])
            axis.set_title(f"{MODEL_NAMES[model]}: {network.count_params():,} parameters", loc="left")
        note(figure, source)
    counts = "; ".join(f"{MODEL_NAMES[m]} {n.count_params():,} parameters" for m, n in networks.items())
    return Plot(
        figure,
        "The three networks as reported, from the image (left) to the 100 classes (right). Height shows the side of the "
        "feature maps, the numbers side x side x channels, or units. MobileNetV2's blocks of like shape are drawn as one.",
        f"Three rows of boxes that shrink from left to right. {counts}.",
    )


def filters(kernels: dict[str, np.ndarray], source: str) -> Plot:
    """First-layer filters as small colour images.

    Args:
        kernels: by run, float (height, width, 3, n).
        source: what they were trained on.
    """
    with theme():
        figure, axes = new_figure(PAGE, 1.25 * len(kernels) + 0.2, len(kernels), 1, squeeze=False)
        for axis, (name, kernel) in zip(axes.flat, kernels.items(), strict=True):
            low, high = kernel.min(), kernel.max()
            tiles = np.moveaxis((kernel - low) / max(high - low, 1e-9), 3, 0)
            tiles = np.pad(tiles, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=1)[:32]
            axis.imshow(np.vstack([np.hstack(tiles[i : i + 16]) for i in range(0, len(tiles), 16)]))
            axis.set_title(name, loc="left")
            axis.axis("off")
        note(figure, source)
    return Plot(
        figure,
        f"The filters of the first convolution after training, each scaled to the range of its layer ({source}).",
        f"Rows of small coloured squares for {', '.join(kernels)}: the more a network has learned, the more stripes, "
        "edges and colour blobs replace noise.",
    )


def layer_activity(tables: dict[str, pd.DataFrame], source: str) -> Plot:
    """Share of dead units, and how much a layer's output differs between images.

    Args:
        tables: by run, of `probes.layer_activity`.
        source: what they were trained on.
    """
    with theme():
        figure, (left, right) = new_figure(PAGE, 2.7, 1, 2)
        styles = zip(tables.items(), ("#0173B2", "#D55E00", "#029E73", "#CC78BC"), "os^D", strict=False)
        for (name, table), colour, marker in styles:
            options = {"marker": marker, "color": colour, "label": name}
            places = np.arange(1, len(table) + 1)
            left.plot(places, table["dead_share"], **options)
            right.plot(places, table["spread_over_images"].clip(lower=1e-6), **options)
        left.set(ylim=(-0.03, 1.03), title="Units that never fire")
        percent_axis(left)
        right.set(yscale="log", title="Spread of a unit over images")
        for axis in (left, right):
            axis.set_xlabel("rectified layer, counted from the image")
            axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        note(figure, source)
    worst = max(tables.items(), key=lambda item: item[1]["dead_share"].max())
    return Plot(
        figure,
        f"What comes out of each rectified layer on images of the validation set ({source}): left, units that are zero for "
        "every image; right, how much a unit's mean differs from image to image (logarithmic).",
        f"Dead units are most frequent in {worst[0]}, up to {worst[1]['dead_share'].max():.0%} of a layer.",
    )


def _draw_network(axis: Axes, network: keras.Model, colour: str) -> None:
    shapes: list[tuple[int, ...]] = []
    for layer in network.layers:
        output = layer.output[0] if isinstance(layer.output, list) else layer.output
        shape = tuple(output.shape[1:])
        is_inside_block = len(network.layers) > 60 and not layer.name.endswith(("_project_BN", "pixels", "out_relu"))
        if is_inside_block and len(shape) == 3:
            continue
        if not shapes or shape != shapes[-1]:
            shapes.append(shape)
    for place, shape in enumerate(shapes):
        height = (shape[0] / 64) ** 0.6 if len(shape) == 3 else 0.16
        axis.add_patch(Rectangle((place - 0.3, -height / 2), 0.6, height, facecolor=colour, alpha=0.85, linewidth=0))
        words = f"{shape[0]}x{shape[1]}\nx{shape[2]}" if len(shape) == 3 else f"{shape[0]:,}"
        axis.text(place, -0.56, words, ha="center", va="top", fontsize=6.5)
        if place:
            axis.plot([place - 0.68, place - 0.32], [0, 0], color=FAINT, linewidth=0.8)
    axis.set(xlim=(-0.6, len(shapes) - 0.4), ylim=(-0.95, 0.55))
    axis.axis("off")


# --- training -------------------------------------------------------------------------------------------------------


def training_curves(runs: Sequence[Run], source: str, reported: pd.DataFrame | None = None) -> Plot:
    """Accuracy left, loss right; training dashed, validation solid.

    Args:
        runs: of one family of model; several seeds of a recipe share a colour.
        source: what they were trained on.
        reported: logged curves of the report (`mobilenetv2_reported_curves.csv`), drawn in black.
    """
    colours = _run_colours(runs)
    with theme():
        figure, axes = new_figure(PAGE, 3.1, 1, 2)
        for run in runs:
            options = {
                "color": colours[run.label],
                "marker": RECIPE_MARKERS[run.recipe],
                "markevery": max(1, len(run.history) // 6),
            }
            for axis, column in zip(axes, ("accuracy", "loss"), strict=True):
                epochs = run.history["epoch"]
                label = (
                    name_of(run.model, run.recipe)
                    if run.seed == min(r.seed for r in runs if r.label == run.label)
                    else None
                )
                axis.plot(epochs, run.history[f"validation_{column}"], label=label, **options)
                axis.plot(epochs, run.history[column], linestyle="--", alpha=0.7, linewidth=1, color=options["color"])
                if len(runs) == 1 or reported is not None:
                    for border in _phase_borders(run):
                        axis.axvline(border, color=options["color"], linewidth=0.8, linestyle=(0, (1, 2)))
        if reported is not None:
            _draw_reported_curves(axes, reported)
        elif REPORTED[runs[0].model].accuracy is not None:
            axes[0].axhline(
                REPORTED[runs[0].model].accuracy, color=INK, linewidth=1, linestyle="-.", label="report, table 1"
            )
        chance_line(axes[0], runs[0].predictions["test_probabilities"].shape[1])
        axes[0].set(ylabel="accuracy", xlabel="epoch", ylim=(0, None))
        percent_axis(axes[0])
        top = min(_highest_loss(runs), 12.0)
        axes[1].set(ylabel="loss: cross-entropy, nats", xlabel="epoch", ylim=(0, top))
        for axis in axes:
            axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
        note(figure, source)
    finals = "; ".join(
        f"{name_of(run.model, run.recipe)} ends at {run.history['validation_accuracy'].iloc[-1]:.1%}" for run in runs
    )
    return Plot(
        figure,
        f"Accuracy and cross-entropy (penalties left out) by epoch, validation solid, training dashed ({source}). Training "
        "values are measured while the network changes, under augmentation and dropout. Dotted: a guess"
        f"{', and upright the border between phases' if any(_phase_borders(run) for run in runs) else ''}."
        f"{' Losses above 12 lie outside the picture.' if _highest_loss(runs) > 12 else ''}",
        f"Validation accuracy by epoch: {finals}.",
    )


def learning_rates(sweep: pd.DataFrame, marked: float, num_classes: int, model: str, source: str) -> Plot:
    """Loss, accuracy and dead units after a few steps at several learning rates.

    Args:
        sweep: of `probes.learning_rate_sweep`.
        marked: the report's learning rate.
        num_classes: for the loss of a guess.
        model: whose learning rates, for the colour.
        source: what was trained on, and how long.
    """
    with theme():
        figure, axes = new_figure(PAGE, 2.4, 1, 3)
        shown = sweep.assign(training_loss=sweep["training_loss"].clip(upper=3 * np.log(num_classes)))
        names = ("training_loss", "validation_accuracy", "dead_share")
        for axis, name in zip(axes, names, strict=True):
            axis.plot(shown["learning_rate"], shown[name], marker="o", color=MODEL_COLOURS[model])
        axes[0].axhline(np.log(num_classes), color=FAINT, linestyle=":", linewidth=1)
        axes[0].set(ylabel="training loss at the end, nats")
        chance_line(axes[1], num_classes)
        axes[1].set(ylabel="validation accuracy", ylim=(0, None))
        axes[2].set(ylabel="dead units, first dense layer", ylim=(-0.03, 1.03))
        for axis in axes[1:]:
            percent_axis(axis)
        for axis in axes:
            axis.axvline(marked, color=INK, linestyle="--", linewidth=1)
            axis.set(xscale="log", xlabel="learning rate")
        note(figure, source)
    best = sweep.loc[sweep["validation_accuracy"].idxmax()]
    at_mark = sweep.loc[(sweep["learning_rate"] - marked).abs().idxmin()]
    return Plot(
        figure,
        f"The same network after the same steps at several learning rates ({source}). Dashed: the report's rate. Dotted: the "
        f"loss ln {num_classes} and the accuracy of a guess.",
        f"At the report's rate validation accuracy is {at_mark['validation_accuracy']:.1%}; the best of the rates tried, "
        f"{best['learning_rate']:g}, reaches {best['validation_accuracy']:.1%}. Of the first dense layer's units "
        f"{at_mark['dead_share']:.0%} are dead at the report's rate, {best['dead_share']:.0%} at the best one.",
    )


def epoch_seconds(runs: Sequence[Run], reported: pd.Series, source: str) -> Plot:
    """Seconds of each epoch, beside those of the report's log.

    Args:
        runs: of MobileNetV2.
        reported: of `reported.epoch_seconds`.
        source: what was trained on.
    """
    colours = _run_colours(runs)
    with theme():
        figure, axis = new_figure(PAGE, 3)
        log_epochs = np.arange(1, len(reported) + 1)
        axis.plot(log_epochs, reported, color=INK, marker="x", label="the report's log (GTX 1650 Ti)")
        for run in runs:
            options = {"color": colours[run.label], "marker": RECIPE_MARKERS[run.recipe]}
            label = (
                name_of(run.model, run.recipe)
                if run.seed == min(r.seed for r in runs if r.label == run.label)
                else None
            )
            for number, phase in run.history.groupby("phase"):
                axis.plot(phase["epoch"], phase["seconds"], label=label if number == 1 else None, **options)
        axis.axvline(5.5, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
        axis.set(xlabel="epoch", ylabel="seconds of the epoch", yscale="log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        figure.legend(loc="outside lower center", ncols=2)
        note(figure, source)
    return Plot(
        figure,
        f"Seconds of each epoch, logarithmic ({source}); a gap in a line is the border between its phases, the dotted line that "
        "of the report's log. The log is of another machine and other data; only its shape compares. An epoch that begins a phase "
        "also builds the graph.",
        f"The report's log passes from {reported.iloc[4]:.0f} s in the last epoch of its first phase to "
        f"{reported.iloc[5]:.0f} s in the first of its second, without a jump.",
    )


def logged_weights(frame: pd.DataFrame) -> Plot:
    """How many different histograms the report's log holds of each weight tensor.

    Args:
        frame: of `reported.logged_weights`.
    """
    colours = {"pretrained base": MODEL_COLOURS["shallow_cnn"], "new head": MODEL_COLOURS["mobilenetv2"]}
    with theme():
        figure, axis = new_figure(PAGE * 0.8, 2.4)
        for (part, group), marker in zip(frame.groupby("part", sort=False), "o^", strict=False):
            axis.plot(
                group.index + 1,
                group["distinct_histograms"],
                marker,
                color=colours[part],
                label=f"{part}, {len(group)} tensors",
            )
        epochs = int(frame["epochs_logged"].max())
        axis.set(
            xlabel="weight tensor, from the image to the classes",
            ylabel="different histograms",
            ylim=(0, epochs + 1),
            yticks=[1, epochs],
        )
        axis.legend(loc="center left")
        note(figure, "the report's TensorBoard log")
    counts = frame.groupby("part", sort=False)["changed"].agg(["sum", "size"])
    words = "; ".join(f"{part}: {row['sum']} of {row['size']} tensors changed" for part, row in counts.iterrows())
    return Plot(
        figure,
        f"Different histograms of each weight tensor in the {epochs} epochs of the report's logged run: 1 is a tensor that "
        "never changed.",
        f"{words}.",
    )


def _run_colours(runs: Sequence[Run]) -> dict[str, str]:
    """The model's own colour for `improved`, a darker and a lighter shade of it for the other recipes."""
    shades = {"as_reported": ("black", 0.45), "as_coded": ("white", 0.4), "improved": ("white", 0.0)}
    return {run.label: _blend(MODEL_COLOURS[run.model], *shades[run.recipe]) for run in runs}


def _blend(colour: str, other: str, share: float) -> str:
    mixed = (1 - share) * np.array(to_rgb(colour)) + share * np.array(to_rgb(other))
    return to_hex(mixed)


def _phase_borders(run: Run) -> list[float]:
    phases = run.history["phase"]
    return (run.history["epoch"][phases.diff() > 0] - 0.5).tolist()


def _highest_loss(runs: Sequence[Run]) -> float:
    highest = max(run.history[["loss", "validation_loss"]].max().max() for run in runs)
    return float(np.nan_to_num(highest, nan=12.0, posinf=12.0)) * 1.05


def _draw_reported_curves(axes: Sequence[Axes], reported: pd.DataFrame) -> None:
    epochs = np.arange(1, len(reported) + 1)
    for axis, column in zip(axes, ("accuracy", "loss"), strict=True):
        axis.plot(epochs, reported[f"validation_{column}"], color=INK, marker="x", label="the report's log")
        axis.plot(epochs, reported[f"train_{column}"], color=INK, linestyle="--", linewidth=1, alpha=0.7)
        for border in epochs[reported["phase"].diff() > 0]:
            axis.axvline(border - 0.5, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))


# --- results --------------------------------------------------------------------------------------------------------


def table(frame: pd.DataFrame, title: str, source: str) -> Plot:
    """A table of text as a figure."""
    with theme():
        figure, axis = new_figure(PAGE, 0.55 + 0.26 * len(frame))
        axis.axis("off")
        drawn = axis.table(
            cellText=frame.astype(str).values,
            colLabels=frame.columns,
            loc="center",
            cellLoc="center",
            edges="horizontal",
        )
        drawn.auto_set_font_size(False)
        drawn.set_fontsize(8)
        drawn.scale(1, 1.35)
        drawn.auto_set_column_width(range(len(frame.columns)))
        axis.set_title(title, loc="left")
        note(figure, source)
    lines = "; ".join(
        ", ".join(f"{c} {v}" for c, v in zip(frame.columns, row, strict=True)) for row in frame.to_numpy()
    )
    return Plot(figure, f"{title} ({source}).", lines)


def levers(frame: pd.DataFrame, source: str) -> Plot:
    """What each lever brought, one after another, with intervals over images.

    Args:
        frame: of `results.levers`.
        source: what was judged.
    """
    colour = MODEL_COLOURS["mobilenetv2"]
    with theme():
        figure, axis = new_figure(PAGE, 0.8 + 0.34 * len(frame))
        places = np.arange(len(frame))[::-1]
        errors = [frame["accuracy"] - frame["low"], frame["high"] - frame["accuracy"]]
        axis.errorbar(
            frame["accuracy"], places, xerr=errors, fmt="o-", color=colour, ecolor=INK, capsize=3, linewidth=1
        )
        for place, row in zip(places, frame.itertuples(), strict=True):
            gain = "" if np.isnan(row.gain) else f" ({100 * row.gain:+.1f})"
            axis.text(row.high + 0.012, place, f"{row.accuracy:.1%}{gain}", va="center")
        axis.set_yticks(places, [_wrapped(lever, 44, 2) for lever in frame["lever"]])
        axis.set(xlabel="validation accuracy")
        axis.margins(x=0.2, y=0.1)
        axis.set_xlim(left=0)
        percent_axis(axis, "x")
        note(figure, f"{source}, n = {frame['n'].iloc[0]:,} images")
    return Plot(
        figure,
        f"What each lever brought, one after another, on validation ({source}); lines are 95 % intervals over images.",
        "; ".join(f"{row.lever}: {row.accuracy:.1%}" for row in frame.itertuples()),
    )


def accuracies(runs: Sequence[Run], source: str, split: str = "test") -> Plot:
    """Accuracy of every run with its interval, the report's value beside it."""
    labels = list(dict.fromkeys((run.model, run.recipe) for run in runs))
    with theme():
        figure, axis = new_figure(PAGE, 0.7 + 0.32 * len(labels))
        for place, (model, recipe) in enumerate(reversed(labels)):
            group = [run.result(split)["accuracy"] for run in runs if (run.model, run.recipe) == (model, recipe)]
            n = runs[0].result(split)["n"]
            low, high = evaluation.mean_interval(group, n)
            mean = float(np.mean(group))
            axis.barh(place, mean, color=MODEL_COLOURS[model], height=0.62, alpha=1 if recipe == "improved" else 0.6)
            axis.errorbar(mean, place, xerr=[[mean - low], [high - mean]], color=INK, capsize=2, linewidth=1)
            reported = REPORTED[model].accuracy
            is_hidden = reported is not None and high < reported < high + 0.09  # the mark would cross the text
            axis.text((reported if is_hidden else max(high, 0.012)) + 0.008, place, f"{mean:.1%}", va="center")
            if reported is not None:
                axis.plot([reported] * 2, [place - 0.4, place + 0.4], color=INK, linewidth=2)
        axis.set_yticks(range(len(labels)), [name_of(*label) for label in reversed(labels)])
        chance_line(axis, runs[0].predictions["test_probabilities"].shape[1], horizontal=False)
        axis.set(xlabel=f"accuracy on {split}")
        axis.margins(x=0.12)
        axis.set_xlim(left=0)
        percent_axis(axis, "x")
        note(figure, f"{source}, n = {runs[0].result(split)['n']:,} images")
    best = max(runs, key=lambda run: run.result(split)["accuracy"])
    return Plot(
        figure,
        f"Accuracy on the {split} images with 95 % intervals ({source}). Thick marks: the report's table 1, measured on "
        "other images. Dotted: a guess.",
        f"The best is {name_of(best.model, best.recipe)} with {best.result(split)['accuracy']:.1%}.",
    )


def cost(table: pd.DataFrame, source: str) -> Plot:
    """Accuracy against what a network costs, in four ways.

    Args:
        table: of `results.costs`.
        source: what was judged.
    """
    prices = {
        "train_seconds": "seconds of training epochs",
        "parameters": "parameters",
        "multiply_adds": "multiply-adds an image",
        "images_per_second": "images classified in a second",
    }
    with theme():
        figure, axes = new_figure(PAGE, 4.6, 2, 2, sharey=True)
        for axis, (column, words) in zip(axes.flat, prices.items(), strict=True):
            for row in table.itertuples():
                x = getattr(row, column)
                axis.plot(x, row.accuracy, RECIPE_MARKERS[row.recipe], color=MODEL_COLOURS[row.model], markersize=7)
            axis.set(xscale="log", xlabel=words, ylim=(0, None))
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.xaxis.set_major_formatter(EngFormatter(sep=""))
            axis.xaxis.set_minor_formatter(NullFormatter())
        for axis in axes[:, 0]:
            axis.set(ylabel="test accuracy")
        percent_axis(axes[0, 0])
        for model in [model for model in MODEL_COLOURS if model in set(table["model"])]:
            axes[0, 0].plot([], [], "s", color=MODEL_COLOURS[model], label=MODEL_NAMES[model])
        for recipe in [recipe for recipe in RECIPE_MARKERS if recipe in set(table["recipe"])]:
            axes[0, 0].plot([], [], RECIPE_MARKERS[recipe], color=FAINT, label=RECIPE_NAMES[recipe])
        figure.legend(loc="outside upper center", ncols=4)
        note(figure, source)
    return Plot(
        figure,
        f"Test accuracy against seconds of training, size, operations and speed of the networks on this machine ({source}). "
        "Pretraining and the computing of frozen features are not in the seconds.",
        "; ".join(
            f"{name_of(row.model, row.recipe)}: {row.accuracy:.1%} after {row.train_seconds:.0f} s, "
            f"{row.images_per_second:.0f} images a second"
            for row in table.itertuples()
        ),
    )


def comparison(pairs: pd.DataFrame, source: str, level: float = 0.05) -> Plot:
    """Differences in accuracy between all pairs, in colour where they are more than chance.

    Args:
        pairs: of `evaluation.compare`.
        source: what was judged.
        level: corrected p-values below it count as a difference.
    """
    names = list(dict.fromkeys([*pairs["first"], *pairs["second"]]))
    values = np.full((len(names), len(names)), np.nan)
    words = np.full(values.shape, "", object)
    for pair in pairs.itertuples():
        place = names.index(pair.second), names.index(pair.first)
        values[place] = -pair.difference if pair.p_holm < level else 0
        words[place] = f"{0.0 - 100 * pair.difference:+.1f}\n{p_text(pair.p_holm)}"
    values, words = values[1:, :-1], words[1:, :-1]
    limit = 1.8 * max(np.nanmax(np.abs(values)), 0.01)  # the map's lighter part, on which dark text is legible
    with theme():
        figure, axis = new_figure(min(PAGE, max(COLUMN, 1.9 + 0.6 * len(words))), 1.6 + 0.4 * len(words))
        sns.heatmap(
            values,
            annot=words,
            fmt="",
            cmap="vlag",
            vmin=-limit,
            vmax=limit,
            linewidths=1,
            cbar=False,
            ax=axis,
            annot_kws={"fontsize": 8},
        )
        for text, value in zip(axis.texts, values[~np.isnan(values)], strict=True):
            text.set_color(INK if value else FAINT)
        axis.set_yticks(np.arange(len(words)) + 0.5, names[1:], rotation=0)
        axis.set_xticks(np.arange(len(words)) + 0.5, names[:-1], rotation=35, ha="right", rotation_mode="anchor")
        axis.tick_params(length=0)
        note(figure, source)
    n_clear = int((pairs["p_holm"] < level).sum())
    return Plot(
        figure,
        f"Test accuracy of the row minus that of the column, in percentage points, and the p-value of McNemar's exact test on "
        f"the same images, corrected by Holm for {len(pairs)} pairs ({source}). Pale, in grey: not told apart at {level:g}.",
        f"{n_clear} of {len(pairs)} pairs differ by more than chance.",
    )


def penalties(runs: Sequence[Run], num_classes: int, source: str) -> Plot:
    """Validation loss as Keras reports it, penalties included, beside the cross-entropy in it.

    Args:
        runs: with penalties.
        num_classes: for the loss of a guess.
        source: what they were trained on.
    """
    reported = REPORTED["shallow_cnn"].loss
    with theme():
        figure, axis = new_figure(PAGE, 2.7)
        for run in runs:
            options = {"color": MODEL_COLOURS[run.model], "marker": RECIPE_MARKERS[run.recipe]}
            name = name_of(run.model, run.recipe)
            history = run.history
            axis.plot(history["epoch"], history["validation_objective"], label=f"{name}: with penalties", **options)
            axis.plot(history["epoch"], history["validation_loss"], "--", label=f"{name}: cross-entropy", **options)
        axis.axhline(reported, color=INK, linestyle="-.", linewidth=1, label=f"report's table 1: {reported:g}")
        axis.axhline(np.log(num_classes), color=FAINT, linestyle=":", linewidth=1, label=f"a guess: ln {num_classes}")
        axis.set(xlabel="epoch", ylabel="validation loss, nats", yscale="log")
        axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("{x:g}")
        figure.legend(loc="outside right center")
        note(figure, source)
    ends = "; ".join(
        f"{name_of(run.model, run.recipe)} ends at {run.history['validation_objective'].iloc[-1]:.1f} with penalties, "
        f"{run.history['validation_loss'].iloc[-1]:.1f} without"
        for run in runs
    )
    return Plot(
        figure,
        f"Validation loss of the networks with penalties, logarithmic: solid as Keras reports it, dashed the cross-entropy "
        f"in it ({source}). The report's 6.5 comes from other data.",
        f"{ends}.",
    )


def penalty_course(course: pd.DataFrame, num_classes: int, source: str) -> Plot:
    """Penalty and cross-entropy over the first steps of training.

    Args:
        course: of `probes.penalty_course`.
        num_classes: for the loss of a guess.
        source: what was trained on.
    """
    with theme():
        figure, axis = new_figure(PAGE * 0.75, 2.5)
        colour = MODEL_COLOURS["deep_cnn_l2"]
        axis.plot(course["step"], course["penalty"], color=colour, label="penalty")
        axis.plot(course["step"], course["cross_entropy"], "--", color=INK, linewidth=1, label="cross-entropy")
        axis.axhline(np.log(num_classes), color=FAINT, linestyle=":", linewidth=1, label=f"a guess: ln {num_classes}")
        axis.set(xlabel="optimizer step", ylabel="nats", ylim=(0, None))
        axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        figure.legend(loc="outside right center")
        note(figure, source)
    return Plot(
        figure,
        f"The two parts of the objective over the first steps: the L2 penalty and the cross-entropy of each batch ({source}).",
        f"The penalty has {course['penalty'].iloc[0]:.1f} nats after the first step, {course['penalty'].max():.1f} at its "
        f"highest and {course['penalty'].iloc[-1]:.1f} at the end; the cross-entropy ends at "
        f"{course['cross_entropy'].iloc[-1]:.1f}.",
    )


def reliability(runs: Sequence[Run], temperatures: Sequence[float], source: str) -> Plot:
    """Accuracy against confidence on test, as trained and after temperature scaling.

    Args:
        runs: one for each line.
        temperatures: of the runs, fitted on validation.
        source: what was judged.
    """
    with theme():
        figure, axes = new_figure(PAGE, 3.0, 1, 2, sharey=True)
        for axis, title, divisors in (
            (axes[0], "as trained", [1.0] * len(runs)),
            (axes[1], "after temperature scaling", temperatures),
        ):
            axis.plot([0, 1], [0, 1], color=FAINT, linestyle=":", linewidth=1)
            for run, divisor in zip(runs, divisors, strict=True):
                table = calibration.reliability(
                    calibration.scaled(run.predictions["test_probabilities"], divisor), run.predictions["test_labels"]
                )
                table = table[table["n"] >= _FEWEST_IN_BIN]
                axis.plot(
                    table["confidence"],
                    table["accuracy"],
                    color=MODEL_COLOURS[run.model],
                    marker=RECIPE_MARKERS[run.recipe],
                    markersize=4,
                    clip_on=False,
                    label=name_of(run.model, run.recipe),
                )
            axis.set(title=title, xlabel="confidence", xlim=(0, 1), ylim=(0, 1))
            percent_axis(axis, "x")
        axes[0].set_ylabel("accuracy")
        percent_axis(axes[0])
        axes[0].legend(loc="upper left")
        note(figure, f"{source}, n = {runs[0].result()['n']:,} images")
    errors = [
        calibration.expected_calibration_error(run.predictions["test_probabilities"], run.predictions["test_labels"])
        for run in runs
    ]
    return Plot(
        figure,
        f"Accuracy of test images grouped by confidence ({source}), in {calibration.N_BINS} bins of equal width; bins of fewer "
        f"than {_FEWEST_IN_BIN} images are left out. On the dotted line a network is as often right as it says. The "
        "temperature is fitted on validation.",
        "; ".join(
            f"{name_of(run.model, run.recipe)}: expected calibration error {error:.1%}, temperature {divisor:.2f}"
            for run, error, divisor in zip(runs, errors, temperatures, strict=True)
        ),
    )


def risk_coverage(runs: Sequence[Run], source: str) -> Plot:
    """Accuracy of the answers, for every share of test images that is answered, the surest first."""
    curves = [
        calibration.risk_coverage(run.predictions["test_probabilities"], run.predictions["test_labels"]) for run in runs
    ]
    with theme():
        figure, axis = new_figure(COLUMN, 2.6)
        for run, curve in zip(runs, curves, strict=True):
            curve = curve.iloc[_FEWEST_IN_BIN - 1 :]  # an accuracy of fewer answers says nothing
            axis.plot(
                curve["coverage"],
                curve["accuracy"],
                color=MODEL_COLOURS[run.model],
                label=name_of(run.model, run.recipe),
            )
        axis.set(xlabel="share of images answered", ylabel="accuracy of the answers", xlim=(0, 1), ylim=(0, 1))
        for which in ("x", "y"):
            percent_axis(axis, which)
        axis.legend(loc="best")
        note(figure, f"{source}, n = {len(curves[0]):,} images")
    return Plot(
        figure,
        f"Accuracy if only the images of highest confidence are answered, on test ({source}).",
        "; ".join(
            f"{name_of(run.model, run.recipe)}: {curve['accuracy'].iloc[len(curve) // 2 - 1]:.1%} on the surer half, "
            f"{curve['accuracy'].iloc[-1]:.1%} on all"
            for run, curve in zip(runs, curves, strict=True)
        ),
    )


def confusion(counts: np.ndarray, run_name: str, source: str) -> Plot:
    """The confusion matrix as shares of each true class.

    Args:
        counts: integer (n_classes, n_classes), true class by row, related classes next to each other where that is known.
        run_name: whose mistakes.
        source: what was judged.
    """
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    with theme():
        figure, axis = new_figure(4.6, 4.1)
        picture = axis.imshow(shares, cmap=SEQUENTIAL, vmin=0, vmax=1, interpolation="nearest")
        axis.set(xlabel="predicted class", ylabel="true class", title=run_name, xticks=[], yticks=[])
        bar = figure.colorbar(picture, ax=axis, shrink=0.85)
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        note(figure, f"{source}, n = {counts.sum():,}")
    right = np.trace(counts) / counts.sum()
    return Plot(
        figure,
        f"Which class is taken for which, as a share of each true class: {run_name} ({source}). The diagonal is right.",
        f"{right:.1%} of the images lie on the diagonal; the rest is spread over many pairs of classes.",
    )


def class_accuracies(per_class: pd.DataFrame, run_name: str, source: str, shown: int = 10) -> Plot:
    """The classes that are recognised best and worst, with intervals.

    Args:
        per_class: of `evaluation.class_accuracy`.
        run_name: whose accuracy.
        source: what was judged.
        shown: how many at either end.
    """
    chosen = pd.concat([per_class.head(shown), per_class.tail(shown)]).iloc[::-1]
    with theme():
        figure, axis = new_figure(PAGE, 0.8 + 0.2 * len(chosen))
        places = np.arange(len(chosen)) + (np.arange(len(chosen)) >= min(shown, len(chosen) - shown)) * 0.8
        low, high = chosen["accuracy"] - chosen["low"], chosen["high"] - chosen["accuracy"]
        axis.errorbar(
            chosen["accuracy"],
            places,
            xerr=[low.clip(lower=0), high.clip(lower=0)],
            fmt="o",
            color=INK,
            capsize=2,
        )
        axis.set_yticks(places, [_short(name, 42) for name in chosen["class_name"]])
        axis.set(xlim=(-0.02, 1.02), xlabel="accuracy within the class", title=run_name)
        percent_axis(axis, "x")
        note(figure, f"{source}, n = {per_class['n'].min()} to {per_class['n'].max()} images a class")
    return Plot(
        figure,
        f"The {shown} classes recognised best and the {shown} recognised worst, with 95 % intervals: {run_name} ({source}).",
        f"Best: {per_class['class_name'].iloc[0]} at {per_class['accuracy'].iloc[0]:.0%}. Worst: "
        f"{per_class['class_name'].iloc[-1]} at {per_class['accuracy'].iloc[-1]:.0%}.",
    )


def accuracy_by(tables: dict[str, list[pd.DataFrame]], runs: Sequence[Run], source: str) -> Plot:
    """Accuracy by properties of the images, one property a panel.

    Args:
        tables: for each property, `evaluation.accuracy_by` of each run; two or four of them.
        runs: in the order of the tables.
        source: what was judged.
    """
    with theme():
        figure, axes = new_figure(PAGE, 2.3 * len(tables) / 2, len(tables) // 2, 2, sharey=True, squeeze=False)
        for axis, (words, found) in zip(axes.flat, tables.items(), strict=True):
            for run, table in zip(runs, found, strict=True):
                errors = [table["accuracy"] - table["low"], table["high"] - table["accuracy"]]
                axis.errorbar(
                    table["value"],
                    table["accuracy"],
                    yerr=errors,
                    fmt="o-",
                    color=MODEL_COLOURS[run.model],
                    capsize=2,
                    label=name_of(run.model, run.recipe),
                )
            axis.set(xlabel=words, ylim=(0, 1))
        for axis in axes[:, 0]:
            axis.set(ylabel="test accuracy")
        percent_axis(axes[0, 0])
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(runs))
        note(figure, source)
    ends = [
        f"{name_of(run.model, run.recipe)} by {words}: {table['accuracy'].iloc[0]:.1%} in the lowest group, "
        f"{table['accuracy'].iloc[-1]:.1%} in the highest"
        for words, found in tables.items()
        for run, table in zip(runs, found, strict=True)
    ]
    return Plot(
        figure,
        f"Test accuracy by properties of the images, in groups of equally many, with 95 % intervals ({source}). Each point stands at its "
        "group's median.",
        "; ".join(ends),
    )


def grad_cam(
    images: np.ndarray, names: Sequence[str], maps: dict[str, np.ndarray], answers: dict[str, list[str]], source: str
) -> Plot:
    """Images, and for each network what in them speaks for its answer.

    Args:
        images: uint8 (n, height, width, 3).
        names: their true classes.
        maps: for each network, float (n, height, width) of `explanation.grad_cam`.
        answers: for each network, its answer to each image, in words.
        source: what the images are.
    """
    columns = 1 + len(maps)
    width = int(PAGE / columns * 17)
    titles = [[_wrapped(f"true: {name}", width, 2) for name in names]]
    titles += [[_wrapped(answer, width, 2) for answer in answers[name]] for name in maps]
    with theme():
        figure, axes = _tiles(len(images), columns, 1.0, [title for column in titles for title in column])
        for row, image in enumerate(images):
            axes[row, 0].imshow(image, interpolation="nearest")
            for axis, found in zip(axes[row, 1:], maps.values(), strict=True):
                axis.imshow(image.mean(axis=2), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                axis.imshow(found[row], cmap=SEQUENTIAL, vmin=0, vmax=1, alpha=0.55)
            for axis, column in zip(axes[row], titles, strict=True):
                axis.set_title(column[row], fontsize=7, pad=2, linespacing=0.95)
        note(figure, f"{source}; columns from the second: {', '.join(maps)}")
    return Plot(
        figure,
        f"Where the networks find their answer (Grad-CAM): light places speak for the class named above ({source}). Columns from the "
        f"second: {', '.join(maps)}.",
        f"{len(images)} images in rows; beside each the same image in grey under a coloured map for {' and '.join(maps)}.",
        has_photographs=True,
    )


def neighbours(
    images: np.ndarray, titles: Sequence[str], found: np.ndarray, names: Sequence[Sequence[str]], source: str
) -> Plot:
    """Images, and beside each the training images that a network finds most alike.

    Args:
        images: uint8 (n, height, width, 3).
        titles: words above each.
        found: uint8 (n, m, height, width, 3).
        names: classes of the found images, n lists of m.
        source: what the images are.
    """
    columns = 1 + found.shape[1]
    width = int(PAGE / columns * 18)
    words = [
        [_wrapped(title, width, 3), *(_wrapped(name, width, 3) for name in row)]
        for title, row in zip(titles, names, strict=True)
    ]
    with theme():
        figure, axes = _tiles(len(images), columns, PAGE / columns * 0.9, [word for row in words for word in row])
        for row, image in enumerate(images):
            for axis, picture, title in zip(axes[row], (image, *found[row]), words[row], strict=True):
                axis.imshow(picture, interpolation="nearest")
                axis.set_title(title, fontsize=7, pad=2, linespacing=0.95)
        note(figure, source)
    return Plot(
        figure,
        f"Left: test images with a wrong answer. Beside each: the training images that the network finds most alike ({source}).",
        f"{len(images)} rows of one test image and {found.shape[1]} training images with their classes.",
        has_photographs=True,
    )


def feature_maps(maps: dict[str, np.ndarray], image: np.ndarray, source: str, shown: int = 8) -> Plot:
    """What layers of a network make of one image: their strongest maps.

    Args:
        maps: for each layer, float (height, width, channels).
        image: uint8 (height, width, 3).
        source: what the image is.
        shown: maps of each layer.
    """
    with theme():
        figure, axes = _tiles(len(maps), shown + 1, PAGE / (shown + 1) * 0.9, left=0.7)
        axes[0, 0].imshow(image, interpolation="nearest")
        for row, (name, values) in zip(axes, maps.items(), strict=True):
            strongest = np.argsort(-values.mean(axis=(0, 1)), kind="stable")[:shown]
            for axis, channel in zip(row[1:], strongest, strict=False):
                axis.imshow(values[..., channel], cmap=SEQUENTIAL, interpolation="nearest")
            row[1].text(
                -0.08,
                0.5,
                f"{name}\n{values.shape[0]} x {values.shape[1]}",
                transform=row[1].transAxes,
                ha="right",
                va="center",
                fontsize=7,
            )
        note(figure, source)
    return Plot(
        figure,
        f"What some layers make of one image: the {shown} maps with the highest mean of each ({source}); light is high.",
        f"One image and {shown} maps for each of the layers {', '.join(maps)}; the maps get coarser from layer to layer.",
        has_photographs=True,
    )


def learning_curve(curve: pd.DataFrame, source: str) -> Plot:
    """Accuracy of a linear classifier on frozen features by the number of training images.

    Args:
        curve: of `probes.learning_curve`.
        source: what was judged.
    """
    colour = MODEL_COLOURS["mobilenetv2"]
    means = curve.groupby("images_per_class")[["accuracy", "low", "high"]].mean()
    with theme():
        figure, axis = new_figure(COLUMN, 2.5)
        axis.plot(means.index, means["accuracy"], color=colour)
        axis.fill_between(means.index, means["low"], means["high"], color=colour, alpha=0.2, linewidth=0)
        axis.plot(curve["images_per_class"], curve["accuracy"], "o", color=colour, markersize=3)
        axis.set(xscale="log", xlabel="training images of each class", ylabel="validation accuracy", ylim=(0, None))
        axis.set_xticks(means.index, [str(size) for size in means.index])
        axis.xaxis.set_minor_formatter(NullFormatter())
        percent_axis(axis)
        note(figure, f"{source}, n = {curve['n'].iloc[0]:,} images")
    return Plot(
        figure,
        f"A linear classifier on frozen MobileNetV2 features by the number of training images ({source}). Points: draws of the "
        "training images; band: 95 % interval over validation images.",
        "; ".join(f"{size} a class: {value:.1%}" for size, value in means["accuracy"].items()),
    )


def input_sweep(sweep: pd.DataFrame, source: str) -> Plot:
    """What input size and input range are worth.

    Args:
        sweep: of `probes.input_sweep`.
        source: what was judged.
    """
    markers = iter("os^")
    with theme():
        figure, axis = new_figure(PAGE * 0.7, 2.7)
        colours = iter((INK, MODEL_COLOURS["mobilenetv2"], MODEL_COLOURS["shallow_cnn"]))
        for span, group in sweep.groupby("input_range", sort=False):
            errors = [group["accuracy"] - group["low"], group["high"] - group["accuracy"]]
            axis.errorbar(
                group["input_size"],
                group["accuracy"],
                yerr=errors,
                marker=next(markers),
                color=next(colours),
                capsize=3,
                label=f"pixels scaled {span}",
            )
        axis.set_xticks(sorted(sweep["input_size"].unique()))
        axis.set(xlabel="input size, pixels (the images have 64)", ylabel="validation accuracy", ylim=(0, None))
        percent_axis(axis)
        axis.legend()
        note(figure, f"{source}, n = {sweep['n'].iloc[0]:,} validation images")
    low, high = sweep.loc[sweep["accuracy"].idxmin()], sweep.loc[sweep["accuracy"].idxmax()]
    return Plot(
        figure,
        f"A linear classifier on frozen MobileNetV2 features, by input size and by the range pixels are scaled to, with 95 % "
        f"intervals ({source}).",
        f"From {low['accuracy']:.1%} at {low['input_size']:.0f} px ({low['input_range']}) to {high['accuracy']:.1%} at "
        f"{high['input_size']:.0f} px ({high['input_range']}).",
    )


def folds(frame: pd.DataFrame, source: str) -> Plot:
    """Accuracy of each fold with its interval over images.

    Args:
        frame: of `probes.cross_validation`.
        source: what was judged.
    """
    with theme():
        figure, axis = new_figure(COLUMN, 2.3)
        errors = [frame["accuracy"] - frame["low"], frame["high"] - frame["accuracy"]]
        axis.errorbar(
            frame["fold"], frame["accuracy"], yerr=errors, fmt="o", color=MODEL_COLOURS["mobilenetv2"], capsize=3
        )
        axis.axhline(frame["accuracy"].mean(), color=INK, linestyle="--", linewidth=1)
        axis.set(xlabel="fold", ylabel="accuracy of the fold", xticks=frame["fold"], ylim=(0, None))
        percent_axis(axis)
        note(figure, f"{source}, n = {frame['n'].iloc[0]:,} images a fold")
    return Plot(
        figure,
        f"Cross-validation of a linear classifier on frozen features ({source}); lines are 95 % intervals over images, dashed "
        "is the mean.",
        f"{len(frame)} folds between {frame['accuracy'].min():.1%} and {frame['accuracy'].max():.1%}.",
    )


def improvements(steps: pd.DataFrame, source: str) -> Plot:
    """What each change brought, as steps from the report's recipe to the improved one.

    Args:
        steps: columns `model`, `step`, `accuracy`, in order.
        source: what was judged.
    """
    with theme():
        figure, axis = new_figure(PAGE, 0.8 + 0.3 * len(steps))
        for place, row in enumerate(steps.iloc[::-1].itertuples()):
            axis.barh(place, row.accuracy, color=MODEL_COLOURS[row.model], height=0.6)
            axis.text(row.accuracy + 0.005, place, f"{row.accuracy:.1%}", va="center")
        axis.set_yticks(range(len(steps)), steps["step"].iloc[::-1])
        axis.set(xlabel="validation accuracy")
        axis.margins(x=0.12)
        axis.set_xlim(left=0)
        percent_axis(axis, "x")
        note(figure, source)
    return Plot(
        figure,
        f"From the report's recipe to the improved one, step by step, on validation ({source}).",
        "; ".join(f"{row.step}: {row.accuracy:.1%}" for row in steps.itertuples()),
    )


def _tiles(
    rows: int, columns: int, side: float, titles: Sequence[str] = (), left: float = 0.0
) -> tuple[Figure, np.ndarray]:
    """Axes without frames for small images; placed by hand, because the layout engine is slow with a hundred axes.

    Args:
        rows: of the grid.
        columns: of the grid.
        side: height of an image in inches.
        titles: wrapped words that will stand above images; the longest decides the room for all.
        left: inches left free for words before each row.

    Returns:
        The figure, and its axes (rows, columns).
    """
    gap, margin = 0.06, 0.1
    above = gap + 0.11 * max((title.count("\n") + 1 for title in titles if title), default=0)
    height = rows * (side + above) + 0.25
    left = max(left, margin)
    width = (PAGE - left - margin - (columns - 1) * gap) / columns
    places = {"left": left / PAGE, "right": 1 - margin / PAGE, "top": 1 - above / height, "bottom": 0.25 / height}
    gaps = {"wspace": gap / width, "hspace": above / side}
    figure, axes = new_figure(PAGE, height, rows, columns, squeeze=False, layout="none", gridspec_kw={**places, **gaps})
    for axis in axes.flat:
        axis.axis("off")
    return figure, axes


def _wrapped(text: str, width: int, most: int) -> str:
    """Words wrapped to so many lines at most, shortened where they are longer."""
    lines = textwrap.wrap(text, width)
    kept = [*lines[: most - 1], *([_short(" ".join(lines[most - 1 :]), width)] if len(lines) >= most else [])]
    return "\n".join(kept)


def _span(values: pd.Series) -> str:
    low, high = values.quantile([0.05, 0.95])
    return f"{low:.2f} to {high:.2f}"


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
