"""Grouping of errors, and the pages that tell of it."""
import cv2
import numpy as np
import pytest

from training.groups import banded, by_tone, summarise, typology_angle
from training.results import page, table

POINTS = np.array([[10.5, 10.5], [20.5, 12.5], [30.5, 30.5], [60.5, 5.5]])
SEEN = np.array([True, True, True, False])


def picture(lightness, yellow):
    lab = np.full((64, 64, 3), (lightness, 12, yellow), np.float32)
    return np.round(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255).astype(np.uint8)


@pytest.mark.parametrize("lightness, yellow, angle", [(70, 15, 53.1), (60, 20, 26.6), (35, 18, -39.8)])
def test_the_angle_of_a_known_colour(lightness, yellow, angle):
    assert typology_angle(picture(lightness, yellow), POINTS, SEEN) == pytest.approx(angle, abs=1.5)


def test_no_angle_without_colour_or_skin():
    assert np.isnan(typology_angle(np.full((64, 64, 3), 120, np.uint8), POINTS, SEEN))
    assert np.isnan(typology_angle(picture(60, 20), POINTS, np.array([True, True, False, False])))


def test_hidden_points_and_specks_do_not_count():
    image = picture(60, 20)
    plain = typology_angle(image, POINTS, SEEN)
    image[5, 60], image[10, 10] = 255, 0
    assert typology_angle(image, POINTS, SEEN) == pytest.approx(plain, abs=0.1)


def test_every_tone_has_one_group():
    angle = np.array([np.nan, -60, -30, 12, 30, 45, 89])
    assert (np.stack(list(by_tone(angle).values())).sum(0) == 1).all()


def test_groups_are_counted_and_empty_ones_left_out():
    error, kept, within = np.array([1.0, 3.0, 20.0]), np.array([True, True, False]), np.array([1.0, 0.5, 0.0])
    found = summarise(error, kept, within, banded(np.array([5, 20, 40]), ((0, 30), (30, 60), (60, 90)), "degrees"))
    assert found == {"0 to 30 degrees": {"faces": 2, "mean": 2.0, "median": 2.0, "over 10 %": 0.0, "found %": 100.0, "within sigma %": 75.0},
                     "30 to 60 degrees": {"faces": 1, "mean": 20.0, "median": 20.0, "over 10 %": 100.0, "found %": 0.0, "within sigma %": 0.0}}
    assert table(found).splitlines()[2] == "| 0 to 30 degrees | 2 | 2.0 | 2.0 | 0.0 | 100.0 | 75.0 |"
    assert page("Title", "Text.", {"Section": found, "Nothing": {}}).count("##") == 1
