"""An amount of money, in a form that JSON has no type for."""

from __future__ import annotations

from decimal import Decimal


class Money:
    """An exact amount in one currency, kept in its smallest unit: `Money("12.50", "EUR")`."""

    __slots__ = ("_cents", "_currency")

    def __init__(self, amount: str | Decimal, currency: str) -> None:
        """Raise ValueError for an amount that is finer than a hundredth."""
        cents = Decimal(amount) * 100
        if cents != cents.to_integral_value():
            raise ValueError(f"{amount} {currency} is finer than a hundredth")
        self._cents = int(cents)
        self._currency = currency

    @property
    def amount(self) -> Decimal:
        """The amount, with two decimals."""
        return Decimal(self._cents).scaleb(-2)

    @property
    def currency(self) -> str:
        """The code of the currency, such as EUR."""
        return self._currency

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return (self._cents, self._currency) == (other._cents, other._currency)

    def __hash__(self) -> int:
        return hash((self._cents, self._currency))

    def __repr__(self) -> str:
        return f"Money({str(self.amount)!r}, {self._currency!r})"
