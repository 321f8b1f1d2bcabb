"""What a random walk over money thinks that must be: sums of what was done, kept without the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass
class VisitBooks:
    """What we think of one visit. drugs: cause -> what was prescribed. due, held follow from the other members."""

    drugs: dict[str, int]
    total: int = 0
    fund: Decimal = Decimal(0)
    paid: int = 0
    given_back: int = 0
    deposited: int = 0
    applied: int = 0
    deposit_back: int = 0
    version: int = 0
    orders: int = 0

    @property
    def due(self) -> int:
        """1311: the bill less payments and applied deposits, plus refunds of it."""
        return self.total - self.paid - self.applied + self.given_back

    @property
    def held(self) -> int:
        """3387: deposits that are neither applied nor given back."""
        return self.deposited - self.applied - self.deposit_back

    def apply(self) -> None:
        """A closed bill takes what is held, as far as it is due."""
        if self.version:
            self.applied += max(0, min(self.held, self.due))

    def take(self, amount: int) -> None:
        """A payment came."""
        self.paid += amount

    def hold(self, amount: int) -> None:
        """A deposit came."""
        self.deposited += amount
        self.apply()

    def give_back(self, amount: int) -> None:
        """A refund went: first of what was paid too much, then of the deposit."""
        first = min(max(-self.due, 0), amount)
        self.given_back += first
        self.deposit_back += amount - first


@dataclass
class Books:
    """What we think of everything. cash: of the open shift; vault, lost: 1112 and 7112. unknown: 3381, for the bank."""

    visits: dict[str, VisitBooks] = field(default_factory=dict)
    cash: int = 0
    vault: int = 0
    bank: int = 0
    unknown: int = 0
    lost: int = 0
