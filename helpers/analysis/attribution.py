"""Where in an image a network finds its answer, and which training images it finds alike."""

from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.neighbors import NearestNeighbors

from helpers.core.tensorflow import tf
from helpers.data.dataset import Dataset, Rows
from helpers.models import architecture, inference
from helpers.training import fit
from helpers.training.runs import Run

_CHUNK = 50


def last_maps(model: keras.Model) -> str:
    """Name of the last layer that gives maps (n, height, width, channels), which Grad-CAM reads."""
    return [layer.name for layer in model.layers if len(layer.output.shape) == 4][-1]


def grad_cam(model: keras.Model, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """How much each place of an image speaks for a class (Grad-CAM, Selvaraju et al. 2017, arXiv:1610.02391).

    The maps of the last layer that has any are summed with the mean gradient of the class's logit as their weights;
    what speaks against the class is set to zero.

    Args:
        model: from pixels to logits.
        images: uint8 (n, height, width, 3).
        classes: integer (n,), the class to explain for each image.

    Returns:
        float32 (n, height, width), 0 to 1 for each image; all zero where nothing speaks for the class.
    """
    cut = last_maps(model)
    trunk, tail = architecture.trunk(model, cut), architecture.tail(model, cut)
    chunks = []
    for start in range(0, len(images), _CHUNK):
        maps = trunk(tf.cast(images[start : start + _CHUNK], tf.float32), training=False)
        with tf.GradientTape() as tape:
            tape.watch(maps)
            logits = tf.gather(tail(maps, training=False), classes[start : start + _CHUNK], axis=1, batch_dims=1)
        weights = tf.reduce_mean(tape.gradient(logits, maps), axis=(1, 2), keepdims=True)
        places = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1, keepdims=True))
        chunks.append(tf.image.resize(places, images.shape[1:3])[..., 0].numpy())
    heat_maps = np.concatenate(chunks)
    highest = heat_maps.max(axis=(1, 2), keepdims=True)
    return np.divide(heat_maps, highest, out=np.zeros_like(heat_maps), where=highest > 0)


def with_random_weights(model: keras.Model, seed: int) -> keras.Model:
    """A network of the same architecture that has learned nothing."""
    keras.utils.set_random_seed(seed)
    return keras.models.clone_model(model)


def sanity_check(networks: dict[str, keras.Model], images: np.ndarray, seed: int) -> pd.DataFrame:
    """Whether Grad-CAM's maps come from what was learned (Adebayo et al. 2018, arXiv:1810.03292).

    A map that stays the same when the weights are random shows the image's edges and not the network's reasons.

    Args:
        networks: by name, from pixels to logits.
        images: uint8 (n, height, width, 3).
        seed: of the random weights.

    Returns:
        Columns `network`, `n`, `similarity` (mean rank correlation of the map with that of random weights, for the class that the
        network predicts; 1 is the same map), `empty` (share of images where nothing speaks for that class; they are not
        in the mean).
    """
    rows = []
    for name, network in networks.items():
        classes = fit.predict(network, images).argmax(axis=1)
        learned = grad_cam(network, images, classes)
        random = grad_cam(with_random_weights(network, seed), images, classes)
        correlation = rank_correlation(learned, random)
        similarity = float(pd.Series(correlation).mean())  # without the images that have no map
        rows.append((name, len(images), similarity, float(np.mean(learned.max(axis=(1, 2)) == 0))))
    return pd.DataFrame(rows, columns=["network", "n", "similarity", "empty"])


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's correlation of two maps of each image.

    Args:
        first: float (n, height, width).
        second: the same shape.

    Returns:
        float64 (n,), -1 to 1; nan where a map is the same everywhere.
    """
    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (first, second)]
    centred = [values - values.mean(axis=1, keepdims=True) for values in ranks]
    norm = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    return np.divide((centred[0] * centred[1]).sum(axis=1), norm, out=np.full(len(first), np.nan), where=norm > 0)


def embeddings(model: keras.Model, images: np.ndarray | Rows) -> np.ndarray:
    """What the output layer reads of each image.

    Args:
        model: from pixels to logits.
        images: uint8 (n, height, width, 3), or anything that gives such arrays for slices.

    Returns:
        float32 (n, d).
    """
    network = keras.Model(model.input, model.get_layer(architecture.LOGITS).input)
    return inference.forward_pass(network, len(images))(images)


def nearest(embedded: np.ndarray, queries: np.ndarray, most: int) -> np.ndarray:
    """The images that a network finds most alike, by the angle between what it makes of them.

    Args:
        embedded: float (n, d) of `embeddings`.
        queries: float (m, d) of other images.
        most: how many for each.

    Returns:
        int64 (m, most), positions among the n, the nearest first.
    """
    search = NearestNeighbors(n_neighbors=most, algorithm="brute", metric="cosine").fit(embedded)
    return search.kneighbors(queries, return_distance=False)


def telling_images(runs: Sequence[Run], each: int = 2) -> np.ndarray:
    """Test images that say most about several networks.

    Args:
        runs: from the weakest to the strongest.
        each: images of each kind, where there are so many.

    Returns:
        int64 positions among the test images: those that all get right, that only the strongest gets right, that it gets wrong
        while another is right, and that it gets wrong itself; of each kind those that it is surest of.
    """
    right = np.array([run.is_right() for run in runs])
    confidence = runs[-1].probabilities().max(axis=1)
    any_other = right[:-1].any(axis=0)
    kinds = [right.all(axis=0), right[-1] & ~any_other, ~right[-1] & any_other, ~right[-1] & ~any_other]
    surest = [np.flatnonzero(kind)[np.argsort(-confidence[kind], kind="stable")[:each]] for kind in kinds]
    return np.unique(np.concatenate(surest))


def surest_mistakes(run: Run, most: int) -> np.ndarray:
    """Positions among the test images, int64, of the mistakes with the highest confidence."""
    wrong = np.flatnonzero(~run.is_right())
    confidence = run.probabilities().max(axis=1)
    return wrong[np.argsort(-confidence[wrong], kind="stable")[:most]]


def views(
    networks: dict[str, keras.Model],
    probabilities: dict[str, np.ndarray],
    images: np.ndarray,
    class_names: Sequence[str],
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """What each network answers to images, and where it finds its answer.

    Args:
        networks: by name, from pixels to logits.
        probabilities: by the same names, float (n, n_classes): their answers, averaged over the views of their recipe.
        images: uint8 (n, height, width, 3).
        class_names: of the labels.

    Returns:
        By name, the maps of `grad_cam` for the answers, and the answers with their probabilities, in words.
    """
    maps, answers = {}, {}
    for name, network in networks.items():
        classes = probabilities[name].argmax(axis=1)
        maps[name] = grad_cam(network, images, classes)
        answers[name] = [
            f"{class_names[label]}, {row[label]:.0%}" for label, row in zip(classes, probabilities[name], strict=True)
        ]
    return maps, answers


def nearest_training_images(
    network: keras.Model, queries: np.ndarray, dataset: Dataset, indices: np.ndarray, most: int
) -> np.ndarray:
    """The training images that a network finds most alike to others.

    Args:
        network: from pixels to logits.
        queries: uint8 (n, height, width, 3).
        dataset: with the training images.
        indices: of those to search among.
        most: how many for each.

    Returns:
        int64 (n, most), indices into the labelled images, the nearest first.
    """
    embedded = embeddings(network, Rows(dataset.images, indices))
    return indices[nearest(embedded, embeddings(network, queries), most)]


def views_of_telling_images(
    runs: Sequence[Run],
    networks: dict[str, keras.Model],
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
) -> tuple[np.ndarray, list[str], dict[str, np.ndarray], dict[str, list[str]]]:
    """The test images that say most about several networks, with what each network answers and where it finds its answer.

    Args:
        runs: from the weakest to the strongest.
        networks: of these runs, by their titles.
        images: uint8 (n, height, width, 3), all test images.
        labels: integer (n,).
        class_names: of the labels.

    Returns:
        The images of `telling_images`, their classes in words, and the maps and answers of `views`.
    """
    chosen = telling_images(runs)
    probabilities = {run.title: run.probabilities()[chosen] for run in runs}
    maps, answers = views(networks, probabilities, images[chosen], class_names)
    return images[chosen], [f"true: {class_names[label]}" for label in labels[chosen]], maps, answers


def views_of_photographs(
    runs: Sequence[Run], networks: dict[str, keras.Model], images: np.ndarray, class_names: Sequence[str]
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """The maps and answers of `views` for images that are not of the data set, uint8 (n, height, width, 3)."""
    names = {run.title: run.settings.views_at_test for run in runs}
    probabilities = {title: np.exp(fit.predict(network, images, names[title])) for title, network in networks.items()}
    return views(networks, probabilities, images, class_names)


def neighbours_of_mistakes(
    run: Run,
    network: keras.Model,
    images: np.ndarray,
    dataset: Dataset,
    searched: np.ndarray,
    most: int = 5,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The surest mistakes of a run, with the training images that its network finds most alike.

    Args:
        run: a finished run.
        network: its network.
        images: uint8 (n, height, width, 3), all test images.
        dataset: with the training images.
        searched: indices of the training images to search among.
        most: mistakes, and neighbours of each.

    Returns:
        The images of the mistakes, the class that each was taken for and its true one, str (most,), then uint8 (most, most, height,
        width, 3) with their neighbours, and the classes of these, str (most, most).
    """
    mistakes, names = surest_mistakes(run, most), np.array(dataset.class_names)
    answers, truth = names[run.predicted()[mistakes]], names[run.labels()[mistakes]]
    near = nearest_training_images(network, images[mistakes], dataset, searched, most)
    return images[mistakes], answers, truth, dataset.images[near], names[dataset.labels[near]]


def feature_maps(model: keras.Model, image: np.ndarray) -> dict[str, np.ndarray]:
    """What a network makes of one image at each of its resolutions.

    Args:
        model: from pixels to logits.
        image: uint8 (height, width, 3).

    Returns:
        For the last layer of each resolution, by its name, float32 (height, width, channels).
    """
    last = {layer.output.shape[1]: layer for layer in model.layers if len(layer.output.shape) == 4}
    chosen = [layer for layer in last.values() if layer.output.shape[3] > 3]  # three channels are still the image
    outputs = keras.Model(model.input, [layer.output for layer in chosen])(image[None].astype(np.float32))
    return {layer.name: np.asarray(maps[0]) for layer, maps in zip(chosen, outputs, strict=True)}
