"""Our MDIN and IPDN are the public code's, number by number: `python -m tests.golden` as tests.

The checks themselves, what they compare and how closely, are in the check_*.py beside this file.
"""

import pytest

from .checks import checks_of

KINDS = {
    "mdin_decoder": 26,
    "ipdn_decoder": 26,
    "mdin_loss": 20,
    "ipdn_loss": 20,
    "matching": 4,
    "inference": 10,
    "backbone": 5,
    "lift": 5,
    "fps": 1,
    "mdin_state_dict": 1,
    "ipdn_state_dict": 1,
    "roberta_keys": 1,
}
"""How the files are called, and how many comparisons each file takes at least."""


@pytest.mark.parametrize("kind", KINDS)
def test_ours_is_what_the_public_code_computed(golden, kind):
    checks = [check for check in checks_of(golden)[0] if check.name.startswith(kind)]
    assert checks
    for check in checks:
        findings = list(check.check())
        assert [finding for finding in findings if not finding.holds] == []
        assert len(findings) >= KINDS[kind]


def test_every_golden_file_has_a_check(golden):
    assert checks_of(golden)[1] == []
