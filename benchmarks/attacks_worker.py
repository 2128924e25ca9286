"""Runs in the environment of a published engine: evaluates programs with the engine's own evaluator.

`attacks_worker.py ENGINE FOLDER`: each line on standard input is a JSON text, the program; the verdict on the n-th goes
to the file `FOLDER/n`, as JSON with `score` (null if it failed) and `said`. Standard library and the engine only.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

EVALUATION = """
import importlib.util
JOBS = [[9, 2], [1, 7], [5, 3], [8, 1], [2, 9], [7, 4], [3, 3], [6, 8]]

def cost(order):
    done = total = 0
    for i in order:
        done += JOBS[i][0]
        total += done * JOBS[i][1]
    return total

def score_of(order):
    if not isinstance(order, list) or sorted(order) != list(range(len(JOBS))):
        raise ValueError("not an order of the jobs")
    best = sorted(range(len(JOBS)), key=lambda i: JOBS[i][0] / JOBS[i][1])
    return cost(best) / cost(order)

def evaluate(program_path):
    spec = importlib.util.spec_from_file_location("candidate", program_path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {"combined_score": score_of(module.order([list(job) for job in JOBS]))}
"""
TIMEOUT_S = 3


def openevolve(evaluation: str) -> Callable[[str], tuple[Any, str]]:
    """OpenEvolve's evaluator with its defaults, but for time, retries and cascade."""
    config = import_module("openevolve.config")
    settings = config.EvaluatorConfig(timeout=TIMEOUT_S, max_retries=0, cascade_evaluation=False)
    evaluator = import_module("openevolve.evaluator").Evaluator(settings, evaluation)

    def evaluate(text: str) -> tuple[Any, str]:
        metrics = asyncio.run(evaluator.evaluate_program(text, "candidate"))
        artifacts = evaluator.get_pending_artifacts("candidate")
        return metrics.get("combined_score"), f"{metrics} {artifacts}"

    return evaluate


def skydiscover(evaluation: str) -> Callable[[str], tuple[Any, str]]:
    """SkyDiscover's evaluator with its defaults, but for time, retries and cascade."""
    config = import_module("skydiscover.config")
    settings = config.EvaluatorConfig(timeout=TIMEOUT_S, max_retries=0, cascade_evaluation=False)
    evaluator = import_module("skydiscover.evaluation.evaluator").Evaluator(settings, evaluation)

    def evaluate(text: str) -> tuple[Any, str]:
        result = asyncio.run(evaluator.evaluate_program(text, "candidate"))
        return result.metrics.get("combined_score"), f"{result.metrics} {result.artifacts}"

    return evaluate


def _folder_of(package: str) -> ModuleType:
    """A package without what its own start imports, which an evaluator does not need; its modules can be imported."""
    hollow = ModuleType(package)
    found = importlib.util.find_spec(package)
    assert found is not None
    hollow.__path__ = list(found.submodule_search_locations or ())
    sys.modules[package] = hollow
    return hollow


def llm4ad(evaluation: str) -> Callable[[str], tuple[Any, str]]:
    """LLM4AD's evaluator, which forks a process for each program; its folder is enough (`pip install --no-deps`)."""
    _folder_of("llm4ad")
    engine = import_module("llm4ad.base.evaluate")
    spec = importlib.util.spec_from_file_location("evaluation", evaluation)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    class Orders(engine.Evaluation):  # type: ignore[misc, name-defined]  # found at run time
        def evaluate_program(self, program_str: str, callable_func: Any, **_: Any) -> Any:
            return module.score_of(callable_func([list(job) for job in module.JOBS]))

    template = "def order(jobs: list) -> list:\n    return list(range(len(jobs)))\n"
    evaluator = engine.SecureEvaluator(Orders(template, timeout_seconds=TIMEOUT_S), fork_proc="auto")

    def evaluate(text: str) -> tuple[Any, str]:
        # It wants one function, so the program is run by one.
        one = f"def order(jobs):\n    scope = {{}}\n    exec({text!r}, scope)\n    return scope['order'](jobs)\n"
        return evaluator.evaluate_program(one), ""

    return evaluate


SHINKA_EVALUATE = """
import sys
from importlib import util
from types import ModuleType

for package in ("shinka", "shinka.core", "shinka.utils"):
    hollow = ModuleType(package)
    hollow.__path__ = list(util.find_spec(package).submodule_search_locations)
    sys.modules[package] = hollow
from shinka.core.wrap_eval import run_shinka_eval

sys.path.insert(0, {folder!r})
from evaluation import JOBS, score_of

def aggregate(orders):
    return {{"combined_score": score_of(orders[0])}}

run_shinka_eval(
    program_path=sys.argv[2],
    results_dir=sys.argv[4],
    experiment_fn_name="order",
    num_runs=1,
    get_experiment_kwargs=lambda number: {{"jobs": [list(job) for job in JOBS]}},
    aggregate_metrics_fn=aggregate,
)
"""


def shinka(evaluation: str) -> Callable[[str], tuple[Any, str]]:
    """ShinkaEvolve's local jobs and its evaluation wrapper, one process for each program, as in its own examples.

    Its folder is enough (`pip install --no-deps`), with numpy and PyYAML, which the other engines bring.
    """
    for package in ("shinka", "shinka.launch", "shinka.utils"):
        _folder_of(package)
    general = import_module("shinka.utils.general")
    utils: Any = sys.modules["shinka.utils"]
    utils.load_results, utils.parse_time_to_seconds = general.load_results, general.parse_time_to_seconds
    local = import_module("shinka.launch.local")
    folder = os.path.dirname(evaluation)
    script = os.path.join(folder, "evaluate.py")
    with open(script, "w") as file:
        file.write(SHINKA_EVALUATE.format(folder=folder))

    def evaluate(text: str) -> tuple[Any, str]:
        place = tempfile.mkdtemp(prefix="job-", dir=folder)
        program, results = os.path.join(place, "main.py"), os.path.join(place, "results")
        with open(program, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
        job = local.submit(results, [sys.executable, script, "--program_path", program, "--results_dir", results])
        found = local.monitor(job, results, poll_interval=0.02, timeout=f"00:00:0{TIMEOUT_S}")
        metrics = found.get("metrics", {})
        shutil.rmtree(place, ignore_errors=True)
        return metrics.get("combined_score"), str(found)

    return evaluate


ENGINES = {"openevolve": openevolve, "skydiscover": skydiscover, "llm4ad": llm4ad, "shinka": shinka}


def main() -> None:
    """Evaluate what comes."""
    engine, folder = sys.argv[1:]
    evaluation = os.path.join(folder, "evaluation.py")
    with open(evaluation, "w") as file:
        file.write(EVALUATION)
    evaluate = ENGINES[engine](evaluation)
    dumps, replace, is_number = json.dumps, os.replace, (int, float)
    for number, line in enumerate(sys.stdin):
        try:
            score, said = evaluate(json.loads(line))
        except Exception as error:  # border: whatever the engine lets through
            score, said = None, repr(error)
        good = isinstance(score, is_number) and score != 0  # 0 is how these engines report a failure
        path = os.path.join(folder, str(number))
        with open(path + ".new", "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(dumps({"score": float(score) if good else None, "said": said}))
        replace(path + ".new", path)


if __name__ == "__main__":
    multiprocessing.freeze_support()
    main()
