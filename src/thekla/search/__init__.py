"""Solution selection: pure, seeded ask/tell strategies that know no model, store or sandbox."""

from thekla.search.adaevolve import AdaEvolve
from thekla.search.adaptive import Thekla
from thekla.search.annealing import Annealing
from thekla.search.beam import Beam
from thekla.search.best_of_n import BestOfN
from thekla.search.eoh import EoH, ReEvo
from thekla.search.evox import EvoX
from thekla.search.funsearch import FunSearch
from thekla.search.gepa import Gepa
from thekla.search.greedy import Greedy
from thekla.search.hinting import Hinted
from thekla.search.islands import Islands
from thekla.search.levi import Levi
from thekla.search.mcts import TreeSearch
from thekla.search.noting import Noted
from thekla.search.openevolve import OpenEvolve
from thekla.search.pareto import Moead, Nsga2
from thekla.search.random_search import RandomSearch
from thekla.search.sampling import Sampling
from thekla.search.shinka import Shinka
from thekla.search.topk import TopK
from thekla.search.tuning import Tuning
from thekla.search.weighing import Weighed, needs_weighing

__all__ = [
    "AdaEvolve",
    "Annealing",
    "Beam",
    "BestOfN",
    "EoH",
    "EvoX",
    "FunSearch",
    "Gepa",
    "Greedy",
    "Hinted",
    "Islands",
    "Levi",
    "Moead",
    "Noted",
    "Nsga2",
    "OpenEvolve",
    "RandomSearch",
    "ReEvo",
    "Sampling",
    "Shinka",
    "Thekla",
    "TopK",
    "TreeSearch",
    "Tuning",
    "Weighed",
    "needs_weighing",
]
