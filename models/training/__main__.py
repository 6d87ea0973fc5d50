"""python3 -m training COMMAND: every step from the data to the model folder (--help lists them)."""
import argparse
import importlib
import sys

# Each command is a module of the package with add_arguments(parser) and run(arguments).
COMMANDS = {
    "canonical": "the canonical face: chart, position map, topology, layouts",
    "modes": "the principal modes of the canonical face's shape",
    "label": "FaceMesh landmarks of a folder of portraits",
    "layout": "the facemesh468 layout, by measurement on renders",
    "render": "synthetic heads with exact labels",
    "capture": "a synthetic subject from four sides, with its truth",
    "train": "the network, stage by stage, resumable",
    "average": "the weighted mean of two checkpoints",
    "calibrate": "where to round to 8 bits, and sigma, so that it means what it says",
    "evaluate": "the figures of the model card",
    "figures": "the kinds of pictures that the paper shows, of this model",
    "balance": "what the training pictures show",
    "ablate": "what each part of the method is worth",
    "export": "the ONNX graphs and model.json",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # Only the named command's module is imported: `canonical` needs no torch, `export` no OpenGL.
    named = next((argument for argument in sys.argv[1:] if argument in COMMANDS), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == named:
            module = importlib.import_module(f".{name}", __package__)
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    arguments = parser.parse_args()
    return arguments.run(arguments) or 0


if __name__ == "__main__":
    sys.exit(main())
