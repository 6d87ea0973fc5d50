"""The limits by which a face is told from none."""
import numpy as np
import pytest

from training.evaluate import LOST_AT_ONCE, TOO_DOUBTFUL, limits_of

RANDOM = np.random.default_rng(3)
PORTRAITS = {"presence": RANDOM.normal(9, 1, 2000), "doubt": RANDOM.lognormal(-5.2, 0.2, 2000)}
RENDERS = {"presence": RANDOM.normal(8, 1, 2000), "doubt": RANDOM.lognormal(-6, 0.2, 2000)}


@pytest.mark.parametrize("highest", (-2, 3, 5.5))
def test_the_limits_lose_few_faces_of_either_kind_and_let_no_picture_without_one_through_at_once(highest):
    limits = limits_of([PORTRAITS, RENDERS], {"presence": np.array([-9, highest, -4])})
    assert limits.presence > highest
    for faces in (PORTRAITS, RENDERS):
        assert (faces["presence"] < limits.presence).mean() <= LOST_AT_ONCE + 1e-3 and (faces["doubt"] > limits.sigma).mean() <= TOO_DOUBTFUL + 1e-3


def test_the_surer_a_network_is_of_what_has_no_face_the_higher_the_limit():
    low, high = (limits_of([RENDERS], {"presence": np.array([highest])}) for highest in (-2, 3))
    assert low.presence < high.presence < limits_of([RENDERS]).presence and low.sigma == high.sigma
