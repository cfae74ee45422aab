"""English sentences by the hundred, as talk without a keyword: frames of our own, filled from lists of words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kws_tfmot.data.speech.request import generator

_LISTS = {
    "who": "my sister|the neighbour|our teacher|a friend of mine|the driver|his uncle|the doctor|their daughter|"
           "everybody|nobody|the waiter|the man upstairs|her boss|the children|somebody|an old colleague",
    "did": "found|forgot|painted|borrowed|sold|dropped|repaired|wanted|carried|bought|described|hid|washed|noticed",
    "thing": "the blue umbrella|a bag of apples|the broken chair|two train tickets|the garden hose|an old camera|"
             "the wooden box|a pair of gloves|the newspaper|three glasses|the spare key|a birthday cake|some bread|"
             "the ladder|a heavy suitcase|her guitar|the last biscuit|that strange letter",
    "where": "at the station|in the kitchen|behind the house|near the river|on the third floor|at school|by the sea|"
             "under the table|in the village|next to the bank|across the street|at the market|in the car",
    "when": "yesterday|last winter|before lunch|after the meeting|this morning|on Tuesday|a week ago|late at night|"
            "during the holidays|an hour ago|in the spring|before the rain came",
    "do": "call the plumber|cook some rice|write it down|ask for a receipt|feed the cat|book a room|clean the windows|"
          "leave a little earlier|change the sheets|buy a new battery|read that chapter again|visit grandmother",
    "how": "really|probably|quickly|never|usually|almost|finally|often|hardly ever|quietly|always",
    "topic": "the weather|football|her new job|the price of petrol|that film|the election|holidays in Spain|"
             "old music|the exam|his bad knee|a recipe for soup|the traffic|growing tomatoes",
    "number": "two|seven|eleven|fifteen|twenty four|thirty|ninety|a hundred and six|four thousand",
    "unit": "kilometres|minutes|people|euros|pages|bottles|degrees|years|chairs|boxes",
}  # fmt: skip
_FRAMES = (
    "{who} {did} {thing} {where} {when}",
    "I think {who} {did} {thing} {when}",
    "could you {do} {when}, or did {who} do it",
    "we talked about {topic} for {number} {unit}, and then {who} {did} {thing}",
    "{who} will {how} {do}",
    "why does {who} {how} talk about {topic} {where}",
    "there were {number} {unit} {where}, and {thing} was one of them",
    "if it rains, {who} has to {do}",
    "no, {thing} was {where} {when}",
    "she said that {who} {did} {thing}, but I do not believe it",
    "they need {number} {unit} to {do}",
    "{when}, {who} told me about {topic}",
    "did you know that {who} {how} {did} {thing}",
    "please do not {do} {where}",
    "it takes {number} {unit} from here, and {topic} is all they talk about",
    "{topic} again? I would rather {do}",
)


def sentences(count: int, seed: int = 0, without: Sequence[str] = ()) -> list[str]:
    """``count`` different sentences of about 5 to 14 words; none holds a word or phrase of ``without``.

    >>> made = sentences(500, seed=1, without=["kitchen"])
    >>> len(set(made)), any("kitchen" in one for one in made)
    (500, False)
    """
    rng = generator(seed, "sentences")
    lists = {name: words.split("|") for name, words in _LISTS.items()}
    barred = [re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE) for word in without]
    found: dict[str, None] = {}
    tries = 0
    while len(found) < count and tries < 50 * count + 1000:
        tries += 1
        frame = _FRAMES[int(rng.integers(len(_FRAMES)))]
        made = frame.format(**{name: words[int(rng.integers(len(words)))] for name, words in lists.items()})
        if not any(one.search(made) for one in barred):
            found[made] = None
    return list(found)
