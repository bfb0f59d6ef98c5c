import numpy as np

from helpers.data import sample_photographs


def test_the_photographs_have_the_size_and_type_of_the_data():
    photographs = sample_photographs.load()
    assert len(photographs) == 2
    for image in photographs.values():
        assert image.shape == (64, 64, 3) and image.dtype == np.uint8 and np.ptp(image) > 100
