"""Second names of elementwise functions: alias to the name in csrc/activations.def.  Data only: setup.py reads it too."""

ALIASES = {"expit": "sigmoid", "log_expit": "log_sigmoid", "logsigmoid": "log_sigmoid", "swish": "silu"}
