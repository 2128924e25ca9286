"""Command-line agents, played by a script: what they leave is the program, what they print is the cost."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from thekla.core.errors import ConfigError, ProviderError
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.run import Prompt, Proposal, Section, Ticket
from thekla.generation.agents import TOOLS, CommandAgent
from thekla.llm import ModelSettings, price_of
from thekla.testing.toy import ToyPackage

PROBLEM = ToyPackage().problem
PARENT = Program.from_text("def answer():\n    return [1.0, 1.0, 1.0, 1.0, 1.0]\n")
CHILD = "def answer():\n    return [0.5, 1.0, 1.0, 1.0, 1.0]\n"

_SCRIPT = """\
#!{python} -IS
import json, os, sys
from pathlib import Path
Path({log!r}).write_text(json.dumps([sys.argv[1:], sys.stdin.read(), os.getcwd(), dict(os.environ)]))
{body}
"""

PRINTED: dict[str, Any] = {
    "claude": {
        "type": "result",
        "is_error": False,
        "result": "Halved the first number.",
        "total_cost_usd": 0.0421,
        "num_turns": 3,
        "usage": {
            **{"input_tokens": 60, "cache_creation_input_tokens": 40},
            **{"cache_read_input_tokens": 900, "output_tokens": 50},
        },
    },
    "codex": [
        {"type": "thread.started", "thread_id": "x"},
        {"type": "item.completed", "item": {"type": "agent_message", "text": "Halved the first number."}},
        {"type": "turn.completed", "usage": {"input_tokens": 1000, "cached_input_tokens": 900, "output_tokens": 50}},
    ],
    "gemini": {
        "response": "Halved the first number.",
        "stats": {
            "models": {
                "some-model": {
                    "api": {"totalRequests": 3},
                    "tokens": {"prompt": 1000, "cached": 900, "candidates": 40, "thoughts": 10},
                }
            }
        },
    },
    "opencode": [
        {"type": "text", "part": {"text": "Halved the first number."}},
        {
            "type": "step_finish",
            "part": {"cost": 0.03, "tokens": {"input": 20, "output": 20, "cache": {"read": 600, "write": 40}}},
        },
        {
            "type": "step_finish",
            "part": {"cost": 0.0121, "tokens": {"input": 40, "output": 20, "reasoning": 10, "cache": {"read": 300}}},
        },
    ],
}
KEY = "the-key-of-this-test"
WRITTEN = {"claude": 40, "codex": 0, "gemini": 0, "opencode": 40}
PRICES = {"claude": 0.0421, "codex": None, "gemini": None, "opencode": 0.0421}
"""As the tools say; the model of these tests is in no price list."""


def printing(tool: str) -> str:
    found = PRINTED[tool]
    text = "\n".join(json.dumps(one) for one in found) if isinstance(found, list) else json.dumps(found)
    return f"print({text!r})"


def writing(text: str = CHILD) -> str:
    return f"Path('program.py').write_text({text!r})\n"


class Fake:
    """An executable that does what it is told, and writes down how it was called."""

    def __init__(self, folder: Path, body: str) -> None:
        self.path, self.log = folder / "agent", folder / "log.json"
        self.path.write_text(_SCRIPT.format(python=sys.executable, log=str(self.log), body=body))
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    def agent(self, tool: Any = "claude", **changes: Any) -> CommandAgent:
        environment = {"PATH": os.environ["PATH"], "PWD": "/elsewhere", "OLDPWD": "/before", "ANTHROPIC_API_KEY": KEY}
        return CommandAgent(tool=tool, environment=environment, executable=str(self.path), **changes)

    @property
    def called(self) -> tuple[list[str], str, str, dict[str, str]]:
        arguments, given, folder, environment = json.loads(self.log.read_text())
        return arguments, given, folder, environment


def proposed(agent: CommandAgent, *, parent: Program | None = PARENT) -> Proposal:
    parents = (Candidate(id=CandidateId("s0"), program=parent),) if parent is not None else ()
    prompt = Prompt(sections=(Section(name="task", text="Improve it.", tokens=3),))
    return asyncio.run(agent.propose(PROBLEM, Ticket(id="t1", parents=parents), prompt, seed=1))


@pytest.mark.parametrize("tool", list(TOOLS))
def test_each_tool_gets_the_prompt_and_a_work_tree_and_its_cost_is_read(tool: str, tmp_path: Path) -> None:
    fake = Fake(tmp_path, writing() + printing(tool))
    found = proposed(fake.agent(tool, model="some-model"))
    assert found.program == Program.from_text(CHILD)
    assert found.operator == f"{tool} some-model"
    spent = found.spending
    assert (spent.input_tokens, spent.cached_tokens, spent.output_tokens) == (1000, 900, 50)
    assert spent.cache_write_tokens == WRITTEN[tool]
    assert spent.cost_usd == (pytest.approx(PRICES[tool]) if PRICES[tool] is not None else None)
    assert spent.calls >= 1
    assert json.loads(found.raw)["said"] == "Halved the first number."
    arguments, given, folder, environment = fake.called
    assert "some-model" in arguments
    assert "Improve it." in (given if TOOLS[tool].by_stdin else " ".join(arguments))
    assert not Path(folder).exists()
    assert set(TOOLS[tool].environment.items()) <= set(environment.items())
    assert environment["PWD"] == folder, "opencode works in the folder that PWD names"
    assert "OLDPWD" not in environment
    assert "ANTHROPIC_API_KEY" in environment
    assert not [name for name in environment if name.startswith("THEKLA")]


def test_each_tool_is_kept_to_its_folder(tmp_path: Path) -> None:
    fake = Fake(tmp_path, writing() + printing("claude"))
    proposed(fake.agent("claude"))
    arguments, _, _, _ = fake.called
    assert "--allowedTools" not in arguments, "it would allow them everywhere"
    assert arguments[arguments.index("--tools") + 1] == "Read,Edit,Write,Glob,Grep"
    assert arguments[arguments.index("--permission-mode") + 1] == "acceptEdits"
    fake = Fake(tmp_path, writing() + printing("opencode"))
    proposed(fake.agent("opencode"))
    may = json.loads(fake.called[3]["OPENCODE_PERMISSION"])
    assert {may[what] for what in ("bash", "external_directory", "webfetch", "task")} == {"deny"}
    modules = tmp_path / "node_modules" / ".bin"
    modules.mkdir(parents=True)
    fake = Fake(modules, writing() + printing("codex"))
    proposed(fake.agent("codex"))
    arguments, _, _, environment = fake.called
    given = arguments[: arguments.index("exec")]
    settings = tomllib.loads("\n".join(one for one in given if one != "-c"))
    assert "--sandbox" not in arguments, "it would let the shell read the whole machine"
    assert settings["permissions"][settings["default_permissions"]]["filesystem"] == {
        ":minimal": "read",
        ":project_roots": {".": "write"},
        str(modules.parent): "read",
        f"{environment.get('HOME', '')}/.codex/tmp": "read",
    }
    assert settings["shell_environment_policy"]["inherit"] == "core", "its commands see no key"


@pytest.mark.parametrize(("tool", "model"), [("codex", "openai:gpt-5-codex"), ("gemini", "gemini:gemini-2.5-pro")])
def test_what_names_no_price_costs_what_the_list_says_of_its_tokens(tool: str, model: str, tmp_path: Path) -> None:
    name = model.partition(":")[2]
    fake = Fake(tmp_path, writing() + printing(tool).replace("some-model", name))
    found = proposed(fake.agent(tool, model=name))
    price = price_of(ModelSettings(model=model))
    assert price is not None
    assert found.spending.cost_usd == pytest.approx(price.cost_usd(found.spending))
    assert proposed(fake.agent("codex", model="unheard-of")).spending.cost_usd is None


def test_a_flat_rate_costs_nothing_where_no_price_is_named(tmp_path: Path) -> None:
    fake = Fake(tmp_path, writing() + printing("codex"))
    assert proposed(fake.agent("codex", free=True)).spending.cost_usd == 0.0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (printing("claude"), "changed nothing"),
        ("Path('program.py').unlink()\n" + printing("claude"), "left no program"),
        ("Path('program.py').write_bytes(b'\\xff')\n" + printing("claude"), "no text in UTF-8"),
        ("Path('program.py').write_text('x' * 300000)\n" + printing("claude"), "more than 200,000 bytes"),
        (writing() + "print('no json')", "printed no result"),
        (writing() + "sys.exit(3)", "printed no result"),
        (
            writing() + printing("claude") + "\nsys.stderr.write('quota \\x1b[31m')\nsys.exit(3)",
            "code 3: quota ⟦U+001B⟧",
        ),
        (writing() + 'print(\'{"type": "result", "is_error": true, "result": "no key"}\')', "no key"),
    ],
)
def test_what_is_no_work_is_a_reason_and_no_program(body: str, reason: str, tmp_path: Path) -> None:
    found = proposed(Fake(tmp_path, body).agent())
    assert found.program is None
    assert reason in found.reason


def test_links_and_hidden_files_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("secret = 1\n")
    body = (
        f"os.symlink({str(tmp_path / 'outside.py')!r}, 'inside.py')\n"
        "Path('.hidden.d').mkdir(); Path('.hidden.d/a.py').write_text('a = 1')\n"
        "Path('part.py').write_text('b = 1\\n')\n"
    )
    found = proposed(Fake(tmp_path, writing() + body + printing("claude")).agent())
    assert found.program is not None
    assert [name for name, _ in found.program.files] == ["part.py", "program.py"]


def test_an_agent_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    body = (
        "import subprocess, time\nchild = subprocess.Popen(['sleep', '300'])\n"
        f"Path({str(mark)!r}).write_text(str(child.pid))\ntime.sleep(300)"
    )
    found = proposed(Fake(tmp_path, body).agent(deadline_s=5.0))
    assert "had not ended after 5 s" in found.reason
    assert found.spending.cost_usd is None
    assert gone(int(mark.read_text()))


def gone(pid: int) -> bool:
    """Whether the process ends within ten seconds."""
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


def test_neither_agent_nor_journal_is_told_a_secret(tmp_path: Path) -> None:
    leaking = writing(CHILD + f"# {KEY}\n") + printing("claude").replace("Halved", KEY)
    found = proposed(Fake(tmp_path, leaking).agent(), parent=Program.from_text(f"{PARENT.text}# {KEY}\n"))
    assert found.program == Program.from_text(CHILD + "# [redacted]\n")
    assert json.loads(found.raw)["said"] == "[redacted] the first number."
    failing = Fake(tmp_path, f"sys.stderr.write('refused {KEY}')\nsys.exit(1)")
    assert "refused [redacted]" in proposed(failing.agent()).reason

    prompt = Prompt(sections=(Section(name="error", text=f"KeyError: {KEY}", tokens=3),))
    asyncio.run(failing.agent().propose(PROBLEM, Ticket(id="t1", parents=()), prompt, seed=1))
    arguments, given, _, _ = failing.called
    assert "KeyError: [redacted]" in given + " ".join(arguments)
    assert KEY not in given + " ".join(arguments)


def test_an_agent_that_always_fails_stops_the_run_for_somebody_to_look(tmp_path: Path) -> None:
    agent = Fake(tmp_path, "sys.stderr.write('not logged in')\nsys.exit(1)").agent()
    for _ in range(4):
        assert "not logged in" in proposed(agent).reason
    with pytest.raises(ProviderError, match=r"5 times in a row.*not logged in"):
        proposed(agent)


def test_an_agent_that_writes_elsewhere_is_not_paid_for_ever(tmp_path: Path) -> None:
    agent = Fake(tmp_path, printing("claude")).agent()
    for _ in range(4):
        assert proposed(agent).reason == "the agent changed nothing"
    with pytest.raises(ProviderError, match=r"5 times in a row.*changed nothing"):
        proposed(agent)


def test_a_tool_that_is_not_installed_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not on the path.*npm install -g @openai/codex"):
        CommandAgent(tool="codex", environment={"PATH": str(tmp_path)})


FAILED: dict[str, Any] = {
    "claude": {"type": "result", "subtype": "error_during_execution", "is_error": True, "result": "Invalid API key"},
    "codex": {"type": "turn.failed", "error": {"message": "Invalid API key"}},
    "gemini": {"error": {"type": "ApiError", "message": "Invalid API key", "code": 401}},
    "opencode": {"type": "error", "error": {"name": "ProviderAuthError", "data": {"message": "Invalid API key"}}},
}


@pytest.mark.parametrize("tool", list(TOOLS))
def test_each_tool_says_in_its_own_form_why_it_did_nothing(tool: str) -> None:
    report = TOOLS[tool].read(json.dumps(FAILED[tool]))
    assert report.failed == "Invalid API key"
    assert TOOLS[tool].read("").failed
