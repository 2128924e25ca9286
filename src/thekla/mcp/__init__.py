"""A run as a server of the Model Context Protocol: what a coding agent may do with it, and nothing else."""

from thekla.mcp.skill import skill_text
from thekla.mcp.window import RunWindow, serve

__all__ = ["RunWindow", "serve", "skill_text"]
