"""Language models as `ChatModel`s, and decorators of them: account, limit, retry, ensemble, cassette.

From the inside out, a model of a run is a request (`WireModel`, or the provider's own interface), its account
(`Metered`), adaptive concurrency (`Limited`) and the one layer that repeats (`Retried`). Knows no program.
"""

from thekla.llm.account import Account, Book, Caps, Metered
from thekla.llm.cassette import RecordingModel, ReplayedModel
from thekla.llm.deadline import REAL_TIME, Time, remaining_s, within
from thekla.llm.ensemble import Ensemble, Member
from thekla.llm.faults import TOO_LONG, FaultKind, ModelFault
from thekla.llm.limits import Limited
from thekla.llm.models import Models, ModelSource
from thekla.llm.pricing import Price, price_of
from thekla.llm.retry import Breaker, Retried, RetryPolicy
from thekla.llm.settings import PROVIDERS, ROLES, ModelRule, ModelSettings, settings_of
from thekla.llm.wire import Patience, WireModel

__all__ = [
    "PROVIDERS",
    "REAL_TIME",
    "ROLES",
    "TOO_LONG",
    "Account",
    "Book",
    "Breaker",
    "Caps",
    "Ensemble",
    "FaultKind",
    "Limited",
    "Member",
    "Metered",
    "ModelFault",
    "ModelRule",
    "ModelSettings",
    "ModelSource",
    "Models",
    "Patience",
    "Price",
    "RecordingModel",
    "ReplayedModel",
    "Retried",
    "RetryPolicy",
    "Time",
    "WireModel",
    "price_of",
    "remaining_s",
    "settings_of",
    "within",
]
