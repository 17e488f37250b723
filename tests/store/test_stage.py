from concurrent.futures import ThreadPoolExecutor

from hcfres.store.stage import code_fingerprint

ROOTS = [("hcfres.store.store:Store",), ("hcfres.store.toml:write_toml",)] * 4


def test_fingerprints_asked_for_by_several_threads_at_once_are_the_same() -> None:
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(code_fingerprint, ROOTS))
    assert told == [code_fingerprint(root) for root in ROOTS]
    assert len(set(told)) == 2
