"""LLM-SQL: in which order rows and fields become prompts, so that a prefix cache saves most.

On the simulator `thekla.simulators.cache`. `build` makes a suite's package;
`docs/problems/llm-sql.md` is its page.
"""

from .package import LlmSqlPackage

__all__ = ["LlmSqlPackage", "build"]

build = LlmSqlPackage.build
