"""Smaller numbers in an ONNX graph: 16 bits, or 8 bits for the weights and activations of the large layers."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from slowfast_thermal.files import replacing

PRECISIONS = "float32", "float16", "int8"
# Positions in pixels lose too much in 16 bits, and these have no such kernel.
_KEPT = ["RoiAlign", "GridSample", "Resize", "TopK", "Clip"]


def to_float16(path: Path) -> None:
    """Stores and computes in 16 bits what can be; inputs and outputs stay float32."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = convert_float_to_float16(onnx.load(path), keep_io_types=True, op_block_list=_KEPT)
    with replacing(path) as temporary:
        onnx.save(model, temporary)


def to_int8(path: Path, samples: Iterable[Mapping[str, np.ndarray]]) -> None:
    """Quantises convolutions and products, each weight's channels on their own; ranges are those that the samples show."""
    from onnxruntime.quantization import QuantFormat, QuantType, quant_pre_process, quantize_static

    with replacing(path) as temporary:
        quant_pre_process(path, temporary, skip_symbolic_shape=True)
        quantize_static(
            temporary,
            temporary,
            _Samples(samples),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


class _Samples:
    """onnxruntime's CalibrationDataReader."""

    def __init__(self, samples: Iterable[Mapping[str, np.ndarray]]):
        self._samples = iter(samples)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The inputs of the next sample, None after the last one."""
        sample = next(self._samples, None)
        return None if sample is None else dict(sample)
