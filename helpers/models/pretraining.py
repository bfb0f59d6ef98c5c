"""Make the demo's pretrained MobileNetV2: on procedural classes that are not the demo's.

Its recipe is `config.PRETRAINING`. The result is shipped as data/demo_mobilenetv2.weights.h5; run this module again
with `python -m helpers.models.pretraining` to remake it (about 40 minutes on two cores).
"""

import keras
import numpy as np

from helpers.config.demo_data import PRETRAINING, Pretraining
from helpers.config.recipes import Phase, Recipe
from helpers.core import paths
from helpers.data import batches
from helpers.data.demo import object_classes, render
from helpers.models import architecture


def pretrain(pretraining: Pretraining = PRETRAINING) -> keras.Model:
    """Train a small MobileNetV2 from scratch.

    Returns:
        The network without its classification layer, inputs -1 to 1, outputs (n, 2, 2, 1280) for 64 px.
    """
    keras.utils.set_random_seed(pretraining.seed)
    images, labels = _images(pretraining)
    is_training = np.arange(len(labels)) % 20 != 0
    recipe = Recipe(
        "mobilenetv2",
        "pretraining",
        network="mobilenetv2_improved",
        phases=(Phase(pretraining.epochs, "adamw", pretraining.learning_rate),),
        batch_size=pretraining.batch_size,
        augmentation="mild",
        input_range=(-1.0, 1.0),
        width=pretraining.width,
    )
    model = architecture.build(recipe, pretraining.num_classes)
    for layer in model.layers:
        # With Keras' 0.999 the moving statistics would lag behind a training as short as this one.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.95
    steps = batches.steps_per_epoch(recipe, int(is_training.sum()))
    total = steps * pretraining.epochs
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-5, int(0.95 * total), warmup_target=pretraining.learning_rate, warmup_steps=int(0.05 * total)
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=pretraining.weight_decay),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=pretraining.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,
    )
    training = batches.training_batches(
        images[is_training], labels[is_training], recipe, pretraining.num_classes, pretraining.seed
    )
    held_out = images[~is_training], keras.utils.to_categorical(labels[~is_training], pretraining.num_classes)
    model.fit(training, epochs=pretraining.epochs, steps_per_epoch=steps, validation_data=held_out, verbose=2)
    base = keras.applications.MobileNetV2(
        input_shape=(64, 64, 3), include_top=False, weights=None, alpha=pretraining.width
    )
    for layer in base.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return base


def _images(pretraining: Pretraining) -> tuple[np.ndarray, np.ndarray]:
    kinds = object_classes(pretraining.num_classes, pretraining.class_seed)
    rendered = []
    for index, kind in enumerate(kinds):
        rng = np.random.default_rng([pretraining.class_seed, index])
        rendered.append(render(kind, pretraining.images_per_class, pretraining.nuisance, rng)[0])
    return np.concatenate(rendered), np.repeat(np.arange(len(kinds)), pretraining.images_per_class)


if __name__ == "__main__":
    pretrain().save_weights(paths.DEMO_WEIGHTS)
