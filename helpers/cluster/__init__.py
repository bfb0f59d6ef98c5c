"""A sweep of runs on a Dask cluster."""
