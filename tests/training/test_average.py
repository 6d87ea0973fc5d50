"""The mean of two checkpoints: at the ends themselves, between them by its share."""
import sys

import pytest

torch = pytest.importorskip("torch")

from training import __main__ as commands  # noqa: E402
from training.export import load_checkpoint, save_halved  # noqa: E402
from training.network import InfiniteLandmarks  # noqa: E402


def test_the_mean_of_two_checkpoints_is_at_its_share_between_them(tmp_path, monkeypatch):
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        network = InfiniteLandmarks("compact")
        save_halved(network, tmp_path / f"{seed}.pt")
        states.append(load_checkpoint(tmp_path / f"{seed}.pt", "compact").state_dict())

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
