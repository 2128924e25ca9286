"""Solution selection: pure, seeded ask/tell strategies that know no model, store or sandbox."""

from thekla.search.greedy import Greedy
from thekla.search.islands import Islands
from thekla.search.random_search import RandomSearch
from thekla.search.sampling import Sampling
from thekla.search.tuning import Tuning

__all__ = ["Greedy", "Islands", "RandomSearch", "Sampling", "Tuning"]
