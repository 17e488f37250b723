"""Which failures are tried again."""

import pytest

from flows.workers.pool import JobError
from flows.workers.retries import POLICY, RetryPolicy, persist


class Attempts:
    """Fails as it is told to, then succeeds."""

    def __init__(self, *kinds):
        self.kinds = list(kinds)
        self.count = 0

    def __call__(self):
        self.count += 1
        if self.kinds:
            raise JobError(f"attempt {self.count}", "", self.kinds.pop(0))
        return "done"


@pytest.mark.parametrize("kind", ["died", "hung", "out of memory", "device"])
def test_a_lost_worker_is_tried_once_more(kind):
    attempt, told = Attempts(kind), []
    assert persist(attempt, told.append) == "done"
    assert [(str(error), error.attempts) for error in told] == [("attempt 1", 1)]


def test_what_a_job_raises_it_would_raise_again():
    attempt = Attempts("error")
    with pytest.raises(JobError, match="attempt 1"):
        persist(attempt, lambda _: pytest.fail("nothing is tried again"))
    assert attempt.count == 1


def test_the_last_failure_knows_how_many_there_were():
    attempt, told = Attempts("hung", "died", "hung"), []
    with pytest.raises(JobError, match="attempt 2") as caught:
        persist(attempt, told.append)
    assert caught.value.attempts == POLICY.attempts == 2
    assert len(told) == 1


def test_another_policy_has_other_attempts_and_kinds():
    policy = RetryPolicy(attempts=3, kinds=frozenset({"hung"}))
    assert persist(Attempts("hung", "hung"), lambda _: None, policy) == "done"
    with pytest.raises(JobError):
        persist(Attempts("died"), lambda _: None, policy)


@pytest.mark.parametrize(
    ("message", "kind", "reason"),
    [
        ("NonFiniteLossError: epoch 3, step 7", "error", "NonFiniteLossError"),
        ("it went wrong", "error", "error"),
        ("the worker on cpu died", "out of memory", "out of memory"),
    ],
)
def test_a_reason_is_a_word_or_two(message, kind, reason):
    assert JobError(message, "", kind).reason == reason
