"""How each agent is started without a terminal, and how it says what it did and what that cost.

The flags and the forms of output are those of the tools' documentation at the versions named here. claude, codex and
opencode were run for real, with a scripted server in the place of their provider; gemini is played by a stand-in only
(tests/generation/test_agents.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thekla.core.run import Spending

__all__ = ["TOOLS", "AgentTool", "Report"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an agent printed: its last words, and what it spent.

    Args:
        failed: Why it did not do its work, in its own words; empty if it did.
        models: What each model used, where the tool names no price; an empty name is the one that it was started with.
    """

    said: str
    spending: Spending
    failed: str = ""
    models: Mapping[str, Spending] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AgentTool:
    """A command-line agent.

    Args:
        package: What brings it, from the registry of npm.
        command: The command line after the executable, for a model (empty: the tool's own) and a prompt.
        by_stdin: Whether the prompt goes to stdin and not into the command line.
        read: Makes a report of what it printed.
        environment: What is set for it beside the caller's own environment.
        within: Options before the command that keep it to its folder, for its path and its environment.
        provider: Whose price list holds where it names no price itself; empty if it does.
        needs_model: Whether it says neither what its work cost nor which model did it.
    """

    executable: str
    version: str
    package: str
    command: Callable[[str, str], Sequence[str]]
    by_stdin: bool
    read: Callable[[str], Report]
    environment: Mapping[str, str] = field(default_factory=dict)
    within: Callable[[str, Mapping[str, str]], Sequence[str]] = lambda executable, environment: ()
    provider: str = ""
    needs_model: bool = False


# As claude: files of its work tree and nothing else. Without it there is a shell, and a step outside ends the session.
_OPENCODE_MAY = {"bash": "deny", "webfetch": "deny", "task": "deny", "external_directory": "deny"}


def _claude(model: str, prompt: str) -> list[str]:
    # It may read and write its work tree, and has no shell. `--allowedTools` would let it do so everywhere.
    chosen = ["--model", model] if model else []
    tools = ["--permission-mode", "acceptEdits", "--tools", "Read,Edit,Write,Glob,Grep"]
    return ["-p", "--output-format", "json", *tools, *chosen]


def _codex(model: str, prompt: str) -> list[str]:
    chosen = ["-m", model] if model else []
    return ["exec", "--json", "--skip-git-repo-check", *chosen, "-"]


def _codex_within(executable: str, environment: Mapping[str, str]) -> list[str]:
    """A profile of permissions for its shell, which `--sandbox workspace-write` would let read the whole machine.

    It writes the work tree and reads, besides, the system and what starts its sandbox: its own package and a folder
    below its home. Its commands do not see its key.
    """
    home = environment.get("CODEX_HOME") or f"{environment.get('HOME', '')}/.codex"
    path = Path(executable).resolve()
    package = next((one for one in reversed(path.parents) if one.name == "node_modules"), path)
    readable = "".join(f", {json.dumps(str(one))} = 'read'" for one in (package, Path(home, "tmp")))
    settings = (
        "default_permissions='thekla'",
        f"permissions.thekla.filesystem={{':minimal' = 'read', ':project_roots' = {{'.' = 'write'}}{readable}}}",
        "shell_environment_policy.inherit='core'",
        "web_search='disabled'",
        "features.multi_agent=false",
    )
    return [word for one in settings for word in ("-c", one)]


def _gemini(model: str, prompt: str) -> list[str]:
    chosen = ["-m", model] if model else []
    return ["--output-format", "json", "--approval-mode", "auto_edit", *chosen, "-p", prompt]


def _opencode(model: str, prompt: str) -> list[str]:
    return ["run", "--format", "json", *(["-m", model] if model else []), prompt]


def _read_claude(text: str) -> Report:
    """One object of type `result`, alone or as the last of a list."""
    results = [one for one in _objects(text) if one.get("type") == "result"]
    found: Mapping[str, Any] = results[-1] if results else {}
    usage = _mapping(found.get("usage"))
    cached, written = _count(usage, "cache_read_input_tokens"), _count(usage, "cache_creation_input_tokens")
    spending = Spending(
        cost_usd=_money(found.get("total_cost_usd")),
        input_tokens=_count(usage, "input_tokens") + cached + written,
        cached_tokens=cached,
        cache_write_tokens=written,
        output_tokens=_count(usage, "output_tokens"),
        calls=max(1, _count(found, "num_turns")),
    )
    said = str(found.get("result", ""))
    failed = "" if found and not found.get("is_error") else said or "it printed no result"
    return Report(said=said, spending=spending, failed=failed)


def _read_codex(text: str) -> Report:
    """Events, one a line; tokens but no price."""
    said, failed, spending = "", "it printed no end of a turn", Spending(cost_usd=None)
    for event in _objects(text):
        item = _mapping(event.get("item"))
        if event.get("type") == "item.completed" and item.get("type") == "agent_message":
            said = str(item.get("text", ""))
        elif event.get("type") == "turn.completed":
            usage, failed = _mapping(event.get("usage")), ""
            spending = spending + Spending(
                input_tokens=_count(usage, "input_tokens"),
                cached_tokens=_count(usage, "cached_input_tokens"),
                output_tokens=_count(usage, "output_tokens"),
                calls=1,
            )
        elif event.get("type") in ("turn.failed", "error"):
            failed = str(_mapping(event.get("error")).get("message") or event.get("message") or "the turn failed")
    return Report(said=said, spending=spending, failed=failed, models={"": spending})


def _read_gemini(text: str) -> Report:
    """One object with tokens by model, and no price."""
    found = next(iter(_objects(text)), {})
    models = {}
    for name, model in _mapping(_mapping(found.get("stats")).get("models")).items():
        tokens, requests = _mapping(_mapping(model).get("tokens")), _mapping(_mapping(model).get("api"))
        models[str(name)] = Spending(
            input_tokens=_count(tokens, "prompt"),
            cached_tokens=_count(tokens, "cached"),
            output_tokens=_count(tokens, "candidates") + _count(tokens, "thoughts"),
            calls=max(1, _count(requests, "totalRequests")),
        )
    spending = sum(models.values(), start=Spending(cost_usd=None))
    error = str(_mapping(found.get("error")).get("message", ""))
    failed = error or ("" if "response" in found else "it printed no response")
    return Report(said=str(found.get("response", "")), spending=spending, failed=failed, models=models)


def _read_opencode(text: str) -> Report:
    """Events, one a line; each step has its tokens and its price."""
    said, failed, spending = "", "it printed no end of a step", Spending()
    for event in _objects(text):
        part = _mapping(event.get("part"))
        if event.get("type") == "text":
            said = str(part.get("text", ""))
        elif event.get("type") == "step_finish":
            tokens, failed = _mapping(part.get("tokens")), ""
            cache = _mapping(tokens.get("cache"))
            cached, written = _count(cache, "read"), _count(cache, "write")
            spending = spending + Spending(
                cost_usd=_money(part.get("cost")),
                input_tokens=_count(tokens, "input") + cached + written,
                cached_tokens=cached,
                cache_write_tokens=written,
                output_tokens=_count(tokens, "output") + _count(tokens, "reasoning"),
                calls=1,
            )
        elif event.get("type") == "error":
            error = _mapping(event.get("error"))
            failed = str(
                _mapping(error.get("data")).get("message") or error.get("message") or error.get("name", "an error")
            )
    if spending.calls == 0:
        spending = Spending(cost_usd=None)
    return Report(said=said, spending=spending, failed=failed)


TOOLS: Mapping[str, AgentTool] = {
    "claude": AgentTool(
        executable="claude",
        version="2.1",
        package="@anthropic-ai/claude-code",
        command=_claude,
        by_stdin=True,
        read=_read_claude,
    ),
    "codex": AgentTool(
        executable="codex",
        version="0.169",
        package="@openai/codex",
        command=_codex,
        by_stdin=True,
        read=_read_codex,
        within=_codex_within,
        provider="openai",
        needs_model=True,
    ),
    "gemini": AgentTool(
        executable="gemini",
        version="0.61",
        package="@google/gemini-cli",
        command=_gemini,
        by_stdin=False,
        read=_read_gemini,
        provider="gemini",
    ),
    "opencode": AgentTool(
        executable="opencode",
        version="1.18",
        package="opencode-ai",
        command=_opencode,
        by_stdin=False,
        read=_read_opencode,
        environment={"OPENCODE_PERMISSION": json.dumps(_OPENCODE_MAY)},
    ),
}


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """The JSON objects of an output: the whole of it, a list, or one on each line; all else is passed over."""
    try:
        whole = json.loads(text)
    except ValueError:
        lines = text.splitlines()
    else:
        yield from (one for one in (whole if isinstance(whole, list) else [whole]) if isinstance(one, Mapping))
        return
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, Mapping):
            yield found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(found: Mapping[str, Any], name: str) -> int:
    value = found.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def _money(value: Any) -> float | None:
    """A price in dollars; None where there is none that can be."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6
    return float(value) if known else None
