"""Prefix caches of language-model servers: what a sequence of prompts finds there.

Two models. `trie_hit_rate` is the metric of the published LLM-SQL evaluators: characters, a cache without a limit.
`PrefixCache` holds blocks of tokens and evicts the least recently used, as servers do; `block_names` cuts prompts
into such blocks. Standard library only.
"""

from .blocks import PrefixCache, block_names, hit_tokens
from .trie import common_prefix, trie_hit_rate, trie_hits

__all__ = ["PrefixCache", "block_names", "common_prefix", "hit_tokens", "trie_hit_rate", "trie_hits"]
