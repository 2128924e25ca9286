"""Command-line coding agents as generators: a work tree goes in, a changed work tree comes out, with its cost."""

from thekla.generation.agents.agent import CommandAgent
from thekla.generation.agents.pricing import names_its_cost
from thekla.generation.agents.tools import TOOLS, AgentTool, Report

__all__ = ["TOOLS", "AgentTool", "CommandAgent", "Report", "names_its_cost"]
