"""The lint finds what is certain to fail, says what to do, and leaves everything else alone."""

import pytest

from thekla.simulators.lakehouse import BUILTIN_POLICIES, ORACLE_POLICIES, lint, policy_source

HEAD = "def schedule(s, results, pipelines):\n"


@pytest.mark.parametrize("name", [*BUILTIN_POLICIES, *ORACLE_POLICIES])
def test_nothing_is_found_in_a_shipped_policy(name: str) -> None:
    assert lint(policy_source(name)) == []


@pytest.mark.parametrize(
    ("source", "line", "rule", "message"),
    [
        ("def schedule(s, results, pipelines)\n", 1, "syntax", "expected ':'"),
        ("def shedule(s, results, pipelines):\n    return [], []\n", 1, "interface", "did you mean 'shedule'"),
        ("", 1, "interface", "no function schedule(s, results, pipelines)"),
        ("def schedule(s):\n    return [], []\n", 1, "signature", "is called as schedule(s, results, pipelines)"),
        ("async " + HEAD + "    return [], []\n", 1, "signature", "is called as"),
        (HEAD + "    return [], []\ndef init():\n    pass\n", 3, "signature", "is called as init(s)"),
        (
            "@register_scheduler(key='a')\ndef f(s, r, p):\n    return [], []\n"
            "@register_scheduler(key='a')\ndef g(s, r, p):\n    return [], []\n",
            4,
            "key",
            "'a' is registered twice",
        ),
        (
            "@register_scheduler(key='best')\ndef f(s, r, p):\n    return [], []\n"
            "@register_scheduler_init(key='bets')\ndef g(s):\n    pass\n",
            1,
            "key",
            "did you mean 'best'",
        ),
        ("import numpy\n" + HEAD + "    return [], []\n", 1, "import", "the standard library only"),
        ("from . import views\n" + HEAD + "    return [], []\n", 1, "import", "'.' cannot be imported"),
        (HEAD + "    return [], s.executor.pool\n", 2, "attribute", "Executor has no 'pool'; did you mean 'pools'"),
        (HEAD + "    s.waitng\n    return [], []\n", 2, "attribute", "Scheduler has no 'waitng'"),
        (
            HEAD
            + "    for p in pipelines:\n        for op in p.runtime_status().get_ops([]):\n            op.parnts\n",
            4,
            "attribute",
            "Operator has no 'parnts'; did you mean 'parents'",
        ),
        (
            HEAD + "    first = s.executor.pools[0]\n    first.avail_ram\n",
            3,
            "attribute",
            "did you mean 'avail_ram_pool'",
        ),
        (HEAD + "    [r.pipeline_id for r in results]\n", 2, "attribute", "ExecutionResult has no 'pipeline_id'"),
        (
            HEAD + "    for i, p in enumerate(pipelines):\n        p.prority\n",
            3,
            "attribute",
            "did you mean 'priority'",
        ),
        (HEAD + "    max(s.executor.pools, key=len).pool_size\n", 2, "attribute", "Pool has no 'pool_size'"),
        (HEAD + "    return [], help(s)\ndef help(s: 'Scheduler'):\n    return s.clck\n", 4, "attribute", "'clock'"),
        (HEAD + "    Priority.BATCH_PIPE\n", 2, "attribute", "did you mean 'BATCH_PIPELINE'"),
        (HEAD + "    pipelines[0].operators[0].segments\n", 2, "hidden", "Operator.segments is hidden"),
        (HEAD + "    s.executor.pools[0].consumed_ram_gb\n", 2, "hidden", "is learnt by running it"),
        (HEAD + "    Assignment([], cpus=1, ram=2, priority=3, pool_id=0)\n", 2, "call", "did you mean 'cpu'"),
        (HEAD + "    Suspend('c1')\n", 2, "call", "missing a required argument: 'pool_id'"),
    ],
)
def test_a_certain_mistake_is_found_where_it_stands(source: str, line: int, rule: str, message: str) -> None:
    (found,) = lint(source)
    assert (found.line, found.rule) == (line, rule)
    assert message in found.message


@pytest.mark.parametrize(
    "body",
    [
        "s.mine = 1\n    return s.mine",
        "pool = s.executor.pools[0]\n    pool.reserved = 2\n    return pool.reserved",
        "setattr(s, 'mine', 1)\n    return s.mine",
        "for name in 'ab':\n        setattr(s, name, 1)\n    return s.a",
        "x = pipelines[0]\n    x = 'text'\n    return x.upper()",
        "for x in (results, 'text'):\n        x.count",
        "return pipelines[0].priority.name, pipelines[0].priority.value",
        "return (lambda pipelines: pipelines.title())('x')",
        "a, b = pipelines[0], 'text'\n    return b.upper()",
        "Assignment(*pipelines)\n    Assignment(**{})",
        "return [p for p in pipelines if p.remaining_operators][0].waiting_seconds",
        "import math, collections\n    return math.inf",
        "from eudoxia.utils import Priority\n    return Priority.QUERY",
    ],
)
def test_what_may_be_right_is_left_alone(body: str) -> None:
    assert lint(f"{HEAD}    {body}\n") == []


def test_a_decorated_function_may_have_any_name_and_unpack_its_arguments() -> None:
    assert lint("@register_scheduler(key='k')\ndef mine(*all):\n    return [], []\n") == []
