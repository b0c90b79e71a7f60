"""Second names of elementwise functions: alias to the name in csrc/activations.def.  Data only: setup.py reads it too."""

ALIASES = {"expit": "sigmoid", "swish": "silu"}
