"""Is this a problem for a search at all: isolated change, a statement to act on, evaluation cheap enough?"""

from __future__ import annotations

from collections.abc import Iterator

from thekla.audit.bench import Bench
from thekla.audit.findings import Finding, Severity
from thekla.core.problem import Split
from thekla.core.visible import duration

__all__ = ["change_is_isolated", "evaluation_is_cheap", "statement_is_complete"]

_LEAST_STATEMENT = 200  # characters: shorter ones leave a model to guess what is wanted
_MOST_FUNCTIONS = 6
_SLOW_S, _TOO_SLOW_S = 60.0, 3600.0  # of one evaluation on the train split
_RUN = 100  # evaluations of the forecast: the budget of the published comparisons
_WORKERS = 2
_CHARACTERS_PER_TOKEN = 4


def statement_is_complete(bench: Bench) -> Iterator[Finding]:
    """The statement, the functions and the objectives say all that a program's author needs."""
    problem = bench.problem
    gaps = []
    if len(problem.statement.strip()) < _LEAST_STATEMENT:
        gaps.append(f"the statement has {len(problem.statement.strip())} characters")
    gaps += [f"{each.name} has no description" for each in problem.interface.functions if not each.doc]
    gaps += [f"objective {each.name} has no unit" for each in problem.objectives if not each.unit]
    unnamed = [
        each.name for each in problem.interface.functions if each.required and each.name not in problem.statement
    ]
    gaps += [f"the statement does not name {name}" for name in unnamed]
    if gaps:
        yield Finding(
            fault="incomplete_statement",
            severity=Severity.WARNING,
            message="; ".join(gaps),
            remedy="say what is decided, on what, in which units, under which rules, and how it is scored: most "
            "failures of models come from facts about the interface that nobody told them",
        )


def change_is_isolated(bench: Bench) -> Iterator[Finding]:
    """The change is to a few functions whose effect the evaluator sees by itself."""
    count = len(bench.problem.interface.functions)
    if count > _MOST_FUNCTIONS:
        yield Finding(
            fault="scattered_change",
            severity=Severity.WARNING,
            message=f"a program defines {count} functions; searches do well where one to three decide",
            remedy="fix the parts that are not in question, and let programs decide the rest",
        )


def evaluation_is_cheap(bench: Bench) -> Iterator[Finding]:
    """An evaluation on the train split takes seconds, and a run hours."""
    train = bench.problem.instances[Split.TRAIN]
    trials = bench.trials(bench.problem.seeds[0])
    each_s = sum(trial.usage.wall_s for trial in trials) / len(trials)
    whole_s = each_s * len(train)
    prompt = (len(bench.problem.statement) + len(bench.problem.seeds[0].text)) // _CHARACTERS_PER_TOKEN
    run_s = whole_s * _RUN / _WORKERS
    severity = next(
        (level for limit, level in ((_TOO_SLOW_S, Severity.FATAL), (_SLOW_S, Severity.WARNING)) if whole_s > limit),
        Severity.INFO,
    )
    yield Finding(
        fault="cost_forecast" if severity is Severity.INFO else "slow_evaluation",
        severity=severity,
        message=f"an evaluation of the first seed on {len(train)} train instances takes about {duration(whole_s)}; "
        f"{_RUN} of them with {_WORKERS} workers about {duration(run_s)}, and with a language model at least "
        f"{_RUN * prompt:,} tokens of prompts",
        remedy="put a cheaper stage first, use smaller instances, or a faster simulator"
        if severity is not Severity.INFO
        else "",
        evidence={"evaluation_s": whole_s, "run_s": run_s, "prompt_tokens": _RUN * prompt},
    )
