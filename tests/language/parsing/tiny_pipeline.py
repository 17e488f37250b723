"""A spaCy pipeline that is real and knows a dozen sentences, whose parses were written by hand."""

from pathlib import Path

PARSED = (
    "this:PRON:nsubj:1 is:AUX:ROOT:1 a:DET:det:4 black:ADJ:amod:4 chair:NOUN:attr:1 "
    ".:PUNCT:punct:1 it:PRON:nsubj:7 is:AUX:ROOT:7 next:ADV:advmod:7 to:ADP:prep:8 the:DET:det:11 "
    "desk:NOUN:pobj:9 .:PUNCT:punct:7",
    "the:DET:det:3 two:NUM:nummod:3 wooden:ADJ:amod:3 shelves:NOUN:ROOT:3 that:PRON:nsubj:5 "
    "hold:VERB:relcl:3 books:NOUN:dobj:5 along:ADP:prep:5 the:DET:det:9 wall:NOUN:pobj:7",
    "find:VERB:ROOT:0 the:DET:det:3 office:NOUN:compound:3 chair:NOUN:dobj:0 with:ADP:prep:3 "
    "wheels:NOUN:pobj:4",
    "to:ADP:prep:6 the:DET:det:2 left:NOUN:pobj:0 of:ADP:prep:2 the:DET:det:5 bed:NOUN:pobj:3 "
    "is:AUX:ROOT:6 a:DET:det:9 small:ADJ:amod:9 lamp:NOUN:nsubj:6",
    "there:PRON:expl:1 is:AUX:ROOT:1 a:DET:det:3 cabinet:NOUN:attr:1 .:PUNCT:punct:1 "
    "it:PRON:nsubj:6 is:AUX:ROOT:6 tall:ADJ:acomp:6 and:CCONJ:cc:7 white:ADJ:conj:7 "
    ".:PUNCT:punct:6",
    "a:DET:det:1 bed:NOUN:ROOT:1 made:VERB:acl:1 of:ADP:prep:2 dark:ADJ:amod:5 wood:NOUN:pobj:3",
    "one:NUM:nsubj:4 of:ADP:prep:0 the:DET:det:3 chairs:NOUN:pobj:1 has:VERB:ROOT:4 a:DET:det:7 "
    "red:ADJ:amod:7 seat:NOUN:dobj:4",
    "look:VERB:ROOT:0 for:ADP:prep:0 a:DET:det:3 box:NOUN:pobj:1 under:ADP:prep:3 the:DET:det:6 "
    "table:NOUN:pobj:4",
    "the:DET:det:1 sofa:NOUN:nsubj:2 is:AUX:ROOT:2 a:DET:det:5 gray:ADJ:amod:5 couch:NOUN:attr:2",
    "the:DET:det:1 sink:NOUN:nsubj:2 is:AUX:ROOT:2 near:ADP:prep:2 another:DET:det:5 "
    "sink:NOUN:pobj:3",
    "it:PRON:nsubj:1 is:AUX:ROOT:1 the:DET:det:3 one:NOUN:attr:1 on:ADP:prep:3 the:DET:det:6 "
    "table:NOUN:pobj:4",
    "this:PRON:nsubj:1 is:AUX:ROOT:1 an:DET:det:3 object:NOUN:attr:1 .:PUNCT:punct:1 "
    "it:PRON:nsubj:6 is:AUX:ROOT:6 the:DET:det:8 one:NOUN:attr:6 on:ADP:prep:8 the:DET:det:11 "
    "table:NOUN:pobj:9",
)
"""Each word with its part of speech, its dependency, and the place of the word it depends on."""

_ROUNDS = 60


def train(folder: Path) -> Path:
    """Write a pipeline that has learnt PARSED by heart."""
    import spacy  # noqa: PLC0415  # the tests that need it are skipped where it is not installed
    from spacy.tokens import Doc  # noqa: PLC0415
    from spacy.training import Example  # noqa: PLC0415

    spacy.util.fix_random_seed(0)
    pipeline = spacy.blank("en")
    pipeline.add_pipe("morphologizer")
    pipeline.add_pipe("parser", config={"min_action_freq": 1})
    examples = []
    for line in PARSED:
        words, kinds, links, heads = zip(*(word.split(":") for word in line.split()), strict=True)
        told = Doc(
            pipeline.vocab, words, pos=list(kinds), deps=list(links), heads=[int(h) for h in heads]
        )
        examples.append(Example(pipeline.make_doc(" ".join(words)), told))
    optimizer = pipeline.initialize(lambda: examples)
    for _ in range(_ROUNDS):
        pipeline.update(examples, sgd=optimizer)
    pipeline.to_disk(folder)
    return folder
