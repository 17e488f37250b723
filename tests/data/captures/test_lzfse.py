"""Compressed depth of phones: streams of another writer, and broken ones."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.data.captures.finite_state import FrequencyBits, states
from hcfres.data.captures.lzfse import expand
from hcfres.data.errors import DataError
from tests.data.captures.room import stored

REPEATED = bytes.fromhex(
    "6276783200100000040000000003007000000000000c0050830000002490000ce7d75c030000005c03000000c04ff0"
    "937c0f00000000000000000000000000000000000000000000000000000000000000c0a30f00000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000003456"
    "ff3f62767824"
)
"""4096 times the letter A, as another library writes it."""
TEXT = " ".join(
    f"{n} chairs stand by table {n * n % 97}, {n % 7} of them red." for n in range(420)
).encode()
PROSE = bytes.fromhex(
    "62767832224900005002a01100470300451c503df98c0730a10000003f2040005fc00fb05000000011000010fd02fe"
    "00a80000800141e11fe005382939b9eaba9a6badb7a15d3b110000006001000000000000005f00000070447909fe8b"
    "47e3f5f8305e83c7e15ff8157e0900000000000000000060356b870692045617400000000000000000000000000000"
    "0000000000000000000000000000000000000000000000603018bc240515417c0b2b209016c5e29da86417090abdab"
    "42b54c9b6c3c897975c5fdb73f62d569f3f855b324068a9de3086e542d87985bf9ca5e9b78d4de0f1d83dc9bf0167b"
    "8ad320168508b24b36c82507b29003c02d580ee9829b52819b9dc07eb89ac3158064f6dd0a7547709a65c5a7c84be9"
    "a8f918f41644971f470366578a492c69d1144273709cd6daed733e39bc9dd69e5e91b6afc91d2870b8f1ba9d376c3e"
    "5b43df1b7ec45e1ce41892f202a8f4a5b60316956fffbf644e0a77d5536598da432cfa3bb421171a096b012b344194"
    "32c074e333482b02142ff8125644cbb37e9be063ac4a71c6124bd1b0492400473ceddcf413ec76f2fc8df03b871247"
    "0aee54faf3fdf03ffa90dd75ce6fff607f3efa000000000000000000000000d700444cd1569288195cc2d52838c0c7"
    "4a6c48cd558705a274aa26691605d75f8911d685a88911964d25b142e7444b8cd096d94506fb4c014c8e317c0bf141"
    "3e566245d74c15c40a573a34e280d2443f05b9bdb2c48a01570ab1c3b7a242acb06b564b48201f09d063fbe04accb0"
    "64ca9d98a1f97225b22a3eef1b31c3baf17f32572ec316e34408c3a4bcaa902171c37e19660809bc0409e2bb0e238a"
    "cd859821fda44eec308abc132b24a676c3b2687d5c03322ebeee2fc40e4774376285dbe1468c906173256668163762"
    "89ec4eba103be473358c8bc4ea4aecb0fd5527b638adb295186177b6ef5816fd5d8909a9a99618e1817d3b31c2ee68"
    "25568866566285c6c84aac70a7952566c8dd6dc40847341762853502db8811f6a11323fab70d0ffd5a8915a74c3b31"
    "c5636a275608f0aa256638c3d84eacb0c3434fcc701eb6132ba44bd4133b3c932cb142a4a3123374743562878dfe42"
    "ec10bc770b3143a3a32646e82fe6a2a6f49727269c5bef4e4cf14f9c98b2fbde8925fe8851891922b67462867d642d"
    "c40cb9af8558a18f181531c3b3b51233b48b5c891da6c9955861b8483531c2ab263bb1c25c494fcc70fbda0501fd64"
    "474cf8d7725814975f6b8925aa94a8c416d5e0aec408c39528c4126d251d31c3065c2dc4084367b471407f97c39828"
    "bdea8601ff648909eb9af4c408cba69658a173a2254668cbecc40afb430148f6ab1b26c5ceab4e4cd135268d58e195"
    "0e4d1c70dffcc390d02b49ac1870a5103b1cf9d8428c906b984b48204011a046b40f6a8919faa55c89199a2f796285"
    "cfc5fa09d297fe91b8701bb618271a1826a1d76598e186e632ac1012781966888f3aaca88f223ce46b25368c32edc4"
    "0c89a90db02c5e1fdf8915be9e2cc40e4774376285dbe1468c906173256668163762897cea8b03f7c5f1d5c4627525"
    "76787cab9d18628b3257628427323c31c33f7662c3abcaeec4081998b91323ec8e76bc8a8886776287c7c84eac50a7"
    "952766d8dd2dc40847341762853502db8811f6a11323fab71313d60157490c510ab3135334a676628500af4a628633"
    "8cedc40a3b3cf4c40ce7613bb142ba443db1c333c9122b443a2a314347572376d8e82fc40e8dbe2e36b8ef959890fb"
    "5c4501fdec8909073fe9c412ff418929b9ef9558e2df9a959861b1b51333e41d6b2366d87d6dc40aefd62cc40ccfd6"
    "4eccf02e72277698265762859f22d5c408a324dab061413296d8a176b5122bf47b2536bc08a69135c5b0e7aa88e03e"
    "566245134c3bb14246250ab1c45b4947ccb03f0dc48440cf546287d554030b8bd2b59a9861d34c2b31c29d45566284"
    "644a4fccf039d11223b465766285fda10024fbd5b79262e75527a6081a9346acf04a8746ec706ffc83917aedc48a00"
    "570ab1c3b6a246ac3065564b48204011a046b40f6a8919ea9592d8d079762556f85c68c408d71dff4fe2ca5dd8024b"
    "ec24cc00ba5b83116e682ec10a2181576086f8a8c08a62790566483fb9023b84222fc00a8ba9fd57218bafdb2fc2d7"
    "93cdd7e188eedaab703bdc7a11326c2ebd0ccde2c62b914ffd5dc343c2b85d85c5d2b2cbf0fa551917e4ef822ee113"
    "276e38f05f2697d090d38eab105a931b2ec2ee68bf559866965b85c7c86eab50a795b165c8dd6db5084734575a8515"
    "01db0503fbd86815fddb670dffd36611a570bb2cc5636a915598aed51a8b30ec905bacc20b0f1596e179d802ab1028"
    "51ffead04c32af0ab18deaca50b5d55b1d96f64bab4368afb33afcec755687dcf7c28ad06f5e1ce8d7aa68903fa9aa"
    "25f7b9a94aec5b3bd57031bca5322469d5a132e4eed653847d2b3a356486b753861f91bba94334b98d0efab7b79410"
    "94692b65c84ae949156a5f0b29c2bfd751434160dba8c37e7451c583328da84533b78b0ef6b78222d23475a1413e77"
    "7f12227b523f1dd6506d6070a6653d11fabb781a4ababdd321595f3a15fe4d744e841099556490cfb4cec8fef74480"
    "4328af29b15fe54cc3e5644aa643bd910b46eea5622af259a92f1dde896ac8619f0b0183f8c9f4c65834b6c3ad90f8"
    "26f201559dab285698e7d1738342c478c9a539ed3e08b2b3f6228c8c78e8209e435a22908023e0049e13951f6427e9"
    "0b67c66a17a840d17582714ad101ba9fa52ca1cf52d3079286683a41d1a8e903e524f41eb027e9bbc0b712f681de50"
    "bb407150f107e1cee507862381171835bc7880f1e89de038948a12fa481dbe85a449d90dfa106d172847b41d203647"
    "cb1561e9d47782a311ca4e907e44db09ba917986712c5e611c0a5e200678f300e798e6018e3f7f1f4867acf680e248"
    "df09b2196f79227c2787bb70cf5dfb40b794fb406ea87681e7a092ffc337727783dd48bc40a551ed02c3b9f68170e4"
    "ee02c311430ae3dc8ca034be53d90944b3623fe0b6f23e106954bb406f26f922cc83152f105bd0fcc13f41f302c395"
    "ce0f04002b1e61dc6a5f281ad55d609ccb6409e14adc0376276117d88d845d601e54fb40efa5ef034946cd2ef09b09"
    "fbc06e685e201c4abc4070687881e350bc4071a4ef02b1a0da07a20ce55d20b812f681dd50ba406fa4eb02b9a1c905"
    "7e43830bdc86e616381857b641de40d907a1934e0f644692152a231d16488cf40a1446fa159e9780935c2e01e41738"
    "60700648189c0f40424100848c61700548185c01123ae05e0f62767824"
)
"""TEXT with literals, matches and repeated distances, as that library writes it."""


def test_a_stream_of_another_writer_is_expanded():
    assert expand("a", REPEATED, 4096) == b"A" * 4096
    assert expand("a", PROSE, len(TEXT)) == TEXT


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_stored_blocks_follow_each_other(parts):
    content = b"".join(stored(part)[:-4] for part in parts) + b"bvx$"
    whole = b"".join(parts)
    assert expand("a", content, len(whole)) == whole


BROKEN = {
    "nothing": (b"", "ends after 0 bytes"),
    "other": (b"\x89PNG1234567", "no LZFSE stream of 10 bytes: found b'.x89PNG'"),
    "small buffers": (b"bvxn" + bytes(20), "found b'bvxn'"),
    "long": (stored(bytes(11)), "holds more than 10 bytes"),
    "short": (stored(bytes(9)), "holds 9 bytes, not 10"),
    "cut": (stored(bytes(10))[:12], "inside a block"),
    "promise": (b"bvx-" + b"\xff" * 4 + b"123", "holds more than 10 bytes"),
}


@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_stream_is_refused_by_name(content, message):
    with pytest.raises(DataError, match=rf"0\.depth: .*{message}"):
        expand("0.depth", content, 10)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(PROSE) - 1), st.integers(1, 255), st.integers(0, len(PROSE)))
def test_a_changed_stream_is_expanded_or_refused(place, change, end):
    broken = bytearray(PROSE)
    broken[place] ^= change
    for content in (bytes(broken), bytes(broken[:end])):
        with contextlib.suppress(DataError):
            assert len(expand("a", content, len(TEXT))) == len(TEXT)


def test_frequencies_are_unpacked_from_the_lowest_bit():
    """By hand: 1 is packed as 10, 2 as 001, 0 as 00; together 00 001 10."""
    bits = FrequencyBits(bytes([0b00_001_10]))
    assert [bits.take() for _ in range(3)] == [1, 2, 0]


def test_every_state_leads_to_a_state():
    table = states([32, 16, 16], 64, 3)
    assert len(table) == 64
    assert (table[:, 1] >= 0).all()
    assert (table[:, 1] + (1 << table[:, 0]) <= 64).all()
