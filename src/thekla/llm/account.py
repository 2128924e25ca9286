"""The account of a run: every request is written down before it is sent and after it ended, within hard caps."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from thekla.core.codec import decode, encode
from thekla.core.protocols import ChatModel, FactTable
from thekla.core.run import Completion, Prompt, Spending
from thekla.core.values import Data, digest_of
from thekla.llm.faults import FaultKind, ModelFault
from thekla.llm.pricing import Price

__all__ = ["Account", "Book", "Caps", "Metered"]

_SENT, _ENDED, _PRICE = "call/sent/", "call/ended/", "call/price/"
_FREE_KINDS = frozenset({FaultKind.BUSY, FaultKind.SERVER, FaultKind.ACCESS, FaultKind.REQUEST, FaultKind.PARAMETER})
_ROLE_TOKENS = 64  # more than a chat template adds to a message


class Book(Protocol):
    """What the account needs of a run's store: facts that are written once, and all of them in order."""

    def fact(self, table: FactTable, key: str) -> Mapping[str, Data] | None:
        """The fact of that key, None if there is none."""

    def facts(self, table: FactTable) -> Iterator[tuple[str, Mapping[str, Data]]]:
        """All facts of a table with their keys, in the order in which they were recorded."""

    def record(self, table: FactTable, key: str, value: Mapping[str, Data], *, durable: bool) -> None:
        """Write a fact."""


@dataclass(frozen=True, kw_only=True)
class Caps:
    """What may be spent on models; None is no cap."""

    cost_usd: float | None = None
    tokens: int | None = None
    calls: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Most:
    """The most that a request can use."""

    usd: float | None  # None: no price is known
    tokens: int


class Account:
    """Knows what was spent and what is reserved for requests on their way, and refuses what does not fit.

    Each request has a fact before it is sent and one after it ended, both on the disk before anything is made of
    them. An account that is opened again counts a request without an end at the most that it can have cost, and
    hands out answers that were paid for before instead of sending again.

    Args:
        book: The run's facts; None keeps nothing.
    """

    def __init__(self, caps: Caps, book: Book | None = None) -> None:
        self._caps = caps
        self._book = book
        self._reserved: dict[int, _Most] = {}
        self._settled = asyncio.Condition()
        self._spent = Spending()
        self._answers: dict[str, deque[Completion]] = {}
        self._carried: dict[str, Spending] = {}
        self._next = 0
        if book is not None:
            self._read(book)

    @property
    def spent(self) -> Spending:
        """All requests that have ended, and those of earlier sessions that never will."""
        return self._spent

    def price(self, model: str, today: Price | None) -> Price | None:
        """The price that holds in this run: the one of its first session, which is kept from then on."""
        if self._book is None:
            return today
        kept = self._book.fact("answer", _PRICE + model)
        if kept is None:
            self._book.record("answer", _PRICE + model, {"price": encode(today)}, durable=True)
            return today
        return None if kept["price"] is None else decode(Price, kept["price"])

    def paid_before(self, request: str) -> Completion | None:
        """An answer to the very same request from an earlier session; each is handed out once."""
        kept = self._answers.get(request)
        if not kept:
            return None
        completion = kept.popleft()
        return replace(completion, spending=completion.spending + self.carried(request))

    def carried(self, request: str) -> Spending:
        """What earlier sessions spent on the request without an answer; told once."""
        return self._carried.pop(request, Spending())

    @contextmanager
    def _reservation(self, most: _Most) -> Iterator[int]:
        number, self._next = self._next, self._next + 1
        self._reserved[number] = most
        try:
            yield number
        finally:
            del self._reserved[number]

    async def wait_for_room(self, most: _Most) -> None:
        """Return once the budget has room for a request; requests on their way may still give some back.

        Raises:
            ModelFault: It never will.
        """
        async with self._settled:
            while cap := self._full(most):
                if not self._reserved:
                    room = "the budget has no room for another request"
                    free = Spending()
                    raise ModelFault(FaultKind.BUDGET, f"{room}: cap on {cap}", spending=free, detail=cap)
                await self._settled.wait()

    def _full(self, most: _Most) -> str:
        """The cap that a request would break, or an empty text."""
        caps, spent = self._caps, self._spent
        reserved = list(self._reserved.values())
        usd = (spent.cost_usd or 0.0) + spent.unknown_usd + sum(one.usd or 0.0 for one in reserved)
        tokens = spent.input_tokens + spent.output_tokens + sum(one.tokens for one in reserved)
        wanted = (
            ("cost_usd", usd + (most.usd if most.usd is not None else math.inf), caps.cost_usd),
            ("tokens", tokens + most.tokens, caps.tokens),
            ("calls", spent.calls + len(reserved) + 1, caps.calls),
        )
        return next((name for name, used, cap in wanted if cap is not None and used > cap), "")

    async def request(self, model: ChatModel, order: _Order) -> Completion:
        """Send a request within the budget, written down before and after.

        Raises:
            ModelFault: No usable answer came, or there is no room for the request.
        """
        await self.wait_for_room(order.most)
        try:
            with self._reservation(order.most) as number:
                self._write(_SENT, number, {"request": order.key, "model": order.model, "most": _plain(order.most)})
                try:
                    answer = await model.complete(
                        order.prompt, max_tokens=order.max_tokens, temperature=order.temperature, seed=order.seed
                    )
                except ModelFault as fault:
                    fault = fault.with_spending(_cost_of_fault(fault, order.most))
                    said: dict[str, Data] = {"fault": str(fault.kind), "message": fault.message}
                    self._settle(number, fault.spending, {**said, "spending": encode(fault.spending)})
                    raise fault from None
                answer = replace(answer, spending=_cost_of(answer.spending, order))
                self._settle(number, answer.spending, {"completion": encode(answer)})
                return answer
        finally:
            async with self._settled:
                self._settled.notify_all()

    def _settle(self, number: int, spending: Spending, end: Mapping[str, Data]) -> None:
        self._write(_ENDED, number, end)
        self._spent = self._spent + replace(spending, cost_usd=spending.cost_usd or 0.0)

    def _write(self, kind: str, number: int, value: Mapping[str, Data]) -> None:
        if self._book is not None:
            self._book.record("answer", f"{kind}{number:06d}", value, durable=True)

    def _read(self, book: Book) -> None:
        """Take up what earlier sessions wrote."""
        sent: dict[int, Mapping[str, Data]] = {}
        ended: dict[int, Mapping[str, Data]] = {}
        for key, fact in book.facts("answer"):
            for kind, found in ((_SENT, sent), (_ENDED, ended)):
                if key.startswith(kind):
                    found[int(key.removeprefix(kind))] = fact
        for number, fact in sent.items():
            request, end = str(fact["request"]), ended.get(number)
            if end is not None and "completion" in end:
                completion = decode(Completion, end["completion"])
                self._answers.setdefault(request, deque()).append(completion)
                spending = completion.spending
            else:
                lost = _lost(decode(_Most, fact["most"]))
                spending = lost if end is None else decode(Spending, end["spending"])
                self._carried[request] = self._carried.get(request, Spending()) + spending
            self._spent = self._spent + replace(spending, cost_usd=spending.cost_usd or 0.0)
        self._next = 1 + max(sent, default=-1)


@dataclass(frozen=True, kw_only=True)
class _Order:
    """A request with all that its bill depends on."""

    model: str
    prompt: Prompt
    max_tokens: int
    temperature: float | None
    seed: int | None
    price: Price | None
    most: _Most
    key: str


class Metered:
    """A chat model whose requests an account pays for; answers of earlier sessions are not paid for twice.

    Args:
        name: The model as the account names it.
        price: The one that holds in the run (`Account.price`); None if none is known.
    """

    def __init__(self, model: ChatModel, *, name: str, price: Price | None, account: Account) -> None:
        self._model = model
        self._name = name
        self._account = account
        self._price = price

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        """The answer, with what it cost.

        Raises:
            ModelFault: There is none, or the budget has no room for the request.
        """
        order = self._order(prompt, max_tokens, temperature, seed)
        paid = self._account.paid_before(order.key)
        if paid is not None:
            return paid
        carried = self._account.carried(order.key)
        try:
            answer = await self._account.request(self._model, order)
        except ModelFault as fault:
            raise fault.with_spending(fault.spending + carried) from None
        return replace(answer, spending=answer.spending + carried)

    def _order(self, prompt: Prompt, max_tokens: int, temperature: float | None, seed: int | None) -> _Order:
        # A token is at least a byte, so this many are never exceeded.
        into = len(prompt.text.encode("utf-8", errors="replace")) + _ROLE_TOKENS * (1 + len(prompt.sections))
        usd = None if self._price is None else self._price.worst_usd(input_tokens=into, output_tokens=max_tokens)
        return _Order(
            model=self._name,
            prompt=prompt,
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            price=self._price,
            most=_Most(usd=usd, tokens=into + max_tokens),
            key=digest_of([self._name, prompt.digest, max_tokens, temperature, seed]),
        )


def _cost_of(spending: Spending, order: _Order) -> Spending:
    """What an answer cost; counts of tokens that cannot be leave it unknown, at its most."""
    credible = spending.input_tokens >= 0 and 0 <= spending.output_tokens <= order.max_tokens
    if not credible or spending.input_tokens + order.max_tokens > order.most.tokens:
        return replace(_lost(order.most), wall_s=spending.wall_s)
    cost_usd = None if order.price is None else order.price.cost_usd(spending)
    return replace(spending, cost_usd=cost_usd, calls=1)


def _cost_of_fault(fault: ModelFault, most: _Most) -> Spending:
    """Nothing for what a provider refused or what was never sent, the most for what was cut off."""
    if fault.kind in _FREE_KINDS or fault.detail == "unsent":
        return Spending(calls=1)
    return _lost(most)


def _lost(most: _Most) -> Spending:
    return Spending(cost_usd=None if most.usd is None else 0.0, unknown_usd=most.usd or 0.0, calls=1)


def _plain(most: _Most) -> Data:
    return encode(most)
