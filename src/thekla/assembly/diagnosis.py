"""`thekla doctor`: what this machine and this installation can do, found by trying."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import thekla
from thekla.assembly.places import folder
from thekla.core import registry
from thekla.core.errors import TheklaError
from thekla.core.run import Prompt, Section
from thekla.core.visible import duration, visible

__all__ = ["DoctorReport", "DoctorRow", "DoctorSection", "doctor"]


_PROBE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class DoctorRow:
    """A finding; `ok` is None where it is neither good nor bad."""

    name: str
    value: str
    ok: bool | None = None


@dataclass(frozen=True, kw_only=True)
class DoctorSection:
    """Findings that belong together."""

    title: str
    rows: Sequence[DoctorRow]


@dataclass(frozen=True, kw_only=True)
class DoctorReport:
    """All findings; `ok` says whether a run with the default sandbox would start."""

    sections: Sequence[DoctorSection]
    ok: bool


def doctor(runs: Path | None = None, *, models: Sequence[str] = ()) -> DoctorReport:
    """Try the sandbox's claims on this machine, and look at the installation.

    Args:
        models: Language models that are asked for one word each, which may cost a fraction of a cent.
    """
    sandbox, strict = _sandbox()
    sections = [_installation(), _components(), _run_files(runs), _models(models), *sandbox]
    return DoctorReport(sections=sections, ok=strict)


def _installation() -> DoctorSection:
    packages = ("numpy", "libcst", "pydantic", "sqlalchemy", "rich", "typer", "jinja2")
    rows = [
        DoctorRow(name="thekla", value=thekla.__version__),
        DoctorRow(name="python", value=f"{platform.python_version()} at {sys.executable}"),
        DoctorRow(name="system", value=f"{platform.system()} {platform.release()} {platform.machine()}"),
        DoctorRow(name="processors", value=str(os.cpu_count())),
    ]
    for package in packages:
        try:
            rows.append(DoctorRow(name=package, value=version(package), ok=True))
        except PackageNotFoundError:
            rows.append(DoctorRow(name=package, value='not installed; run: pip install "thekla[problems]"', ok=False))
    return DoctorSection(title="Installation", rows=rows)


def _components() -> DoctorSection:
    rows = []
    for group in registry.GROUPS:
        broken = []
        for name in registry.names(group):
            try:
                registry.load(group, name)
            except TheklaError as error:
                broken.append(str(error))
        names = ", ".join(registry.names(group)) or "none"
        rows.append(DoctorRow(name=group, value="; ".join([names, *broken]), ok=not broken))
    return DoctorSection(title="Components", rows=rows)


def _run_files(runs: Path | None) -> DoctorSection:
    place = folder(runs).path
    existing = next(path for path in (place, *place.parents) if path.exists())
    writable = os.access(existing, os.W_OK) and os.statvfs(existing).f_flag & os.ST_RDONLY == 0
    free_mb = os.statvfs(existing).f_bavail * os.statvfs(existing).f_frsize / 2**20
    return DoctorSection(
        title="Run files",
        rows=[
            DoctorRow(name="folder", value=str(place)),
            DoctorRow(name="writable", value="yes" if writable else f"no: {existing} is read-only", ok=writable),
            DoctorRow(name="free", value=f"{free_mb:,.0f} MB", ok=free_mb > 100),
        ],
    )


def _models(asked: Sequence[str]) -> DoctorSection:
    """Which providers there are keys for, never what these are, and whether the models that are named answer."""
    from thekla.llm import PROVIDERS

    rows = [DoctorRow(name="native interfaces", value=_native_interfaces())]
    for name, provider in PROVIDERS.items():
        if not provider.key_env:
            rows.append(DoctorRow(name=name, value=f"needs no key; looked for at {provider.base_url}"))
            continue
        has_key = bool(os.environ.get(provider.key_env, "").strip())
        rows.append(DoctorRow(name=name, value=f"{provider.key_env} is {'set' if has_key else 'not set'}"))
    rows += [asyncio.run(_probe(model)) for model in asked]
    return DoctorSection(title="Language models", rows=rows)


def _native_interfaces() -> str:
    try:
        return f"pydantic-ai {version('pydantic-ai-slim')}"
    except PackageNotFoundError:
        return 'not installed; models are asked in the OpenAI protocol; for more: pip install "thekla[llm]"'


async def _probe(name: str) -> DoctorRow:
    """Whether a model answers, how soon, and for how much."""
    from thekla.llm import Models, ModelSettings, RetryPolicy, within

    prompt = Prompt(sections=(Section(name="probe", text="Answer with the one word: ready"),))
    try:
        async with Models(os.environ, policy=RetryPolicy(tries=2)) as models:
            chat = models.chat(ModelSettings(model=name))
            with within(_PROBE_S):
                answer = await chat.complete(prompt, max_tokens=512, temperature=0.7, seed=0)
            notes = models.notes
    except TheklaError as error:
        return DoctorRow(name=name, value=str(error), ok=False)
    spent = answer.spending
    cost = "no price known" if spent.cost_usd is None else f"{spent.cost_usd:.6f} USD"
    said = visible(" ".join(answer.text.split()))[:40] or f"no text ({answer.stop_reason})"
    words = [f"answers {said!r} after {duration(spent.wall_s)}", cost, *notes]
    return DoctorRow(name=name, value="; ".join(words), ok=bool(answer.text))


def _sandbox() -> tuple[list[DoctorSection], bool]:
    from thekla.sandbox import diagnose, other_tiers

    report = diagnose()
    verdict = DoctorRow(name="strict", value=report.reason or "holds", ok=report.holds)
    kernel = [DoctorRow(name=name, value=value) for name, value in report.kernel.items()]
    attacks = [
        DoctorRow(name=found.name, value=f"{'stopped' if found.stopped else 'works'}: {found.detail}", ok=found.stopped)
        for found in report.probes
    ]
    sections = [
        DoctorSection(title="Sandbox", rows=[verdict, *kernel]),
        DoctorSection(title="Attacks on the sandbox, tried just now", rows=attacks),
    ]
    tiers = [DoctorRow(name=name, value=why or "holds") for name, why in other_tiers().items()]
    sections.insert(1, DoctorSection(title="Other tiers, each asked for with --sandbox", rows=tiers))
    if report.residue:
        rows = [DoctorRow(name=f"{number}", value=text) for number, text in enumerate(report.residue, 1)]
        sections.append(DoctorSection(title="What a program in it can still learn or do", rows=rows))
    return sections, report.holds
