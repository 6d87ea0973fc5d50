"""The report of what the training pictures show."""
import numpy as np

from training.anchors import known_uv
from training.balance import shares
from training.data import Source, describe, mean_points
from training.groups import CORNERS, LOWER_LIP, UPPER_LIP, balancing


def test_shares_are_of_what_is_drawn():
    described = [(60.0, 5.0, False, 0.0), (60.0, 75.0, False, 0.3), (-50.0, 40.0, False, 0.0), (np.nan, 5.0, True, 0.0)]
    even, turned = shares(described, np.ones(4)), shares(described, np.array([1.0, 5, 1, 1]))
    assert even["Skin, ITA in degrees"]["very light (55 to 90)"] == 50 and even["Skin, ITA in degrees"]["dark (-90 to -30)"] == 25
    assert even["Colour"] == {"grey": 25, "in colour": 75} and even["Mouth"]["open"] == 25
    assert turned["Yaw"]["60 to 90 degrees"] == turned["Mouth"]["open"] == 62.5
    for section in even.values():
        assert sum(section.values()) == 100


def test_a_picture_is_described_by_its_skin_side_and_mouth():
    uv = known_uv()
    position = mean_points(uv)
    width = np.linalg.norm(position[CORNERS[0]] - position[CORNERS[1]])
    down = position[LOWER_LIP] - position[UPPER_LIP]
    position[LOWER_LIP] += 0.2 * width * down / np.linalg.norm(down)
    image = np.tile(np.uint8([224, 180, 150]), (40, 40, 1))
    source = Source(image, np.full((519, 2), 20.0), uv, 1, position)
    tone, yaw, grey, mouth = describe(source, -30.0)
    assert 28 < tone < 90 and yaw == -30 and not grey and abs(mouth - 0.2) < 1e-5


def test_what_is_rare_is_drawn_more_often_but_not_without_end():
    mouth = np.zeros(1000, bool)
    mouth[:100] = True
    colour = np.arange(1000) % 2 == 0
    chance = balancing([{"open": mouth, "closed": ~mouth}, {"colour": colour, "grey": ~colour}])
    share = chance[mouth].sum()
    assert abs(share / (1 - share) - 1 / 3) < 1e-3  # the roots of 10 and 90 %
    assert abs(chance[colour].sum() - 0.5) < 1e-9
    mouth[:] = False
    mouth[0] = True
    assert balancing([{"open": mouth, "closed": ~mouth}]).max() < 4.2 / 1000
