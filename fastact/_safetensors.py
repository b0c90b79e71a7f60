"""The safetensors file format, read and written with NumPy alone: arrays by name, and a dict of texts.

A file is eight bytes of header length, a JSON header, and the arrays one behind the other. Nothing in it is executed.
Which names a model or a trainer uses belongs in ``nn/_weights.py`` and ``train/``.
"""

import json
import math
import os
import struct

import numpy as np

from fastact._files import replacing

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
CODES = {np.dtype(dtype).newbyteorder("="): code for code, dtype in DTYPES.items()}
LONGEST_HEADER = 100_000_000  # the limit of the format's own library
MOST_AXES = 64  # of an ndarray


class SafetensorsError(ValueError):
    """A file that is not safetensors, or is damaged."""


def write(path, arrays, metadata=None):
    """Write arrays into a file, whole or not at all.

    Parameters
    ----------
    path : path-like
    arrays : mapping of str to ndarray
        float16, bfloat16, float32, float64, integers and bool.
    metadata : mapping of str to str, optional
    """
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    codes = {name: _code(name, array.dtype) for name, array in arrays.items()}
    texts = [*arrays, *(metadata or {}), *(metadata or {}).values()]
    if "__metadata__" in arrays or not all(isinstance(text, str) for text in texts):
        raise TypeError("names of arrays and metadata must be texts, and no array may be called '__metadata__'")
    header, offset = {}, 0
    if metadata:
        header["__metadata__"] = dict(metadata)
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))  # large items first keeps all aligned
    for name in order:
        end = offset + arrays[name].nbytes
        header[name] = {"dtype": codes[name], "shape": list(arrays[name].shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with replacing(path) as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            array = arrays[name]
            file.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())


def _code(name, dtype):
    if dtype.name == "bfloat16":
        return "BF16"
    code = CODES.get(dtype.newbyteorder("="))
    if code is None:
        raise TypeError(
            f"{name!r} has dtype {dtype}, which safetensors cannot hold: convert it to a float, an integer or bool"
        )
    return code


def read(path):
    """Read all arrays of a file, and its metadata.

    Returns
    -------
    arrays : dict of str to ndarray
        Writable, in memory of their own. bfloat16 becomes float32, which holds its values exactly.
    metadata : dict of str to str

    Raises
    ------
    SafetensorsError
        If the file is not safetensors or is damaged; the text says where.
    """
    with open(path, "rb") as file:
        header, length = _read_header(file, path)
        metadata = header.pop("__metadata__", {})
        size = os.fstat(file.fileno()).st_size - length
        _check_layout(header, size, path)
        data = bytearray(size)
        if file.readinto(data) != size:
            raise SafetensorsError(f"{path} ended while it was read: fetch it anew")
    return {name: _array(data, entry) for name, entry in header.items()}, metadata


def read_metadata(path):
    """The metadata of a file, without its arrays."""
    with open(path, "rb") as file:
        return _read_header(file, path)[0].get("__metadata__", {})


def _read_header(file, path):
    """The header as a dict, and where the arrays begin."""
    start = file.read(8)
    size = os.fstat(file.fileno()).st_size
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if not 2 <= length <= min(size - 8, LONGEST_HEADER):
        raise SafetensorsError(
            f"{path} is not a safetensors file, or is cut off: it has {size} bytes and its first eight "
            f"announce a header of {length}"
        )
    try:
        header = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise SafetensorsError(f"{path} is not a safetensors file: its header is no JSON ({error})") from error
    if not isinstance(header, dict):
        raise SafetensorsError(f"{path} is not a safetensors file: its header is no JSON object")
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise SafetensorsError(f"{path} is damaged: its metadata must be texts by name")
    return header, 8 + length


def _unique(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _check_layout(header, size, path):
    """Refuse entries that do not fit their bytes, overlap, leave gaps or reach beyond the end."""
    expected = 0
    for name, entry in sorted(header.items(), key=lambda item: _offsets(item, path)):
        begin, end = _offsets((name, entry), path)
        shape, code = entry.get("shape"), entry.get("dtype")
        if not isinstance(code, str) or (code not in DTYPES and code != "BF16"):
            raise SafetensorsError(f"{path}: {name!r} has dtype {code!r}; known are {', '.join([*DTYPES, 'BF16'])}")
        if not isinstance(shape, list) or len(shape) > MOST_AXES or not all(type(n) is int and n >= 0 for n in shape):
            raise SafetensorsError(f"{path} is damaged: {name!r} has shape {shape!r}")
        wanted = math.prod(shape) * (2 if code == "BF16" else np.dtype(DTYPES[code]).itemsize)
        if begin != expected or end - begin != wanted:
            raise SafetensorsError(
                f"{path} is damaged: {name!r} of shape {shape} and dtype {code} should take bytes {expected} to "
                f"{expected + wanted}, the header says {begin} to {end}"
            )
        expected = end
    if expected != size:
        raise SafetensorsError(f"{path} is cut off or damaged: its arrays need {expected} bytes, {size} are there")


def _offsets(item, path):
    name, entry = item
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(type(n) is int and n >= 0 for n in offsets):
        raise SafetensorsError(f"{path} is damaged: {name!r} has data_offsets {offsets!r}, expected two integers")
    return offsets


def _array(data, entry):
    begin, end = entry["data_offsets"]
    if entry["dtype"] == "BF16":
        bits = np.frombuffer(data, "<u2", (end - begin) // 2, begin)
        return (bits.astype(np.uint32) << 16).view(np.float32).reshape(entry["shape"])
    dtype = np.dtype(DTYPES[entry["dtype"]])
    array = np.frombuffer(data, dtype, (end - begin) // dtype.itemsize, begin).reshape(entry["shape"])
    return array.astype(dtype.newbyteorder("="))
