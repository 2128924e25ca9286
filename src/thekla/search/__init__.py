"""Solution selection: pure, seeded ask/tell strategies that know no model, store or sandbox."""

from thekla.search.adaptive import Thekla
from thekla.search.annealing import Annealing
from thekla.search.beam import Beam
from thekla.search.best_of_n import BestOfN
from thekla.search.greedy import Greedy
from thekla.search.islands import Islands
from thekla.search.random_search import RandomSearch
from thekla.search.sampling import Sampling
from thekla.search.topk import TopK
from thekla.search.tuning import Tuning

__all__ = [
    "Annealing",
    "Beam",
    "BestOfN",
    "Greedy",
    "Islands",
    "RandomSearch",
    "Sampling",
    "Thekla",
    "TopK",
    "Tuning",
]
