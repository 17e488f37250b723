"""Closed-class and descriptive words of English room descriptions, for the rule-based parser."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


COLOURS = _set("""
    white black gray grey red green blue yellow orange brown purple violet pink beige tan cream
    silver gold golden maroon teal turquoise navy dark light bright pale colored coloured colorful
    multicolored reddish brownish grayish greyish greenish bluish yellowish whitish""")

LOOKS = _set("""
    large big small little tiny huge medium sized tall short low high long narrow wide thin thick
    deep round circular square rectangular oval cylindrical curved flat triangular shaped l-shaped
    wooden metal metallic plastic leather glass wood brick fabric padded upholstered cushioned
    striped stripy dotted spotted polka checkered checked plain unpatterned patterned solid floral
    plaid open closed empty full old new modern double single twin rolling swivel folding framed
    lone only same other different first second third fourth last larger smaller bigger taller
    shorter longer wider largest smallest biggest tallest shortest littlest leftmost rightmost
    topmost bottommost left-most right-most left right front back top bottom middle center upper
    lower outer inner far potted""")

DETERMINERS = _set("""
    a an the this that these those some several many all every each both any another one two
    three four five six seven eight nine ten couple its their his her your my our no""")

PRONOUNS = _set("it they them itself themselves which")

DEMONSTRATIVES = _set("this that these those one")
"""Determiners that are pronouns when no noun follows."""

COPULAS = _set("is are was were be been being 's 're seems looks appears")

VERBS = _set("""
    has have had having sits sit sitting stands stand standing lies lie lying hangs hang hanging
    rests rest resting located placed positioned situated mounted attached set leaning leans faces
    facing face looking look looks seen viewed find show select segment point pick go see choose
    turn walk enter entering looking stand can could would will please there here find holding
    holds contains containing made pushed tucked touching covered surrounded you i we am do does
    need want where what who when if""")

RELATIONS = tuple(
    tuple(way.split())
    for way in sorted(
        """on the left side of|on the right side of|to the left side of|to the right side of
        |to the left of|to the right of|on the left of|on the right of|at the left of
        |at the right of|to its left|to its right|to the left|to the right|on the left|on the right
        |in the middle of|in the center of|in the centre of|in a corner of|in the corner of
        |in the corner|in a corner|in the middle|in the center|at the end of|at the foot of
        |at the head of|in front of|on top of|in the back of|at the back of|on the side of
        |on the other side of|far away from|farthest away from|furthest away from|away from
        |farthest from|furthest from|closest to|nearest to|nearest|closest|next to|close to
        |right by|adjacent to|in between|left of|right of|underneath|beneath|under|below|above|over
        |beside|besides|behind|between|near|against|along|across from|opposite|opposite of|around
        |among|from|inside|within|outside|towards|toward|on|in|at|by|onto|against|facing""".replace(
            "\n", ""
        ).split("|"),
        key=lambda way: -len(way.split()),
    )
)
"""Spatial expressions, the longest first."""

OTHER_FUNCTION_WORDS = _set("""
    of with without and or but to from for as so than then also very quite just not n't either
    while because me us him he she everything something nothing , ; up down off out too there""")

COMPOUNDS = frozenset({"trash can", "garbage can", "night stand", "tv stand"})
"""Class names whose last word alone would be taken for a verb."""

PLACES = _set("""
    wall walls floor ceiling room rooms corner corners side sides left right middle center centre
    front back top bottom end foot edge way view direction area space distance row set pair group
    kind type part color colour shape size left-hand right-hand""")
"""Nouns that name a place or a respect, not an object."""
