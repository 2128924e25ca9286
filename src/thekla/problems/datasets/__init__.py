"""Public data for the problems: what there is, where it lies on this machine, and how it gets there.

Nothing of it ships with Thekla. Loaders ask `path` or `content`; whoever lacks a file is told to run
`thekla data fetch`, which alone uses the network.
"""

from .catalogue import Dataset, catalogue, dataset
from .fetching import FetchError, fetch
from .finding import MissingDataError, cache_folder, content, path

__all__ = [
    "Dataset",
    "FetchError",
    "MissingDataError",
    "cache_folder",
    "catalogue",
    "content",
    "dataset",
    "fetch",
    "path",
]
