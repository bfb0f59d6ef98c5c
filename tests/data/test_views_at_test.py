import numpy as np
import pytest

from helpers.config.recipes import VIEWS_AT_TEST
from helpers.core.tensorflow import tf
from helpers.data import augment, views_at_test

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)


def test_the_image_is_a_view_of_itself_and_the_mirror_image_is_mirrored():
    assert views_at_test.view(IMAGES, "image") is IMAGES
    np.testing.assert_array_equal(views_at_test.view(IMAGES, "mirror image"), IMAGES[:, :, ::-1])


@pytest.mark.parametrize("name", [name for name, view in VIEWS_AT_TEST.items() if view.scale != 1])
def test_a_zoomed_view_is_what_augmentation_with_that_zoom_gives(name):
    view = VIEWS_AT_TEST[name]
    scale = tf.fill((len(IMAGES),), view.scale)
    expected = augment.transform(IMAGES, {"zx": scale, "zy": scale}).numpy()
    seen = views_at_test.view(IMAGES, name)
    assert seen.dtype == np.uint8 and seen.shape == IMAGES.shape
    np.testing.assert_allclose(seen[:, :, ::-1] if view.mirrored else seen, expected, atol=0.51)
