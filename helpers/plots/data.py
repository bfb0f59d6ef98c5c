"""Figures of the images themselves."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

from helpers.plots.labels import label_places
from helpers.plots.layout import TITLE, span, tiles, wrapped
from helpers.plots.style import BLUE, GREEN, GREY, INK, ORANGE, PAGE, SEQUENTIAL, Plot, headline, new_figure, theme

_BAR = 0.015  # width of a bar in the histogram of correlations


def image_grid(
    images: np.ndarray, titles: Sequence[str], finding: str, caption: str, source: str, columns: int = 10
) -> Plot:
    """Images with words above them.

    Args:
        images: uint8 (n, height, width, 3).
        titles: words for each.
        finding: what the images show, the title of the figure.
        caption: what the images are.
        source: what they are taken from.
        columns: of the grid.
    """
    words = [wrapped(title, int(PAGE / columns * 18), 5 if columns <= 5 else 3) for title in titles]
    with theme():
        figure, axes = tiles(-(-len(images) // columns), columns, PAGE / columns * 0.92, words, top=TITLE)
        for axis, image, title in zip(axes.flat, images, words, strict=False):
            axis.imshow(image, interpolation="nearest")
            axis.set_title(title, fontsize=6.5, pad=2, linespacing=0.95)
        headline(figure, finding, source)
    return Plot(
        figure,
        f"{caption} ({source}).",
        f"{finding}. A grid of {len(images)} small images; above the first stands {titles[0]!r}.",
        has_photographs=True,
    )


def channel_summary(mean_image: np.ndarray, densities: pd.DataFrame, n_images: int, source: str) -> Plot:
    """The average of all training images, its contrast stretched, and the density of pixel values in each channel.

    Args:
        mean_image: float (height, width, 3), 0 to 1.
        densities: of `exploration.channel_densities`.
        n_images: how many went into both.
        source: what the images are.
    """
    low, high = mean_image.min(), mean_image.max()
    values = densities.index.to_numpy()
    means = {name: float(np.average(values, weights=densities[name])) for name in densities}
    finding = f"Channel means are {', '.join(f'{name} {value:.2f}' for name, value in means.items())} of 1"
    with theme():
        figure, (left, right) = new_figure(PAGE, 2.6, 1, 2, width_ratios=[1, 1.8])
        left.imshow((mean_image - low) / max(high - low, 1e-9), interpolation="nearest")
        left.set_title(f"mean image, stretched from\n{low:.2f} to {high:.2f}", fontsize=8)
        left.axis("off")
        for name, colour, line in zip(densities, (ORANGE, GREEN, BLUE), ("-", "--", ":"), strict=True):
            right.plot(values, densities[name], color=colour, linestyle=line)
            right.axvline(means[name], color=colour, linestyle=line, linewidth=0.8)
        right.set(
            xlabel="pixel value, 0 to 1 (upright: the mean)",
            ylabel="density",
            xlim=(0, 1),
            ylim=(0, 1.15 * densities.to_numpy().max()),
        )
        headline(figure, finding, f"{source}, {n_images:,} training images")
        places = [
            (values[len(values) // 5 * (place + 1)], densities[name].iloc[len(values) // 5 * (place + 1)])
            for place, name in enumerate(densities)
        ]
        label_places(right, places, list(densities), [ORANGE, GREEN, BLUE])
    return Plot(
        figure,
        f"Left: the mean of all training images, its contrast stretched. Right: how often each pixel value occurs, by channel ({source}).",
        f"{finding}. The mean image is a soft blur without a recognisable object.",
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
            axis.hist(statistics[name], bins=40, color=GREY)
            low, high = statistics[name].quantile([0.05, 0.95])
            for edge in (low, high):
                axis.axvline(edge, color=INK, linestyle="--", linewidth=1)
            axis.locator_params(axis="x", nbins=6)
            axis.set(xlim=(0, None), xlabel=f"{name} of an image, 0 to 1")
        axes[0].set_ylabel("images")
        both = (statistics[name].quantile([0.05, 0.95]) for name in ("brightness", "contrast"))
        finding = "Nine images in ten have a brightness of {:.2f} to {:.2f} and a contrast of {:.2f} to {:.2f}".format(
            *chain(*both)
        )
        headline(figure, finding, f"{source}, {len(statistics):,} training images")
    return Plot(
        figure,
        f"Brightness (mean grey value) and contrast (its standard deviation) of the training images ({source}); dashed "
        "lines hold 90 % of them.",
        f"Two histograms: the median image has brightness {statistics['brightness'].median():.2f} and contrast "
        f"{statistics['contrast'].median():.2f}; brightness spreads over {span(statistics['brightness'])}, contrast over "
        f"{span(statistics['contrast'])}.",
    )


def box_summary(boxes: pd.DataFrame, coverage: np.ndarray, source: str) -> Plot:
    """How large the objects are, and where in the image they lie.

    Args:
        boxes: of `exploration.box_statistics`.
        coverage: float (height, width) of `exploration.coverage`.
        source: what the images are.
    """
    middle = coverage[coverage.shape[0] // 2, coverage.shape[1] // 2]
    with theme():
        figure, (left, right) = new_figure(PAGE, 2.5, 1, 2)
        left.hist(boxes["area"], bins=40, range=(0, 1), color=GREY)
        left.axvline(boxes["area"].median(), color=INK, linestyle="--", linewidth=1)
        left.set(xlabel="share of the image inside the box\n(dashed: the median)", ylabel="images")
        picture = right.imshow(coverage, cmap=SEQUENTIAL, vmin=0, vmax=1)
        right.set(title="share of boxes over each pixel", xticks=[], yticks=[])
        figure.colorbar(picture, ax=right, format=lambda value, _: f"{value:.0%}")
        finding = f"The median box covers {boxes['area'].median():.0%} of its image, and {middle:.0%} of the boxes hold the centre"
        headline(figure, finding, f"{source}, {len(boxes):,} training images")
    return Plot(
        figure,
        f"Size of the objects by their bounding boxes, and how often each pixel lies inside one ({source}).",
        f"The median box covers {boxes['area'].median():.0%} of the image; the centre is covered by "
        f"{middle:.0%} of the boxes, the corners by {coverage[[0, 0, -1, -1], [0, -1, 0, -1]].mean():.0%}.",
    )


def nearest_pairs(
    left: np.ndarray,
    right: np.ndarray,
    titles: Sequence[str],
    finding: str,
    caption: str,
    source: str,
    lower_titles: Sequence[str] = (),
) -> Plot:
    """Pairs of images, one above the other.

    Args:
        left: uint8 (n, height, width, 3), shown in the upper row.
        right: the other image of each pair, in the lower row.
        titles: words above each pair.
        finding: what the pairs show, the title of the figure.
        caption: what the pairs are.
        source: what the images are.
        lower_titles: words above each lower image.
    """
    n = len(left)
    with theme():
        characters = int(PAGE / n * 16)  # of 7 points, in a column
        words = [
            [wrapped(title, characters, 3) for title in row]
            for row in (titles, lower_titles if len(lower_titles) else [""] * n)
        ]
        figure, axes = tiles(2, n, PAGE / max(n, 5) * 0.92, words[0] + words[1], top=TITLE)
        for row, images in enumerate((left, right)):
            for axis, image, title in zip(axes[row], images, words[row], strict=True):
                axis.imshow(image, interpolation="nearest")
                axis.set_title(title, fontsize=7, pad=2, linespacing=0.95)
        headline(figure, finding, source)
    return Plot(
        figure,
        f"{caption} ({source}).",
        f"{finding}. {n} pairs of images, one above the other; above the first stands {titles[0]!r}.",
        has_photographs=True,
    )


def correlation_spread(correlation: pd.Series, threshold: float, source: str) -> Plot:
    """How much like its nearest training image each test image is.

    Args:
        correlation: of each test image, -1 to 1.
        threshold: drawn as a line.
        source: what the images are.
    """
    above = int((correlation > threshold).sum())
    first, last = (np.floor((value - threshold) / _BAR) for value in (correlation.min(), correlation.max()))
    edges = threshold + _BAR * np.arange(first, last + 2)  # no bar stands on both sides of the line
    with theme():
        figure, axis = new_figure(PAGE * 0.8, 2.6)
        axis.hist(correlation, bins=edges, color=GREY)
        axis.axvline(threshold, color=INK, linestyle="--", linewidth=1)
        axis.set(
            xlabel="correlation with the nearest training image", ylabel="test images", yscale="log", ylim=(0.6, None)
        )
        axis.yaxis.set_major_formatter("{x:,.0f}")
        axis.yaxis.set_minor_formatter(NullFormatter())
        finding = f"{above} of {len(correlation):,} test images correlate above {threshold} with a training image"
        headline(figure, finding, f"{source}, {len(correlation):,} test images")
    return Plot(
        figure,
        f"Correlation of each test image with the training image most like it, at 16 x 16 grey values ({source}). "
        f"{above} of {len(correlation):,} lie above {threshold}.",
        f"A histogram: most test images correlate with some training image between {correlation.quantile(0.05):.2f} and "
        f"{correlation.quantile(0.95):.2f}; {above} lie above the dashed line at {threshold}.",
    )


def split(counts: pd.DataFrame, copies: pd.DataFrame, source: str) -> Plot:
    """The parts of the images as boxes to scale, and the sides on which pairs of copies lie.

    Args:
        counts: of `exploration.split_counts`.
        copies: of `data_findings.with_sides`.
        source: what the images are.
    """
    jobs = {
        "train": "set the weights",
        "validation": "decide",
        "test": "score",
        "unlabelled": "predict",
    }
    images = counts.set_index("split")["images"]
    used = copies[(copies[["first_side", "second_side"]] != "unused").all(axis=1)]
    together = used[used["first_side"] == used["second_side"]]["first_side"].value_counts()
    apart = len(used) - int(together.sum())
    finding = (
        f"Of {len(used)} pairs of copies, {apart or 'none'} {'lies' if apart < 2 else 'lie'} on two sides of the split"
    )
    gap, left = 0.02 * images.sum(), 0.0
    with theme():
        figure, axis = new_figure(PAGE, 2.1)
        for (name, number), colour in zip(images.items(), (BLUE, ORANGE, GREEN, "white"), strict=False):
            axis.barh(0, number, 0.8, left, color=colour, edgecolor=INK, hatch="" if name != "unlabelled" else "///")
            middle = left + number / 2
            axis.text(middle, 0.46, f"{name}\n{number:,}", ha="center", va="bottom", linespacing=1.1)
            axis.text(middle, -0.46, jobs[name], ha="center", va="top")
            pairs = together.get(name, 0)
            if pairs:
                axis.text(middle, 0, f"{pairs} of the\npairs", ha="center", va="center", color="white", fontsize=7)
            left += number + gap
        axis.set(xlim=(-gap, left), ylim=(-0.8, 0.95))
        axis.axis("off")
        headline(figure, finding, f"{source}, {images.sum():,} images")
    return Plot(
        figure,
        "The images of the data, widths to scale: training images set the weights, validation images decide, test images are read when a "
        "recipe is finished. Copies of an image always lie on the same side, whatever their labels.",
        f"A bar in {len(images)} parts: {', '.join(f'{name} {number:,}' for name, number in images.items())}. {finding}.",
    )
