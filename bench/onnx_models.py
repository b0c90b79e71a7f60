"""One-operator ONNX models and onnxruntime sessions over them.  No cells and no timing here."""

from __future__ import annotations

import os

import numpy as np

from bench.expressions import Unwritable

OPSET = 20
IR_VERSION = 10


def _model(operator: str, domain: str, attributes: dict, inputs: dict[str, np.ndarray], out: np.ndarray) -> bytes:
    from onnx import helper, numpy_helper

    def described(name: str, array: np.ndarray):
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)

    attributes, initializers = dict(attributes), []
    node_inputs = list(inputs)
    if operator == "Clip":
        for bound in ("min", "max"):
            value = np.asarray(attributes.pop(bound), out.dtype)
            initializers.append(numpy_helper.from_array(value, bound))
            node_inputs.append(bound)
    node = helper.make_node(operator, node_inputs, ["y"], domain=domain, **attributes)
    graph = helper.make_graph(
        [node], "cell", [described(*item) for item in inputs.items()], [described("y", out)], initializers
    )
    opsets = [helper.make_opsetid("", OPSET)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION).SerializeToString()


def role(avx512: bool) -> str:
    """A peer; but an AVX-512 kernel in a run held to AVX2 is only a reference."""
    return "reference" if avx512 and os.environ.get("FASTACT_ISA") == "avx2" else "peer"


def session(
    operator: str, domain: str, attributes: dict, inputs: dict[str, np.ndarray], out: np.ndarray, threads: int
) -> object:
    """An inference session of one operator on operands of these shapes.

    Raises
    ------
    Unwritable
        If onnxruntime has no kernel for it in this dtype.
    """
    import onnxruntime

    model = _model(operator, domain, attributes, inputs, out)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime has no public base class for its errors; anything that it says here means "no such kernel".
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        raise Unwritable(f"no kernel: {str(error).strip().splitlines()[0][:80]}") from error


def bound_run(made: object, feed: dict[str, np.ndarray], out: np.ndarray) -> dict:
    """Names for the expression ``run(binding)``, which reads the feed and writes ``out`` without copies."""
    import onnxruntime

    binding = made.io_binding()
    values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in feed.items()}
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)
    target = onnxruntime.OrtValue.ortvalue_from_numpy(out)
    binding.bind_ortvalue_output("y", target)
    return {"run": made.run_with_iobinding, "binding": binding, "held": (values, target, feed), "result": out}
