"""The synthetic model answers over the OpenAI protocol with the very proposals of a trial."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

import pytest

from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.rng import derive_seed
from thekla.core.run import Ticket
from thekla.laboratory.endpoint import synthetic_script
from thekla.laboratory.genome import Genome
from thekla.laboratory.problems import deceptive, fmin5
from thekla.laboratory.proposals import SyntheticModel
from thekla.testing.model_server import ModelServer

LAB = fmin5()
CURRENT = Genome(form="a", constants=(0.5, 2.0, 3.0, 4.0, 5.0)).program
OTHER = Genome(form="a", constants=(1.0, 1.0, 1.0, 1.0, 7.0)).program


def said(prompt: str, number: int = 0, *, seed: int = 3, system: str = OTHER.text) -> str:
    body = {"messages": [{"role": "system", "content": system}, {"role": "user", "content": prompt}]}
    text = synthetic_script(LAB, seed=seed)(number, body).text
    assert text is not None
    return text


@pytest.mark.parametrize("number", range(5))
def test_the_last_program_of_the_prompt_is_changed_as_in_a_trial(number: int) -> None:
    parent = Candidate(id=CandidateId("s0"), program=CURRENT)
    draws = derive_seed(3, "laboratory", number)
    expected = SyntheticModel(LAB).answer(Ticket(id="t1", parents=(parent,)), seed=draws)
    assert expected.program is not None
    prompt = f"Earlier:\n```python\n{OTHER.text}```\n# Current Program\n```python\n{CURRENT.text}```\nImprove it."
    assert said(prompt, number) == f"```python\n{expected.program.text}```\n"


@pytest.mark.parametrize("by_system", [False, True])
def test_a_prompt_that_asks_for_blocks_gets_one_that_fits(by_system: bool) -> None:
    asked = "<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE"
    shown = f"```python\n{CURRENT.text}```\n"
    answer = said(shown, system=asked) if by_system else said(shown + asked)
    old, _, new = answer.removeprefix("<<<<<<< SEARCH\n").removesuffix("\n>>>>>>> REPLACE\n").partition("\n=======\n")
    assert CURRENT.text.count(old) == 1
    changed = Program.from_text(CURRENT.text.replace(old, new))
    assert Genome.of(changed, forms=LAB.forms, dimensions=5) is not None
    assert changed != CURRENT


def test_a_prompt_without_a_program_of_the_problem_starts_from_the_seed() -> None:
    assert said("return 'z', [1.0]").startswith("```python\ndef answer():\n    return 'a', [")


def test_content_in_parts_is_read_and_some_answers_hold_no_program() -> None:
    script = synthetic_script(deceptive(), seed=1)
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello."}]}]}
    texts = [script(number, body).text or "" for number in range(100)]
    assert 1 <= sum("```" not in text for text in texts) <= 15  # 5 expected


def test_it_is_served_over_the_protocol() -> None:
    with ModelServer(synthetic_script(LAB, seed=3)) as server:
        body = {"model": "synthetic", "messages": [{"role": "user", "content": CURRENT.text}]}
        request = Request(
            f"{server.url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urlopen(request, timeout=30) as answer:
            found = json.load(answer)
    assert found["choices"][0]["message"]["content"] == said(CURRENT.text)
