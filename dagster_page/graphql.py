"""What a GraphQL request would do, read from its text before Dagster sees it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    parse,
)


class UnreadableQuery(Exception):
    """The text is not a GraphQL request."""


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """What all operations of a request do, whichever one `operationName` chooses.

    `mutations` are for the audit log: the names of fields, or of fragments with fields.
    """

    mutations: tuple[str, ...] = ()
    is_read_only: bool = True


def read_address(query_string: str) -> GraphQLRequest | None:
    """Return the request in the address; None if there is none. Raises UnreadableQuery."""
    texts = parse_qs(query_string, keep_blank_values=True).get("query", [])
    return _read(texts) if texts else None


def read_body(body: bytes) -> GraphQLRequest:
    """Return the request in a JSON body. Raises UnreadableQuery."""
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise UnreadableQuery("the body is not JSON") from error
    text = fields.get("query") if isinstance(fields, dict) else None
    if not isinstance(text, str):
        raise UnreadableQuery("the body has no text `query`")
    return _read([text])


def _read(texts: list[str]) -> GraphQLRequest:
    operations = [operation for text in texts for operation in _operations(text)]
    mutations = [
        selection.name.value if isinstance(selection, FieldNode | FragmentSpreadNode) else "..."
        for operation in operations
        if operation.operation is OperationType.MUTATION
        for selection in operation.selection_set.selections
    ]
    is_read_only = all(one.operation is OperationType.QUERY for one in operations)
    return GraphQLRequest(tuple(mutations), is_read_only)


def _operations(text: str) -> Iterator[OperationDefinitionNode]:
    try:
        definitions = parse(text, no_location=True).definitions
    except (GraphQLError, RecursionError) as error:
        raise UnreadableQuery("the query cannot be parsed") from error
    return (one for one in definitions if isinstance(one, OperationDefinitionNode))
