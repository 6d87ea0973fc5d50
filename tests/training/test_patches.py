"""The closed form of what moves the anchors."""
import numpy as np
import torch

from training.network import InfiniteLandmarks
from training.patches import fit, regress


def test_a_linear_relation_of_low_rank_is_found():
    torch.manual_seed(1)
    patches = 3 * torch.randn(3000, 6, 20) @ torch.randn(20, 20) + 5
    shared, own = torch.randn(20, 3), torch.randn(6, 3, 2)
    errors = 0.01 * (torch.einsum("nap,pr,aro->nao", patches, shared, own) + 2)
    patch, offset, move = regress(patches.half(), errors, 4)
    found = ((patches @ patch + offset)[:, :, None] @ move)[:, :, 0]
    assert (found - errors).std() < 0.25 * errors.std()  # the ridge shrinks a little
    assert torch.allclose((patches @ patch + offset)[..., -1], torch.ones(3000, 6))
    none, _, still = regress(patches.half(), torch.zeros(3000, 6, 2), 4)
    assert still.abs().max() < 1e-6 and torch.isfinite(none).all()


def test_what_is_read_between_cells_is_what_the_patches_there_give():
    torch.manual_seed(2)
    trunk = InfiniteLandmarks("compact").encoder.trunk
    fine, places = torch.randn(2, trunk.fine[0].change[0].in_channels, 24, 24), torch.rand(2, 128, 2) * 1.8 - 0.9
    with torch.inference_mode():
        read = trunk.between(trunk.readings(fine), places)
        assert torch.allclose(read, trunk.patch(trunk.patches(fine, places)), atol=1e-4)


def test_fitting_brings_anchors_nearer():
    torch.manual_seed(0)
    trunk = InfiniteLandmarks("compact").encoder.trunk.eval()

    class Squares:
        """A bright square on grey, anywhere; all anchors are its corner."""

        def crop(self, random, negative_share):
            face, (x, y) = np.full((192, 192, 3), 90, np.uint8), random.integers(40, 120, 2)
            face[y : y + 40, x : x + 40] = 220
            return {"face": face, "anchors": np.tile([x / 96 - 1, y / 96 - 1], (128, 1))}

    def apart():
        random, squares = np.random.default_rng(9), Squares()
        crops = [squares.crop(random, 0) for _ in range(32)]
        face = torch.from_numpy(np.stack([crop["face"] for crop in crops])).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            return (trunk.anchors(face)[1] - torch.from_numpy(np.stack([crop["anchors"] for crop in crops]))).norm(dim=2).mean()

    before = apart()
    fit(trunk, Squares(), 256, np.random.default_rng(0))
    assert apart() < 0.9 * before
