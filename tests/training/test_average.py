"""The mean of two checkpoints: at the ends themselves, between them by its share."""
import sys

import pytest

torch = pytest.importorskip("torch")

from training import __main__ as commands  # noqa: E402
from training.export import load_checkpoint, save_halved  # noqa: E402
from training.network import InfiniteLandmarks  # noqa: E402
from training.quantised import quantisers  # noqa: E402


def halved_state(network):
    return {key: value.half().float() if value.is_floating_point() else value.clone() for key, value in network.state_dict().items()}


def test_the_mean_of_two_checkpoints_is_at_its_share_between_them(tmp_path, monkeypatch):
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        network = InfiniteLandmarks("compact")
        states.append(halved_state(network))
        quantisers(network)[0].ends.copy_(torch.tensor([-1.0, seed]))  # calibrated, of which a mean means nothing
        save_halved(network, tmp_path / f"{seed}.pt")

    def made(share):
        monkeypatch.setattr(sys, "argv", ["training", "average", str(tmp_path / "1.pt"), str(tmp_path / "2.pt"), "--share", share, "--output", str(tmp_path / "mean.pt")])
        assert commands.main() == 0
        return load_checkpoint(tmp_path / "mean.pt", "compact").state_dict()

    for share in ("0", "0.25", "1"):
        for key, value in made(share).items():
            wanted = states[0][key] * (1 - float(share)) + states[1][key] * float(share)
            assert torch.allclose(value, wanted, atol=1e-6), key
    with pytest.raises(SystemExit, match="0..1"):
        made("1.5")
