"""The trusted side: draws traces, runs a policy on them, and computes its score. Programs never see this file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from thekla.core.protocols import Guest
from thekla.core.values import Value
from thekla.problems.written import InvalidAnswer, Judged

__all__ = ["Trace", "bound", "hidden", "judge", "relabelled", "resized", "varied", "workload"]

REQUESTS = 1_200
CAPACITY = 24  # pages that the cache holds
_PAGES = 150


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A workload: the pages that are asked for, one after another, and the hits of a policy that knows them all."""

    requests: tuple[int, ...]
    most_hits: int


def workload(rng: Random, length: int = REQUESTS) -> Trace:
    """A trace with popular pages whose popularity drifts, broken by scans of pages that nobody asks for again."""
    ranks = [1.0 / (rank + 1) ** rng.uniform(0.7, 1.1) for rank in range(_PAGES)]
    pages = list(range(_PAGES))
    rng.shuffle(pages)
    requests: list[int] = []
    fresh = _PAGES
    while len(requests) < length:
        if rng.random() < 0.006:
            scanned = rng.randrange(15, 45)
            requests += range(fresh, fresh + scanned)
            fresh += scanned
        if rng.random() < 0.01:
            one, other = rng.randrange(20), rng.randrange(_PAGES)
            pages[one], pages[other] = pages[other], pages[one]
        requests.append(pages[rng.choices(range(_PAGES), ranks)[0]])
    return _trace(requests[:length])


def _trace(requests: Sequence[int]) -> Trace:
    return Trace(requests=tuple(requests), most_hits=_clairvoyant_hits(requests))


def judge(guest: Guest, trace: Trace) -> Judged:
    """Runs the policy through the trace: it is called whenever a page must leave, and told only what has been."""
    came: dict[int, int] = {}
    used: dict[int, int] = {}
    uses: dict[int, int] = {}
    hits = scanned = 0
    for now, page in enumerate(trace.requests):
        if page in came:
            hits += 1
            uses[page] += 1
        else:
            if len(came) == CAPACITY:
                cached = list(came)
                told = [[now - used[each], now - came[each], uses[each]] for each in cached]
                place = guest.call("evict", told)
                if type(place) is not int or not 0 <= place < CAPACITY:
                    raise InvalidAnswer(f"request {now}: evict gave {str(place)[:60]}; expected a page of the cache")
                gone = cached[place]
                scanned += uses[gone] == 1
                del came[gone], used[gone], uses[gone]
            came[page], uses[page] = now, 1
        used[page] = now
    asked = len(trace.requests)
    misses = asked - hits
    share = hits / trace.most_hits
    return Judged(
        score=share,
        measures={"once_used": scanned / max(1, misses - CAPACITY)},
        feedback=f"{hits} hits of {asked} requests, {trace.most_hits} if all were known; "
        f"{100 * scanned / max(1, misses - CAPACITY):.0f} % of the evicted pages had been asked for once",
    )


def bound(trace: Trace) -> float:
    """1: no policy has more hits than one that knows the future (Belady 1966)."""
    return 1.0


def resized(rng: Random, factor: float) -> Trace:
    """Optional: a trace that is so many times as long. A winner must hold there, too, when it is promoted."""
    return workload(rng, length=round(factor * REQUESTS))


def varied(trace: Trace, rng: Random) -> Trace:
    """Optional: a neighbour, in which a stretch is asked for once more in the place of another one."""
    requests, length = list(trace.requests), rng.randrange(20, 200)
    source, target = (rng.randrange(len(requests) - length) for _ in range(2))
    requests[target : target + length] = requests[source : source + length]
    return _trace(requests)


def relabelled(trace: Trace, rng: Random) -> Trace:
    """Optional: the same trace with other numbers for its pages, which no policy is told and no score may read."""
    pages = sorted(set(trace.requests))
    names = dict(zip(pages, rng.sample(pages, len(pages)), strict=True))
    return _trace([names[page] for page in trace.requests])


def hidden(trace: Trace) -> list[Value]:
    """Optional: what no policy may be told. The audit looks for the trace as a whole."""
    return [list(trace.requests)]


def _clairvoyant_hits(requests: Sequence[int]) -> int:
    """Hits of the policy that evicts the page that is asked for furthest in the future, which is optimal."""
    places: dict[int, list[int]] = {}
    for now, page in enumerate(requests):
        places.setdefault(page, []).append(now)
    cached: dict[int, int] = {}
    hits = 0
    for now, page in enumerate(requests):
        hits += page in cached
        if page not in cached and len(cached) == CAPACITY:
            del cached[max(cached, key=cached.__getitem__)]
        later = bisect_right(places[page], now)
        cached[page] = places[page][later] if later < len(places[page]) else len(requests)  # never
    return hits
