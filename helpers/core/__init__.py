"""Errors, paths, storage, provenance and progress: the ground floor, which loads neither TensorFlow nor matplotlib."""
