"""Measurements that nobody made."""

from hcfres.evaluation.cost.definitions import Part
from hcfres.evaluation.cost.measure import GroupCost, PassTimes, SceneCost
from hcfres.evaluation.cost.memory import Memory
from hcfres.evaluation.cost.one_off import EncoderCost, OneOff, StepCost
from hcfres.evaluation.cost.parameters import Parameters
from hcfres.evaluation.cost.records import CostRecord, DecoderRecord, Operation, Way
from hcfres.evaluation.cost.rig import Rig
from hcfres.evaluation.cost.times import Times


def make_rig(device: str = "cpu", load: float = 0.1) -> Rig:
    """An idle machine of two cores, unless told otherwise."""
    return Rig(
        device=device,
        name="A Processor" if device == "cpu" else "A GPU",
        cores=2,
        threads=2,
        load=load,
        precision="float32",
        torch="2.0",
        convolutions="plain torch",
    )


def times(ms: float) -> Times:
    """Twenty repeats, late ones a tenth longer."""
    return Times(ms, ms * 1.1, 20)


def make_scene(points: int = 20) -> SceneCost:
    """Parts of 10 ms each, of a whole of 68 ms; 1 and 4 sentences."""
    parts = {part: times(10.0) for part in Part}
    later = {part: times(10.0) for part in list(Part)[3:]}
    groups = tuple(
        GroupCost(count, 30, PassTimes(times(40.0 * count / 2), later), Memory(900.0, 1000.0))
        for count in (1, 4)
    )
    warm = PassTimes(times(68.0), parts)
    return SceneCost(points, points // 2, points // 4, 250.0, warm, Memory(900.0, 960.5), groups)


def make_one_off() -> OneOff:
    """A minute of SAM a frame, and ten frames."""
    steps = (
        StepCost("superpoints", times(130.0), False, None),
        StepCost("SAM masks", times(60_000.0), True, Memory(900.0, 4000.0)),
    )
    clip = EncoderCost("CLIP", "large, random weights", 428_000_000, 304_000_000)
    sam = EncoderCost("SAM", "huge", 641_000_000, 641_000_000)
    return OneOff(steps, (clip, sam), frames=1, frames_of_scan=10, image=(640, 480), masks=7)


def make_record(
    method: str = "hcf_res",
    setting: str = "scannet",
    points: tuple[int, ...] = (20,),
    device: str = "cpu",
    load: float = 0.1,
    one_off: OneOff | None = None,
) -> CostRecord:
    """A method of two parts."""
    return CostRecord(
        rig=make_rig(device, load),
        method=method,
        title=method.upper(),
        setting=setting,
        text="base, random weights",
        parts={
            "U-Net": Parameters(11_000_000, 0),
            "heads": Parameters(400_000, 0, dead=512),
            "RoBERTa": Parameters(0, 124_000_000, dead=590_592),
        },
        scenes=tuple(make_scene(count) for count in points),
        one_off=one_off,
    )


def make_decoders(device: str = "cpu") -> DecoderRecord:
    """Loops that take four times as long as ours forward, three times with backward."""
    return DecoderRecord(
        rig=make_rig(device),
        title="IPDN",
        seeds=256,
        queries=128,
        superpoints=3000,
        expressions=8,
        tokens=30,
        repeats=7,
        ways=(Way("loops", 2000.0, 9000.0), Way("ours", 500.0, 3000.0)),
        profile=(Operation("aten::addmm", 0.25, 250), Operation("aten::copy_", 0.05, 3)),
        difference=1e-13,
    )
