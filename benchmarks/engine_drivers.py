"""One search by a published engine, in the interpreter where the engine is installed; started by `engines.py`.

Usage: `python engine_drivers.py ENGINE PROBLEM URL SEED PROPOSALS FOLDER`. Programs and scores go to
FOLDER/scores.txt in the order of evaluation, the seed program first. Defaults of the engines are kept, except what
makes this a comparison of selection on equal proposals: one at a time, the budget, the model, and no pauses.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from thekla.core.evaluation import Scored
from thekla.core.program import Program
from thekla.laboratory.problems import LABORATORY

FOLDER = "LABORATORY_FOLDER"
PROBLEM = "LABORATORY_PROBLEM"


def evaluate(program_path: str) -> dict[str, float]:
    """What engines call on a file with a program; worker processes find folder and problem in their environment."""
    return {"combined_score": score(Path(program_path).read_text(encoding="utf-8"))}


def score(text: str) -> float:
    """The score of a program's text, 0 if it has none; each is written down."""
    lab = LABORATORY[os.environ[PROBLEM]]()
    outcome, genome = lab.evaluate(Program.from_text(text)), lab.read(Program.from_text(text))
    program = genome.program if genome is not None else Program.from_text(text)  # without the marks of an engine
    found = outcome.scores[lab.problem.objective.name] if isinstance(outcome, Scored) else 0.0
    with (Path(os.environ[FOLDER]) / "scores.txt").open("a", encoding="utf-8") as file:
        file.write(f"{program.id} {found!r}\n")
    return found


def openevolve(seed_text: str, url: str, *, seed: int, proposals: int, folder: Path) -> None:
    """OpenEvolve with its default configuration."""
    from openevolve import run_evolution  # type: ignore[import-not-found]  # it is in the interpreter that runs this
    from openevolve.config import Config, LLMModelConfig  # type: ignore[import-not-found]  # it is in the interpreter that runs this

    config = Config()
    config.llm.models = [
        LLMModelConfig(name="synthetic", api_base=url, api_key="none", weight=1.0, timeout=60, retries=0, retry_delay=0)
    ]
    config.llm.api_base = url
    config.random_seed = seed
    config.log_level = "ERROR"
    config.evaluator.parallel_evaluations = 1
    config.evaluator.cascade_evaluation = False  # the evaluator has one stage
    program = folder / "seed.py"
    program.write_text(f"# EVOLVE-BLOCK-START\n{seed_text}# EVOLVE-BLOCK-END\n", encoding="utf-8")
    run_evolution(
        str(program), str(Path(__file__)), config=config, iterations=proposals, output_dir=str(folder), cleanup=False
    )


def gepa(seed_text: str, url: str, *, seed: int, proposals: int, folder: Path) -> None:
    """GEPA's `optimize_anything` on one task, with its default configuration."""
    from gepa.optimize_anything import (  # type: ignore[import-not-found]  # it is in the interpreter that runs this
        EngineConfig,
        GEPAConfig,
        ReflectionConfig,
        optimize_anything,
    )

    config = GEPAConfig(
        engine=EngineConfig(
            seed=seed, max_candidate_proposals=proposals, parallel=False, use_cloudpickle=False, run_dir=str(folder)
        ),
        reflection=ReflectionConfig(reflection_lm=lambda prompt: ask(url, prompt)),
    )
    optimize_anything(seed_candidate=seed_text, evaluator=lambda text: (score(text), {}), config=config)


def skydiscover(kind: str) -> Callable[..., None]:
    """One of SkyDiscover's own searches with its default configuration."""

    def run(seed_text: str, url: str, *, seed: int, proposals: int, folder: Path) -> None:
        from skydiscover import run_discovery  # type: ignore[import-not-found]  # it is in the interpreter that runs this
        from skydiscover.config import Config, LLMModelConfig  # type: ignore[import-not-found]  # it is in the interpreter that runs this

        config = Config()
        model = LLMModelConfig(
            name="synthetic",
            api_base=url,
            api_key="none",
            temperature=config.llm.temperature,
            top_p=config.llm.top_p,
            max_tokens=config.llm.max_tokens,
            timeout=60,
            retries=0,
            retry_delay=0,
        )
        config.llm.models = config.llm.evaluator_models = config.llm.guide_models = [model]
        config.random_seed = seed
        config.log_level = "ERROR"
        config.evaluator.parallel_evaluations = 1
        config.evaluator.cascade_evaluation = False  # the evaluator has one stage
        program = folder / "seed.py"
        program.write_text(f"# EVOLVE-BLOCK-START\n{seed_text}# EVOLVE-BLOCK-END\n", encoding="utf-8")
        output = str(folder / "output")
        run_discovery(
            str(program),
            str(Path(__file__)),
            config,
            iterations=proposals,
            output_dir=output,
            cleanup=False,
            search=kind,
        )

    return run


def shinka(seed_text: str, url: str, *, seed: int, proposals: int, folder: Path) -> None:
    """ShinkaEvolve with its default configuration, without embeddings: the endpoint has none to judge novelty by."""
    import numpy as np
    from shinka.core import EvolutionConfig, ShinkaEvolveRunner  # type: ignore[import-not-found]  # it is in the interpreter that runs this
    from shinka.database import DatabaseConfig  # type: ignore[import-not-found]  # it is in the interpreter that runs this
    from shinka.launch import LocalJobConfig  # type: ignore[import-not-found]  # it is in the interpreter that runs this

    np.random.seed(seed)  # the engine draws from the global generator
    program = folder / "seed.py"
    program.write_text(f"# EVOLVE-BLOCK-START\n{seed_text}# EVOLVE-BLOCK-END\n", encoding="utf-8")
    output = str(folder / "output")
    runner = ShinkaEvolveRunner(
        EvolutionConfig(
            num_generations=proposals + 1,  # the first is the seed
            llm_models=[f"local/synthetic@{url}"],
            embedding_model=None,
            init_program_path=str(program),
            results_dir=output,
        ),
        LocalJobConfig(eval_program_path=str(Path(__file__)), python_executable=sys.executable),
        DatabaseConfig(),
        verbose=False,
        max_evaluation_jobs=1,
        max_proposal_jobs=1,
    )
    runner.run()


def evaluate_for_shinka(arguments: Sequence[str]) -> None:
    """What ShinkaEvolve starts for each program: `--program_path FILE --results_dir FOLDER`."""
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    found, results = evaluate(given["--program_path"]), Path(given["--results_dir"])
    results.mkdir(parents=True, exist_ok=True)
    (results / "metrics.json").write_text(json.dumps(found), encoding="utf-8")
    (results / "correct.json").write_text(json.dumps({"correct": found["combined_score"] > 0, "error": None}))


def ask(url: str, prompt: str | list[Mapping[str, Any]]) -> str:
    """The endpoint's answer to a prompt."""
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    body = json.dumps({"model": "synthetic", "messages": messages}).encode()
    with urlopen(Request(f"{url}/chat/completions", body, {"Content-Type": "application/json"}), timeout=60) as answer:
        return str(json.load(answer)["choices"][0]["message"]["content"])


ENGINES: Mapping[str, Callable[..., None]] = {
    "openevolve": openevolve,
    "gepa": gepa,
    "shinka": shinka,
    "skydiscover-adaevolve": skydiscover("adaevolve"),
    "skydiscover-topk": skydiscover("topk"),
}


def main(engine: str, problem: str, url: str, seed: int, proposals: int, folder: Path) -> None:
    """Run one search."""
    os.environ[FOLDER], os.environ[PROBLEM] = str(folder), problem
    text = LABORATORY[problem]().problem.seeds[0].text
    ENGINES[engine](text, url, seed=seed, proposals=proposals, folder=folder)


if __name__ == "__main__" and "--program_path" in sys.argv:
    evaluate_for_shinka(sys.argv[1:])
elif __name__ == "__main__":
    name, lab, endpoint, number, budget, place = sys.argv[1:]
    main(name, lab, endpoint, int(number), int(budget), Path(place))
