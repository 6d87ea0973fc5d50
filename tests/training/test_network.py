"""The network's spaces and starting points, and both presets from forward pass to ONNX."""
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from training.anchors import chosen as anchors_chosen
from training.anchors import known_uv, mirror_order
from training.augment import recolour
from training.data import Samples, Source, Stream, compose, mean_points, mirrored, pose_in_crop, similarities
from training.crops import apply, invert
from training.export import export, load_checkpoint, save_halved
from training.facemesh import PReLU, ReLU
from training.heads import turn as turned_by
from training.modes import principal_modes
from training.network import CompactEncoder, InfiniteLandmarks, crop, mirrored_weights, project, rotation_matrix, to_photo, turning, widened
from training.train import align, anchor_losses, corner_loss, head_losses, landmark_nll, spread, transformer_loss, views_loss


@pytest.fixture(scope="module")
def compact():
    torch.manual_seed(0)
    return InfiniteLandmarks("compact").eval()


def test_transformer_starts_at_the_identity(compact):
    theta = compact.transformer(torch.rand(2, 3, 256, 256))
    assert torch.allclose(theta, torch.eye(2, 3).expand(2, 2, 3), atol=1e-6)


def test_an_untrained_face_is_the_mean_face(compact):
    uv = torch.rand(1, 50, 2)
    answer = compact.read(torch.zeros(1, 3, 192, 192), uv, torch.tensor([[1.0, 0.0]]))
    assert torch.allclose(answer["position"], compact.predictor.mean(uv), atol=0.005)
    assert answer["focal_mm"].item() == pytest.approx(60)


def test_an_untrained_paper_network_sees_it_from_the_front():
    encoding = InfiniteLandmarks("paper").encoder.encode(torch.zeros(1, 3, 224, 224))
    assert torch.allclose(rotation_matrix(encoding.rotation6d)[0], torch.eye(3), atol=1e-6)
    assert torch.allclose(encoding.translation, torch.tensor([[0.0, 0, -0.5]]))


def posed(compact, yaw, roll, across, up, metres, focal_mm=60.0):
    """The mean face's anchors [1, 128, 2] in I', turned and moved."""
    c, s = np.cos(yaw), np.sin(yaw)
    rotation = torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]], dtype=torch.float32)
    c, s = np.cos(roll), np.sin(roll)
    rolled = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float32) @ rotation
    place = torch.tensor([[across, up, -metres]])
    return rotation[None], rolled[None], place, project(compact.encoder.mean[None], rolled[None], place, torch.tensor([[focal_mm]]))


@pytest.mark.parametrize("yaw, roll, across, up, metres", [(0, 0, 0, 0, 0.5), (0.5, 0.7, 0.03, -0.02, 0.7), (-1.3, -0.4, -0.02, 0.03, 0.4)])
def test_roll_place_and_size_are_solved_from_the_anchors(compact, yaw, roll, across, up, metres):
    # Given the turn of the head alone, the rest is found from where its anchors are seen.
    turned, rolled, place, anchors = posed(compact, yaw, roll, across, up, metres)
    head, weight = compact.encoder.mean[None], torch.full((1, len(compact.encoder.mean), 1), 1 / len(compact.encoder.mean))
    focal, nothing = torch.tensor([[60.0]]), torch.zeros(1, 2)
    rotation, translation = compact.encoder.placed(head, turned, nothing, nothing[:, :1], focal, anchors, weight)
    assert torch.allclose(project(head, rotation, translation, focal), anchors, atol=0.01)
    assert torch.allclose(rotation, rolled, atol=0.03)
    assert torch.allclose(translation, place, rtol=0.05, atol=0.003)


def test_a_face_that_moves_in_its_crop_moves_as_much_in_the_answer(compact):
    # Anchors moved by a similarity: the same features of the same map, and points moved by it.
    random = torch.Generator().manual_seed(4)
    network = InfiniteLandmarks("compact").eval()
    network.load_state_dict(compact.state_dict())
    with torch.no_grad():
        network.encoder.pose[-1].weight.normal_(0, 0.05, generator=random)
        network.encoder.pose[-1].weight[6:8] = 0  # what it may add to the place,
        network.encoder.trunk.places.weight[:, -3:] = 0  # and do by place and size
    anchors = posed(compact, 0.4, 0.1, 0.01, 0.0, 0.5)[3]
    anchors = anchors + 0.01 * torch.randn(anchors.shape, generator=random)
    coarse, certainty = torch.rand(1, network.encoder.trunk.reduce[0].in_channels, 6, 6, generator=random), torch.rand(1, anchors.shape[1], generator=random) + 0.1

    def points(anchors):
        network.encoder.trunk.anchors = lambda face: (torch.zeros(1, anchors.shape[1], 576), anchors, certainty, coarse)
        return network.read(torch.zeros(1, 3, 192, 192), torch.rand(1, 30, 2, generator=torch.Generator().manual_seed(5)), torch.eye(2)[:1])["points"]

    turn, shift = torch.tensor([[0.9 * np.cos(0.3), 0.9 * np.sin(0.3)]], dtype=torch.float32), torch.tensor([0.05, -0.1])
    assert torch.allclose(points(anchors @ turning(turn) + shift), points(anchors) @ turning(turn) + shift, atol=0.04)  # but for perspective


def test_a_face_and_its_mirror_image_are_seen_as_mirror_images():
    torch.manual_seed(3)
    network = InfiniteLandmarks("compact").eval()
    with torch.no_grad():  # answers of its own, and shapes of its own
        network.encoder.pose[-1].weight.normal_(0, 0.05)
        network.encoder.trunk.output.weight[-80:].normal_(0, 0.5)
        face = torch.rand(2, 3, 192, 192)
        seen, other = network.see(face), network.see(face.flip(3))
        once = network.see(face, once=True)
    flip = torch.tensor([-1.0, 1, 1])
    rotation = rotation_matrix(seen.rotation6d)
    assert torch.allclose(flip[:, None] * rotation_matrix(other.rotation6d) * flip, rotation, atol=1e-4)
    assert torch.allclose(other.translation * flip, seen.translation, atol=1e-5) and torch.allclose(other.presence, seen.presence, atol=1e-5)
    assert (rotation_matrix(once.rotation6d) - rotation).abs().max() > 0.01  # which one look does not do
    weights = seen.features[:, -80:]
    off = other.features[:, -80:] - weights @ network.predictor.mirror
    assert off.norm() < 0.2 * weights.norm() < 0.2 * 0.9 * once.features[:, -80:].norm()
    assert torch.equal(network.predictor.together(once.features[:1]), once.features[:1])  # without a mirror image


def test_shape_modes_are_mirrored_as_they_lie():
    even, odd = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    turned = lambda mode: mode.flip(3) * torch.tensor([-1.0, 1, 1]).view(1, 3, 1, 1)
    modes = torch.cat([even + turned(even), odd - turned(odd)])
    assert torch.allclose(mirrored_weights(modes), torch.diag(torch.tensor([1.0, -1])), atol=1e-5)


def test_anchors_look_where_the_attention_is(compact):
    with torch.inference_mode():
        attention, places, certainty, _ = compact.encoder.trunk.anchors(torch.rand(2, 3, 192, 192))
    assert torch.allclose(attention.sum(2), torch.ones(attention.shape[:2]), atol=1e-5)
    assert places.abs().max() < 1 and (certainty > 0).all() and (certainty <= 1).all()
    # Attention on one cell: its centre, and as sure as can be.
    moments = compact.encoder.trunk.moments[24 * 5 + 7]
    assert torch.allclose(moments, torch.tensor([15 / 24 - 1, 11 / 24 - 1, (15 / 24 - 1) ** 2 + (11 / 24 - 1) ** 2]), atol=1e-6)


def test_patches_are_read_where_the_anchors_are(compact):
    trunk = compact.encoder.trunk
    axis = (torch.arange(24) + 0.5) / 12 - 1
    ramp = torch.zeros(1, 64, 24, 24)
    ramp[0, 0], ramp[0, 1] = axis[None].expand(24, 24), axis[:, None].expand(24, 24)
    places = 0.8 * (2 * torch.rand(1, 5, 2) - 1)
    patches = trunk.patches(ramp, places).view(1, 5, 64, 9)
    assert torch.allclose(patches[:, :, :2, 4], places, atol=1e-5)  # the middle of the patch
    assert torch.allclose(patches[:, :, 0, 5] - patches[:, :, 0, 4], torch.full((1, 5), 2 / 24), atol=1e-5)  # to its right
    assert torch.allclose(patches[:, :, 1, 7] - patches[:, :, 1, 4], torch.full((1, 5), 2 / 24), atol=1e-5)  # below it


def test_anchors_are_symmetric_and_hold_the_inner_points():
    uv, chosen = known_uv(), anchors_chosen()
    mirror = mirror_order(uv)
    assert len(set(chosen)) == len(chosen) == 128 and set(range(468, 519)) <= set(chosen)
    assert set(mirror[chosen]) == set(chosen) and np.allclose(uv[mirror], uv * [-1, 1] + [1, 0], atol=1e-6)


def test_a_mirrored_source_keeps_its_points_order():
    uv = np.concatenate([known_uv(), [[0.3, 0.2]]]).astype(np.float32)
    source = Source(np.zeros((10, 40, 3), np.uint8), uv * [40, 10], uv, 1, np.c_[uv - [0.5, 0], np.zeros(len(uv))])
    turned = mirrored(source)
    assert np.allclose(turned.uv[:519], uv[:519], atol=1e-6) and np.allclose(turned.uv[519], [0.7, 0.2])
    assert np.allclose(turned.points, turned.uv * [40, 10], atol=1e-4)  # of a face that is its own mirror
    assert np.allclose(turned.position[:, :2], turned.uv - [0.5, 0], atol=1e-6)


def test_anchors_are_taught_their_places():
    target = torch.tensor([[[0.31, -0.52], [0.0, 0.8]]])
    found = spread(target[0], 24)[None]
    on = lambda attention, places: anchor_losses({"attention": attention, "anchors": places}, target, torch.tensor([True]))
    right, wrong = on(found, target), on(torch.full((1, 2, 576), 1 / 576), target + 0.1)
    assert right["anchors"] == 0 and wrong["anchors"] == pytest.approx(2.0, abs=1e-4)
    assert right["attended"] < wrong["attended"] - 3
    assert anchor_losses({}, target, torch.tensor([True])) == {}


def test_rotations_are_rotations():
    rotation = rotation_matrix(torch.randn(20, 6))
    assert torch.allclose(rotation @ rotation.transpose(1, 2), torch.eye(3).expand(20, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(rotation), torch.ones(20), atol=1e-5)


def test_the_camera_of_the_design():
    # A point 0.1 m to the subject's left, 0.05 m up, 2 m away through 72 mm on a 36 mm sensor: u = 4 * 0.1 / 2.
    point = project(torch.tensor([[[0.1, 0.05, 0.0]]]), torch.eye(3)[None], torch.tensor([[0.0, 0.0, -2.0]]), torch.tensor([[72.0]]))
    assert torch.allclose(point, torch.tensor([[[0.2, -0.1]]]), atol=1e-6)


def test_cropping_and_undoing_theta_agree():
    # A bright pixel of the photo is found in the crop where theta says it is.
    photo = torch.zeros(1, 3, 64, 64)
    photo[:, :, 20:24, 40:44] = 1
    theta = torch.tensor([[[0.5, 0.1, 0.2], [-0.1, 0.5, -0.3]]])
    face = crop(photo, theta, 256)[0, 0]
    row, column = (torch.stack(torch.meshgrid(*[torch.arange(256.0) + 0.5] * 2, indexing="ij")) * face).sum((1, 2)) / face.sum()
    found = to_photo(theta, torch.tensor([[[column / 128 - 1, row / 128 - 1]]]))[0, 0]
    assert torch.allclose(found, torch.tensor([42 / 32 - 1, 22 / 32 - 1]), atol=0.01)


def test_the_landmark_loss_teaches_the_transformer(compact):
    network = InfiniteLandmarks("compact")
    answer = network(torch.rand(2, 3, 320, 320), torch.rand(2, 7, 2), torch.eye(2))
    landmark_nll(answer["photo_points"], answer["log_sigma"]).mean().backward()
    assert network.transformer.numbers[-1].bias.grad.abs().sum() > 0
    assert network.transformer.attention.weight.grad.abs().sum() > 0


def test_attention_is_taught_the_faces_own_place(compact):
    place = torch.tensor([[0.0, 0.0], [0.3, -0.52], [-0.87, 0.87]])
    weight = spread(place, compact.transformer.CELLS)
    assert torch.allclose(weight @ compact.transformer.centres, place, atol=1e-6)
    assert torch.allclose(weight.sum(1), torch.ones(3)) and (weight > 0).sum(1).max() <= 4


def test_a_lost_small_face_still_pulls_the_transformer():
    network = InfiniteLandmarks("compact")
    with torch.no_grad():
        network.transformer.numbers[-1].bias[0] = np.log(0.06)
    theta = torch.tensor([[[0.06, 0, 0.8], [0, 0.06, -0.8]]])  # thirteen of its sides from the first guess
    losses = transformer_loss(network, {"face": torch.rand(1, 3, 128, 128), "theta": theta})
    losses["corners"].backward()
    x, y = network.transformer.numbers[-1].bias.grad[4:].tolist()
    assert x < 0 < y  # a step against the gradient goes right and up, towards it


def test_a_found_crop_costs_nothing_and_any_distance_more():
    wanted = torch.tensor([[[0.2, 0, 0.1], [0, 0.2, -0.3]]]).repeat(4, 1, 1)
    found = wanted.clone()
    found[:, 0, 2] += torch.tensor([0.0, 0.1, 1.0, 5.0])
    loss = corner_loss(found, wanted)
    assert loss[0] == 0 and (loss[1:] > loss[:-1]).all()


def test_the_last_features_weigh_the_shape_modes(compact):
    uv = torch.rand(1, 20, 2)
    features = torch.randn(1, compact.preset.features)
    features[:, -compact.preset.modes :] = 0
    moved = {}
    for weight in (1.0, -2.0):
        weighed = features.clone()
        weighed[0, -compact.preset.modes + 3] = weight
        moved[weight] = compact.predictor.modal(weighed, uv)
    assert torch.allclose(moved[-2.0], -2 * moved[1.0], atol=1e-7)
    assert 1e-4 < moved[1.0].abs().max() < 0.03  # metres, of one standard deviation
    assert torch.allclose(compact.predictor.modal(features, uv), torch.zeros(1, 20, 3))


def test_a_few_queries_and_many_read_the_same_modes(compact):
    features = torch.randn(1, compact.preset.features, generator=torch.Generator().manual_seed(4))
    edges = torch.tensor([0.0, 1e-4, 0.5 / 96, 0.3, 1 - 1e-4, 1, -0.1, 1.1])
    uv = torch.cat([torch.cartesian_prod(edges, edges), torch.rand(400, 2, generator=torch.Generator().manual_seed(5))])[None]
    many = compact.predictor.modal(features, uv)
    few = torch.cat([compact.predictor.modal(features, part) for part in uv.split(64, 1)], 1)
    assert many.abs().max() > 1e-3
    assert torch.allclose(few, many, atol=1e-7)


def test_photos_hold_the_canonical_shape_in_place():
    # What their 2D labels do not see, a head that moved with a camera that makes up for it, costs something.
    def losses(shift):
        position = torch.zeros(1, 30, 3).uniform_(-0.05, 0.05, generator=torch.Generator().manual_seed(2))
        moved = torch.tensor([0.0, 0.0, shift])
        answer = {"position": position + moved, "rotation": torch.eye(3)[None], "translation": torch.tensor([[0.0, 0, -0.5]]) - moved, "focal_mm": torch.full((1, 1), 60.0)}
        target = project(position, torch.eye(3)[None], torch.tensor([[0.0, 0, -0.5]]), torch.full((1, 1), 60.0))
        return head_losses(answer, {"solid": torch.zeros(1), "position": position}, target)

    still, moved = losses(0.0), losses(0.1)
    assert moved["flat"] == pytest.approx(float(still["flat"]), abs=1e-4) and moved["fitted"] > still["fitted"] + 1
    assert moved["image"] == pytest.approx(float(still["image"]), abs=1e-4)  # the pose makes up for it


def test_where_a_face_is_seen_weighs_more_than_its_true_shape():
    # The head is found turned by 3 degrees: its true points are then seen beside the face; turned back, they are seen on it.
    position = torch.zeros(1, 30, 3).uniform_(-0.05, 0.05, generator=torch.Generator().manual_seed(2))
    place, focal_mm = torch.tensor([[0.0, 0, -0.5]]), torch.full((1, 1), 60.0)
    wrong = torch.tensor(turned_by(1, np.radians(3)), dtype=torch.float32)[None]
    truth = {"position": position, "rotation": torch.eye(3)[None], "distance": torch.tensor([0.5]), "solid": torch.ones(1)}
    target = project(position, truth["rotation"], place, focal_mm)

    def loss(shape):
        return sum(head_losses({"position": shape, "rotation": wrong, "translation": place, "focal_mm": focal_mm}, truth, target).values())

    assert loss(position @ wrong) < loss(position)


def test_principal_modes_span_what_the_heads_do():
    random = np.random.default_rng(5)
    basis = random.normal(size=(3, 40, 3))
    heads = 0.2 + np.einsum("nm,mvx->nvx", random.normal(size=(200, 3)) * [3, 2, 1], basis)
    mean, modes = principal_modes(heads, random.uniform(0.5, 2, 40), 3)
    offsets = (heads - mean).reshape(200, -1)
    scores = np.linalg.lstsq(modes.reshape(3, -1).T, offsets.T, rcond=None)[0]
    assert np.abs(scores.T @ modes.reshape(3, -1) - offsets).max() < 1e-6
    assert np.allclose((scores**2).mean(1), 1, atol=1e-6)  # weights of unit variance


def test_sigma_rests_where_it_is_the_error():
    error = torch.tensor([0.03, 0.04])  # |e| = 0.05; for a 2D Gaussian sigma^2 = |e|^2 / 2
    log_sigma = torch.log(torch.tensor([0.5, 1.0, 2.0]) * 0.05 / 2**0.5).requires_grad_()
    landmark_nll(error.expand(3, 2), log_sigma).sum().backward()
    low, rest, high = log_sigma.grad.tolist()
    assert low < 0 < high and abs(rest) < 1e-4


def test_outliers_pull_no_harder_than_the_limit():
    error = torch.tensor([[0.05, 0.0], [5.0, 0.0]], requires_grad=True)
    landmark_nll(error, torch.full((2,), -4.0)).sum().backward()
    near, far = error.grad[:, 0].tolist()
    assert far == pytest.approx(near, rel=1e-4)  # both beyond two sigmas


def test_aligning_takes_away_a_similarity_and_nothing_else():
    points = torch.randn(3, 20, 2)
    cosine, sine = 1.3 * np.cos(0.4), 1.3 * np.sin(0.4)
    moved = points @ torch.tensor([[cosine, sine], [-sine, cosine]], dtype=torch.float32) + 0.5
    assert torch.allclose(align(points, moved), moved, atol=1e-5)
    stretched = points * torch.tensor([1.5, 1.0])
    assert (align(points, stretched) - stretched).abs().max() > 0.05


def test_heads_are_brought_to_the_mean_one_by_a_similarity():
    random = np.random.default_rng(1)
    target = random.normal(size=(30, 3))
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    source = (0.7 * target @ turn.T + [0.1, 0.2, 0.3])[None]
    scale, rotation, shift = similarities(source, target)
    assert np.allclose(scale[0] * source[0] @ rotation[0].T + shift[0], target, atol=1e-9)


@pytest.mark.parametrize("angle", (-0.6, 0.0, 0.4))
def test_pose_in_crop_reproduces_the_photo(angle):
    random = np.random.default_rng(3)
    points = random.uniform(-0.08, 0.08, (40, 3))
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    translation, focal_mm = np.array([0.25, -0.15, -2.0]), 85.0
    source = Source(np.zeros((8, 8, 3), np.uint8), np.zeros((0, 2)), np.zeros((0, 2)), 0, points, turn, translation, focal_mm)

    def seen(points, rotation, translation, focal_mm):
        camera = points @ rotation.T + translation
        return 2 * focal_mm / 36 * camera[:, :2] / -camera[:, 2:] * [1, -1]

    photo = seen(points, turn, translation, focal_mm)
    scale = 0.3
    theta = np.c_[scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]),
                  seen(np.zeros((1, 3)), turn, translation, focal_mm)[0]]
    rotation, distance = pose_in_crop(source, theta)
    # The head's origin is at the crop's centre, so it lies on the crop camera's axis.
    again = seen(points, rotation, np.array([0, 0, -distance]), focal_mm / scale)
    assert np.abs(again - apply(invert(theta), photo)).max() < 0.03  # in a crop of [-1, 1]: off-axis magnification


def test_affines_compose():
    random = np.random.default_rng(0)
    a, b, points = random.normal(size=(2, 3)), random.normal(size=(2, 3)), random.normal(size=(5, 2))
    assert np.allclose(apply(compose(a, b), points), apply(a, apply(b, points)))
    assert np.allclose(apply(invert(a), apply(a, points)), points)


@pytest.mark.parametrize("preset", ("compact", "paper"))
def test_preset_runs_forward_backward_and_exports(preset, tmp_path):
    network = InfiniteLandmarks(preset)
    answer = network(torch.rand(1, 3, 256, 256), torch.rand(1, 9, 2), torch.eye(2)[:1])
    assert answer["photo_points"].shape == (1, 9, 2) and answer["position"].shape == (1, 9, 3)
    landmark_nll(answer["photo_points"], answer["log_sigma"]).mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
    export(network.eval(), tmp_path, {"name": preset, "version": "0", "presenceThreshold": 0.5, "metrics": {}})
    assert {f.name for f in tmp_path.iterdir()} >= {"spatial_transformer.onnx", "face_encoder.onnx", "landmark_predictor.onnx", "model.json"}
    assert (tmp_path / "face_encoder.onnx").stat().st_size < 2.2 * sum(p.numel() for p in network.encoder.parameters())  # bytes: half precision


def test_a_checkpoint_in_half_precision_is_the_network(compact, tmp_path):
    save_halved(compact, tmp_path / "half.pt")
    assert (tmp_path / "half.pt").stat().st_size < 2.2 * sum(p.numel() for p in compact.parameters())
    again, uv = load_checkpoint(tmp_path / "half.pt", "compact"), torch.rand(1, 50, 2)
    face = torch.rand(1, 3, 192, 192, generator=torch.Generator().manual_seed(4))
    ours, theirs = (network.read(face, uv, torch.eye(2)[:1])["points"] for network in (compact, again))
    assert 0 < (ours - theirs).abs().max() < 0.02


def test_a_checkpoint_with_other_layers_says_which_is_missing(compact, tmp_path):
    state = compact.state_dict()
    del state["encoder.trunk.dense.0.weight"]
    torch.save({"network": state}, tmp_path / "old.pt")
    with pytest.raises(ValueError, match="it has no 'encoder.trunk.dense.0.weight'"):
        load_checkpoint(tmp_path / "old.pt", "compact")


def test_a_wider_encoder_begins_with_the_answers_of_the_narrow_one():
    torch.manual_seed(3)
    narrow, wide = CompactEncoder(464, 128), CompactEncoder(464, 128, 1.5)
    with torch.no_grad():
        for parameter in narrow.parameters():  # those that begin at zero would hide what goes astray
            parameter.add_(0.02 * torch.randn_like(parameter))
        wide.load_state_dict(widened(narrow.state_dict(), wide.state_dict()))
        face = torch.rand(2, 3, 192, 192)
        for ours, theirs in zip(wide.anchors(face)[:3], narrow.anchors(face)[:3]):
            assert torch.allclose(ours, theirs, atol=1e-5)
    assert sum(p.numel() for p in wide.parameters()) > 1.2 * sum(p.numel() for p in narrow.parameters())


def test_two_views_of_a_head_come_with_the_same_queries_and_are_tied_together():
    random = np.random.default_rng(5)
    uv, position = known_uv(), mean_points(known_uv())
    sides = [np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]) for a in (0.1, 0.8)]
    flat = lambda turn: (100 + 250 * (position @ turn.T)[:, :2] * [1, -1]).astype(np.float32)
    views = [Source(random.integers(0, 255, (200, 200, 3), np.uint8), flat(turn), uv, 1, position, turn, np.array([0, 0, -1.0]), 60.0, np.ones(len(uv), bool)) for turn in sides]

    class TwoViews(list):
        heads, turned, absent = [[0, 1]], np.array([0, 1]), []
        source = list.__getitem__

    photos = SimpleNamespace(chance=np.zeros(0))
    batch = next(iter(Stream(Samples(photos, TwoViews(views), 96, 1.0), "crop", 6, 3, pairs=2)))
    assert batch["paired"].tolist() == [True] * 4 + [False] * 2 and batch["present"][:4].all()
    for first in (0, 2):
        assert torch.equal(batch["uv"][first], batch["uv"][first + 1]) and torch.equal(batch["position"][first], batch["position"][first + 1])
        assert not torch.equal(batch["face"][first], batch["face"][first + 1])
    assert not torch.equal(batch["uv"][0], batch["uv"][2])

    shapes = batch["position"].clone().requires_grad_()
    assert views_loss(shapes, batch["paired"])["views"] == 0
    moved = shapes + torch.arange(6.0)[:, None, None] * 1e-3
    loss = views_loss(moved, batch["paired"])["views"]
    assert loss > 0
    (slope,) = torch.autograd.grad(loss, moved)
    assert (slope[0] < 0).all() and (slope[1] > 0).all() and not slope[4:].any()
    assert not views_loss(moved, torch.zeros(6, dtype=torch.bool))


def test_skin_is_recoloured_and_the_rest_is_not():
    image = np.full((96, 96, 3), (60, 90, 160), np.uint8)
    cv2.circle(image, (48, 48), 30, (224, 180, 150), -1)
    skin = np.array([[40.5, 40.5], [55.5, 45.5], [48.5, 60.5], [300.0, 5.0]])
    tones = [recolour(image, skin, np.random.default_rng(seed)) for seed in range(12)]
    assert all(np.abs(tone[:12].astype(int) - image[:12]).max() <= 1 for tone in tones)
    levels = np.array([tone[48, 48].astype(float) for tone in tones])
    assert np.ptp(levels[:, 0]) > 80 and (levels[:, 0] > levels[:, 2]).all()  # from dark to light, always skin
    grey = np.repeat(image[..., :1], 3, 2)
    assert recolour(grey, skin, np.random.default_rng(1)) is grey and recolour(image, skin + 500, np.random.default_rng(1)) is image


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format], ids=["channels last", "contiguous"])
def test_the_rectifiers_gradients_are_those_of_pytorch(layout):
    torch.manual_seed(5)
    ours, gradient = PReLU(6), torch.randn(2, 6, 5, 4)
    ours.weight.data.uniform_(-0.5, 1.5)
    for own, theirs in ((ours, lambda x: torch.nn.functional.prelu(x, ours.weight)), (ReLU(), torch.relu)):
        x = torch.randn(2, 6, 5, 4).contiguous(memory_format=layout).requires_grad_()
        found, wanted = (torch.autograd.grad(layer(x), x, gradient)[0] for layer in (own, theirs))
        assert torch.allclose(found, wanted)
