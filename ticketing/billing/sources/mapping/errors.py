"""Why a document of a source is not accepted as the record of a student."""

from ticketing.billing.sources.contract import FailureClass


class BadRecord(ValueError):
    """A document does not fit the mapping file; the message has field, value and way out."""

    failure = FailureClass.BAD_DATA


class RecordOfAnother(BadRecord):
    """A document names another student than the one asked for."""

    failure = FailureClass.WRONG_OWNER


class AnswerMeansFailure(BadRecord):
    """A document is the source's way to say that it did not answer."""

    def __init__(self, failure: FailureClass, message: str) -> None:
        super().__init__(message)
        self.failure = failure
