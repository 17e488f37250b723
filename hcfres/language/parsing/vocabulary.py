"""Closed-class and descriptive words of English room descriptions."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


COLOURS = _set("""
    white black gray grey red green blue yellow orange brown purple violet pink beige tan cream
    silver gold golden maroon teal turquoise navy burgundy ivory lavender khaki charcoal bronze
    copper dark light bright pale colored coloured colorful colourful multicolored multicolor""")

MATERIALS = _set("""
    wooden wood metal metallic plastic leather glass brick fabric cloth steel stainless iron
    aluminum aluminium marble granite stone concrete ceramic porcelain velvet wicker bamboo oak
    pine mahogany cardboard rubber upholstered padded cushioned tiled""")

SHAPES = _set("""
    large big small little tiny huge medium sized tall short low high long narrow wide thin thick
    deep round circular square rectangular rectangle oval cylindrical curved flat triangular
    triangle circle shaped straight slim bulky massive giant skinny
    larger smaller bigger taller shorter longer wider lower higher narrower darker lighter
    largest smallest biggest tallest shortest longest widest lowest highest littlest darkest""")

OTHER_LOOKS = _set("""
    striped stripy dotted spotted polka dot checkered checked plain unpatterned patterned solid
    floral plaid open closed empty full old new modern double single twin rolling swivel folding
    framed lone only same other different soft clean clear identical similar matching
    first second third fourth fifth sixth last final next leftmost rightmost topmost bottommost
    left-most right-most middle-most upper outer inner far near nearer potted alike
    closest nearest farthest furthest""")

LOOKS = COLOURS | MATERIALS | SHAPES | OTHER_LOOKS

SUPERLATIVES = _set("closest nearest farthest furthest")
"""Adjectives before a noun, spatial expressions elsewhere."""

NOUNS_TOO = _set("light lights glass")
"""Words of LOOKS that name an object where no noun follows."""

PLACE_NOUNS = _set("""
    left right side sides corner corners middle center centre end ends edge edges top bottom front
    back rear foot head left-hand right-hand""")
"""Nouns that spatial expressions are made of."""

PLACE_ADJECTIVES = _set("""
    far farthest furthest near very immediate direct opposite other same hand upper lower outer
    inner opposing extreme""")
"""What stands before a PLACE_NOUN in a spatial expression."""

OWNERS = _set("its their his her your my our")

ARTICLES = _set("the a an one both either each this that") | OWNERS
"""What stands before those."""

QUANTIFIERS = _set("""
    some several many all every each both any another two three four five six seven eight nine ten
    eleven twelve couple few no pair multiple various most more other""")

DETERMINERS = OWNERS | QUANTIFIERS | _set("a an the this that these those")

ANOTHER = _set("another other others different")
"""Words that tell an object from the described one of the same name."""

NUMBERS = _set("one ones")

PRONOUNS = _set("it they them itself themselves")

DEMONSTRATIVES = _set("this that these those")
"""Determiners that are pronouns when no noun follows."""

RELATIVES = _set("that which who")
"""Pronouns that stand for what is before them."""

COPULAS = _set("is are was were be been being 's 're seems looks appears isn't aren't wasn't")

LINKS = _set("""
    with without has have had having hasn't haven't holds hold contains contain includes include
    features whose than like as for via plus except""")
"""Words whose object belongs to, or is compared with, what they are said of."""

LOOKING = _set("look looks looking point pointing stare staring")
"""Verbs whose `at` is no place."""

BEFORE_ADJECTIVES = _set("very quite not also neither nor rather almost")
"""Words after which a lone unknown word is an adjective."""

AFTER_A_COMMAND = _set("a an the all every each both any")
"""Words that tell the verb before them from a noun, where a sentence begins with it."""

ASKING = frozenset(
    (verb, preposition)
    for preposition, verbs in (("for", "look looking search searching"), ("at", "point pointing"))
    for verb in verbs.split()
)
"""Verbs with the preposition after which they name the described object."""

MADE = _set("made built constructed crafted covered painted")
"""Participles that tell of the object right before them."""

VERBS_TOO = _set("stand can cover hold rest set support run")
"""Words of VERBS that end the name of a thing: `tv stand`, `trash can`."""

VERBS = _set("""
    sits sit stands stand lies lie lays lay hangs hang rests rest leans lean faces face runs run
    set sat hung lain leant kept put built made seen found used meant stuck bent
    covers cover supports support touches touch belongs belong goes go comes come leads lead
    divides divide separates separate fits fit serves serve appears appear occupies occupy
    exists exist remains remain extends extend opens resembles
    look point find show select segment pick see choose identify locate spot get give tell
    turn walk enter can could will would may might must should please let
    do does did don't doesn't didn't can't couldn't cannot need needs want wants seem
    you i we he she me us him am""")

OTHER_FUNCTION_WORDS = _set("""
    of and or but to so then also very quite just not n't nor neither while because everything
    something nothing nobody anything up down off out too there here if when where what who how why
    however still now again else instead rather almost about together apart aside upright
    sideways""")

GERUND_NOUNS = _set("""
    ceiling ceilings building painting paintings clothing bedding railing railings shelving drawing
    drawings lighting flooring molding moulding washing dining ironing sleeping drying filing
    rocking recycling cutting changing mixing sewing parking cooking cleaning vending folding
    rolling living sitting waiting meeting swimming weighing string ring wing king thing things
    covering opening""")
"""Words in `-ing` that name things, alone or before a noun."""

NOUNS_IN_ED = _set("bed shed sled seed feed weed bleed speed")
"""Nouns that end as participles do."""

NOUNS_IN_Y = _set("""
    laundry battery entry toy trophy balcony pantry factory lobby party library body cutlery
    pottery stationery utility family baby candy berry city country story gallery machinery jewelry
    crockery entryway study copy ferry tapestry vanity""")
"""Nouns that end as adjectives or adverbs do."""

ADJECTIVE_ENDINGS = tuple(sorted(_set("ish ful less ous shaped colored coloured sized legged")))

PLACES = (
    _set("""
    wall walls floor floors ceiling ceilings room rooms kitchen bathroom bedroom hallway hall office
    classroom lobby lounge apartment house building area space spot place distance view way
    direction row rows line set pair group bunch kind type part color colour shape size style
    design question total height width length viewpoint perspective""")
    | PLACE_NOUNS
)
"""Nouns that name a place or a respect, not an object."""

RESPECTS = _set("""
    color colour shape size style design question total height width length general fact addition
    case appearance use nature order least most all first""")
"""What makes `in` and `at` no place: `white in color`, `at least`."""

PREPOSITIONS = _set("""
    on in at to from by near along around against over behind toward towards onto into inside
    within under above below across""")

_FIXED = """
    on top of|on top|ontop of|in front of|in front|infront of|in back of|in between|inbetween
    |next to|nextto|close to|closer to|closest to|nearer to|nearest to|nearest|closest|farthest
    |furthest|adjacent to
    |farthest from|furthest from|farther from|further from|far away from|farthest away from
    |furthest away from|further away from|farther away from|far from|away from|across from|across
    |opposite of|opposite to|opposite from|opposite|left of|right of|side by side|up against
    |beside|besides|behind|between|beneath|underneath|under|below|above|over|near|nearby|against
    |along|alongside|around|among|amongst|amid|inside of|inside|outside of|outside|within|toward
    |towards|on|in|at|by|onto|into|from|facing|through|past|beyond|surrounding|atop|upon"""

FIXED = tuple(
    tuple(way.split())
    for way in sorted(
        (way.strip() for way in _FIXED.replace("\n", "").split("|")),
        key=lambda way: -len(way.split()),
    )
)
"""Spatial expressions without an article, the longest first."""
