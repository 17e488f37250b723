import pytest

from hcfres.data.errors import DataError
from hcfres.reporting.columns import printed_columns, stored_name


def test_a_column_without_a_group_is_of_all_expressions():
    assert stored_name("miou") == "val/all/miou"
    assert stored_name("acc_25.mt") == "val/mt/acc_25"
    assert stored_name("params_m") == "cost/params_m"


def test_a_best_epochs_numbers_are_stored_under_its_name():
    assert stored_name("miou", "best_held_out") == "best_held_out/all/miou"
    assert stored_name("params_m", "best_held_out") == "cost/params_m"
    ((column, _),) = printed_columns(("acc_25.mt",), "best_validation")
    assert column.metrics == ("best_validation/mt/acc_25",)


def test_with_and_without_distractors_share_a_printed_column():
    (column, parts), (last, _) = printed_columns(("acc_50.st_w_d", "acc_50.st_wo_d", "miou"))
    assert parts == ("acc_50.st_w_d", "acc_50.st_wo_d")
    assert column.header == "ST w/ / w/o Acc@0.5"
    assert column.metrics == ("val/st_w_d/acc_50", "val/st_wo_d/acc_50")
    assert last.header == "mIoU"


def test_an_unknown_column_is_refused_by_name():
    with pytest.raises(DataError, match="f1"):
        printed_columns(("f1",))
