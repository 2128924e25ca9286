"""Prompt Generator: a ticket and the history become a prompt of named sections. Pure; it knows the core only."""

from thekla.prompting.brief import BriefBuilder
from thekla.prompting.chat import ChatBuilder
from thekla.prompting.conversation import ConversationBuilder
from thekla.prompting.tokens import estimate_tokens

__all__ = ["BriefBuilder", "ChatBuilder", "ConversationBuilder", "estimate_tokens"]
