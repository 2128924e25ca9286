"""What a published engine draws after a recorded population; started by `selection.py` in the engine's interpreter.

Usage: `python selection_worker.py ENGINE`, with the record as JSON on stdin. Prints two samples for each island, by the
text of the program, and the children after which it migrated.
"""

from __future__ import annotations

import json
import logging
import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Samples = Sequence[Sequence[Counter[str]]]
Record = Sequence[Mapping[str, Any]]


def openevolve(record: Record, draws: int, islands: int) -> tuple[Samples, list[int]]:
    """OpenEvolve's database with its default configuration, driven as its controller does."""
    from openevolve.config import DatabaseConfig  # type: ignore[import-not-found]  # it is in the interpreter that runs this
    from openevolve.database import Program, ProgramDatabase  # type: ignore[import-not-found]  # it is in the interpreter that runs this

    database = ProgramDatabase(DatabaseConfig(random_seed=1))
    migrations = []
    for number, child in enumerate(record):
        if child["scores"] is not None:
            metrics = {"combined_score": child["score"]}
            program = Program(id=f"r{number}", code=child["text"], metrics=metrics, generation=number)
            island = child["island"] if number else None
            database.add(program, iteration=number, target_island=island)
        if number:
            database.increment_island_generation(island_idx=child["island"])
        if number and database.should_migrate():
            database.migrate_programs()
            migrations.append(number)

    def sample(island: int) -> Counter[str]:
        return Counter(database.sample_from_island(island)[0].code for _ in range(draws))

    return [[sample(island), sample(island)] for island in range(islands)], migrations


def gepa(record: Record, draws: int, islands: int) -> tuple[Samples, list[int]]:
    """GEPA's draw from the fronts over instances, of children that are better in sum than their parent."""
    from gepa.gepa_utils import select_program_candidate_from_pareto_front  # type: ignore[import-not-found]  # it is in the interpreter that runs this

    kept: dict[int, int] = {}
    for number, child in enumerate(record):
        parent = child["parent"]
        if child["scores"] and (parent is None or parent not in kept or child["score"] > record[parent]["score"]):
            kept[number] = len(kept)
    order = list(kept)
    scores = [record[number]["scores"] for number in order]
    best = [max(column) for column in zip(*scores, strict=True)]
    fronts = {
        instance: {place for place, row in enumerate(scores) if row[instance] == top}
        for instance, top in enumerate(best)
    }
    means = [sum(row) / len(row) for row in scores]
    rng = random.Random(1)

    def sample() -> Counter[str]:
        found = (select_program_candidate_from_pareto_front(fronts, means, rng) for _ in range(draws))
        return Counter(record[order[place]]["text"] for place in found)

    return [[sample(), sample()] for _ in range(islands)], []


def shinka(record: Record, draws: int, islands: int) -> tuple[Samples, list[int]]:
    """ShinkaEvolve's database in memory with its default configuration, and its weighted draw of parents."""
    import numpy as np
    from shinka.database.dbase import DatabaseConfig, Program, ProgramDatabase  # type: ignore[import-not-found]  # it is in the interpreter that runs this
    from shinka.database.parents import WeightedSamplingStrategy  # type: ignore[import-not-found]  # it is in the interpreter that runs this

    np.random.seed(1)
    config = DatabaseConfig()
    database = ProgramDatabase(config)
    names: dict[tuple[int, int], str] = {}
    for number, child in enumerate(record):
        for island in range(islands) if number == 0 else [child["island"]]:
            parent = child["parent"]
            above = (
                None if parent is None else names.get((parent, island), names.get((parent, record[parent]["island"])))
            )
            program = Program(
                id=f"r{number}-{island}",
                code=child["text"],
                parent_id=above,
                generation=number,
                combined_score=child["score"],
                correct=child["scores"] is not None,
                island_idx=island,
                complexity=1.0,
            )
            names[number, island] = program.id
            database.add(program)
            database.cursor.execute("UPDATE programs SET island_idx = ? WHERE id = ?", (island, program.id))
            database.conn.commit()

    def sample(island: int) -> Counter[str]:
        strategy = WeightedSamplingStrategy(
            database.cursor, database.conn, config, lambda name: name, None, island_idx=island
        )
        texts = {name: record[number]["text"] for (number, _), name in names.items()}
        return Counter(texts[strategy.sample_parent()] for _ in range(draws))

    return [[sample(island), sample(island)] for island in range(islands)], []


ENGINES: Mapping[str, Callable[[Record, int, int], tuple[Samples, list[int]]]] = {
    "openevolve": openevolve,
    "gepa": gepa,
    "shinka": shinka,
}

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    given = json.load(sys.stdin)
    samples, migrations = ENGINES[sys.argv[1]](given["record"], given["draws"], given["islands"])
    print(json.dumps({"samples": samples, "migrations": migrations}))
