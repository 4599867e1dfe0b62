"""Query words of print: a stack machine that selects rows."""

import re
from collections.abc import Callable, Sequence
from operator import eq, gt, lt
from typing import Any

from simulators.routeros.refusals import Trap
from simulators.routeros.values import TEXT, ValueType

Row = dict[str, str]
_OPERATIONS = re.compile(r"[0-9!&|.]+")
_OPERATION = re.compile(r"(\d*)([!&|.]|$)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"=": eq, "<": lt, ">": gt}


def matches(row: Row, queries: Sequence[str], kinds: dict[str, ValueType]) -> bool:
    """Return whether a row matches; all words left on the stack must hold."""
    stack: list[bool] = []
    for query in queries:
        word = query[1:]
        if word.startswith("#"):
            if not _OPERATIONS.fullmatch(word[1:]):
                raise Trap("unknown query operation")
            _operate(stack, word[1:])
        else:
            stack.append(_holds(row, word, kinds))
    return all(stack)


def _holds(row: Row, word: str, kinds: dict[str, ValueType]) -> bool:
    if word.startswith("-"):
        return word[1:] not in row
    compare = _COMPARE.get(word[:1])
    if compare is None and "=" not in word:
        return word in row
    name, _, wanted = (word[1:] if compare else word).partition("=")
    if name not in row:
        return False
    rank = kinds.get(name, TEXT).rank
    return (compare or eq)(rank(row[name]), rank(wanted))


def _operate(stack: list[bool], operations: str) -> None:
    """Apply operations from left to right.

    Digits are an index counted from the top of the stack. Before another operation an index
    pushes a copy; at the end of the word it selects the only remaining value.
    """
    for place, operator in _OPERATION.findall(operations):
        if not place and not operator:
            return  # the end of the word
        if place:
            _need(stack, int(place) + 1)
            copy = stack[-1 - int(place)]
            if not operator:
                stack[:] = [copy]
                return
            stack.append(copy)
        if operator == "." and not place:
            _need(stack, 1)
            stack.append(stack[-1])
        elif operator != ".":
            _apply(stack, operator)


def _apply(stack: list[bool], operator: str) -> None:
    if operator == "!":
        _need(stack, 1)
        stack.append(not stack.pop())
        return
    _need(stack, 2)
    right, left = stack.pop(), stack.pop()
    stack.append((left and right) if operator == "&" else (left or right))


def _need(stack: list[bool], count: int) -> None:
    if len(stack) < count:
        raise Trap("not enough values on the query stack")
