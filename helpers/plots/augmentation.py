"""Figures of what augmentation does to a photograph that may be shown."""

from collections.abc import Sequence

import numpy as np

from helpers.plots.layout import tiles
from helpers.plots.style import PAGE, Plot, headline, new_figure, theme


def augmentation_grid(rows: dict[str, np.ndarray], source: str) -> Plot:
    """What each transform does to one image.

    Args:
        rows: by name of the transform, float (n, height, width, 3), 0 to 255: the image, which anybody may see, then variants.
        source: what the image is.
    """
    n = max(len(images) for images in rows.values())
    changes = {name: np.abs(images[1:] - images[0]).mean() for name, images in rows.items()}
    least, most = min(changes, key=lambda name: changes[name]), max(changes, key=lambda name: changes[name])
    finding = f"Least changed by {least}: pixels change by {changes[least]:.0f} of 255 levels on average; most by {most}: {changes[most]:.0f}"
    with theme():
        figure, axes = tiles(len(rows), n, 0.8, left=1.9, top=0.4)
        for row, (name, images) in zip(axes, rows.items(), strict=True):
            place = row[0].get_position()
            figure.text(0.01, (place.y0 + place.y1) / 2, name, va="center")
            for axis, image in zip(row, images, strict=False):
                # Without interpolation a drawing embeds the image unscaled.
                axis.imshow(np.clip(image, 0, 255).astype(np.uint8), interpolation="none")
        headline(figure, finding, source)
    return Plot(
        figure,
        f"One image (first column) under each transform alone at its limits, then under all together, drawn at random "
        f"({source}).",
        f"{finding}. Rows for {'; '.join(rows)}.",
    )


def interpolation(crops: dict[str, np.ndarray], sharpness: Sequence[float], source: str) -> Plot:
    """A crop of a photograph as it is stored, and after transforms that interpolate.

    Args:
        crops: of `exploration.interpolated`, by what was done: the first as it is stored.
        sharpness: of each whole image, as a share of that of the first.
        source: what the image is.
    """
    names = list(crops)
    finding = f"{names[-1].capitalize()}, the image keeps {sharpness[-1]:.0%} of its sharpness; {names[1]}, {sharpness[1]:.0%}"
    with theme():
        figure, axes = new_figure(PAGE, 2.5, 1, len(crops))
        for axis, (name, crop), share in zip(axes, crops.items(), sharpness, strict=True):
            axis.imshow(np.clip(crop, 0, 255).astype(np.uint8), interpolation="nearest")
            axis.set_title(f"{name}\nsharpness {share:.0%}", fontsize=8)
            axis.axis("off")
        headline(figure, finding, source)
    return Plot(
        figure,
        "A crop of one image, pixel by pixel: as it is stored, and after three transforms of the code that augments training images. "
        "A pixel that is taken from between stored ones is a mean of its neighbours. Sharpness is the spread of the Laplacian over "
        f"the whole image ({source}).",
        f"{finding}. Sharpness of the four pictures: {', '.join(f'{share:.0%}' for share in sharpness)}.",
    )


def cutmix(pairs: np.ndarray, mixed: np.ndarray, shares: np.ndarray, names: Sequence[str], source: str) -> Plot:
    """Two images, and what CutMix makes of them.

    Args:
        pairs: float (2, size, size, 3), 0 to 255: the images that are mixed.
        mixed: float (n, size, size, 3), of `augment.cutmix`.
        shares: float (n, 2), the target of each mixed image: its shares of the two classes.
        names: of the two classes.
        source: what the images are.
    """
    labels = ("\n".join(f"{share:.0%} {name}" for share, name in zip(row, names, strict=True)) for row in shares)
    words = [*names, *labels]
    with theme():
        figure, axes = new_figure(PAGE, 2, 1, len(words))
        for axis, image, title in zip(axes, [*pairs, *mixed], words, strict=True):
            axis.imshow(np.clip(image, 0, 255).astype(np.uint8), interpolation="nearest")
            axis.set_title(title, fontsize=8)
            axis.axis("off")
        finding = "CutMix pastes a rectangle of one image into another and divides the label by the area of each"
        headline(figure, finding, source)
    return Plot(
        figure,
        f"Two images, left, and {len(mixed)} that CutMix makes of them with rectangles drawn at random. Above each stands its label: the share of "
        f"the area that each class has ({source}).",
        f"Rectangles of the {names[1]}, of {len(mixed)} sizes, in the picture of the {names[0]}; the labels have {shares[:, 1].min():.0%} to "
        f"{shares[:, 1].max():.0%} of {names[1]}.",
    )
