"""Safetensors files, both ways with torch and the format's own library, whole, damaged and interrupted."""

import json
import os
import struct
import threading

import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy
import safetensors.torch
import torch

import fastact.torch as ft
from fastact import _safetensors, nn
from fastact._files import replacing


def make_model(library):
    return library.Sequential(library.Linear(6, 5), library.Tanh(), library.Linear(5, 4, bias=False))


def test_weights_travel_to_torch_and_back(tmp_path):
    ft.manual_seed(0)
    ours, theirs, path = make_model(nn), make_model(torch.nn), tmp_path / "model.safetensors"
    nn.save_safetensors(ours, path)
    theirs.load_state_dict(safetensors.torch.load_file(path))
    for name, value in ours.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), theirs.state_dict()[name].numpy())
    with torch.no_grad():
        theirs[0].weight.mul_(2)
    safetensors.torch.save_file(theirs.state_dict(), path)
    assert nn.load_safetensors(ours, path) == ([], [])
    np.testing.assert_array_equal(ours[0].weight.detach().numpy(), theirs[0].weight.detach().numpy())


def test_every_dtype_and_shape_agrees_with_the_formats_library(tmp_path):
    random, path = np.random.default_rng(0), tmp_path / "all.safetensors"
    arrays = {
        code: random.integers(0, 2, shape).astype(dtype)
        for (code, dtype), shape in zip(
            _safetensors.DTYPES.items(), [(), (0, 3), (3,), (2, 3), (1, 1, 5)] * 3, strict=False
        )
    }
    arrays["transposed"] = random.normal(size=(4, 3)).T
    arrays["swapped"] = random.normal(size=4).astype(">f4")
    _safetensors.write(path, arrays, {"note": "ü"})
    theirs = safetensors.numpy.load_file(path)
    ours, metadata = _safetensors.read(path)
    assert metadata == {"note": "ü"} == _safetensors.read_metadata(path)
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata() == metadata
    for name, array in arrays.items():
        for read in (theirs[name], ours[name]):
            assert read.shape == array.shape and read.dtype == array.dtype.newbyteorder("=")
            np.testing.assert_array_equal(read, array)
    safetensors.numpy.save_file(theirs, path)
    assert all(np.array_equal(array, arrays[name]) for name, array in _safetensors.read(path)[0].items())


def test_bfloat16_is_read_exactly(tmp_path):
    values = np.array([1.0, -2.5, 3e38, np.inf, 1e-40]).astype(ml_dtypes.bfloat16)
    _safetensors.write(tmp_path / "ours", {"x": values})
    safetensors.torch.save_file({"x": torch.tensor(values.astype(np.float32)).bfloat16()}, tmp_path / "theirs")
    assert (tmp_path / "ours").read_bytes()[-10:] == (tmp_path / "theirs").read_bytes()[-10:]
    read = _safetensors.read(tmp_path / "theirs")[0]["x"]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, values.astype(np.float32))


def test_loaded_arrays_by_name_and_shared_parameters(tmp_path):
    layer = nn.Linear(3, 3)
    tied, path = nn.Sequential(layer, nn.ReLU(), layer), tmp_path / "tied"
    nn.save_safetensors({"0.weight": np.eye(3), "0.bias": np.ones(3), "fastact.epoch": np.zeros(1)}, path)
    assert sorted(nn.load_safetensors(path)) == ["0.bias", "0.weight"]
    assert nn.load_safetensors(tied, path) == ([], [])
    assert tied[2].weight.tolist() == np.eye(3).tolist() and tied[2].weight.dtype == np.float32
    with pytest.raises(RuntimeError, match=r"missing \['weight', 'bias'\], unexpected \['0.bias', '0.weight'\]"):
        nn.load_safetensors(nn.Linear(3, 3), path)
    with pytest.raises(TypeError, match=r"takes a Module first, got dict"):
        nn.load_safetensors({}, path)
    with pytest.raises(TypeError, match="'x' has dtype complex128"):
        nn.save_safetensors({"x": np.ones(1, complex)}, path)


def entry(**changes):
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}


def write_raw(path, header, data=b"\0" * 8):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"[1, 2]", "no JSON object"),
        (b"{nonsense", "header is no JSON"),
        (b'{"x": {}, "x": {}}', "a name stands there twice"),
        (b"[" * 100_000, "header is no JSON"),
        (b"\xef\xbb\xbf{}", "header is no JSON"),
        ("{}".encode("utf-16"), "header is no JSON"),
        ({"x": entry(dtype=["F32"])}, r"'x' has dtype \['F32'\]"),
        ({"x": entry(shape=[1] * 70, data_offsets=[0, 4])}, "'x' has shape"),
        ({"__metadata__": {"a": 1}}, "metadata must be texts"),
        ({"x": 3}, "'x' has data_offsets None"),
        ({"x": entry(data_offsets=[0, -8])}, "expected two integers"),
        ({"x": entry(dtype="F31")}, "'x' has dtype 'F31'; known are F64"),
        ({"x": entry(shape=[-2])}, r"'x' has shape \[-2\]"),
        ({"x": entry(shape=[3])}, "should take bytes 0 to 12, the header says 0 to 8"),
        ({"x": entry(), "y": entry()}, "should take bytes 8 to 16, the header says 0 to 8"),
        ({"x": entry(shape=[1], data_offsets=[4, 8])}, "should take bytes 0 to 4"),
        ({"x": entry(shape=[1 << 62], data_offsets=[0, 1 << 64])}, "cut off or damaged"),
        ({"x": entry(shape=[1], data_offsets=[0, 4])}, "need 4 bytes, 8 are there"),
    ],
)
def test_damage_is_named(tmp_path, header, said):
    path = tmp_path / "damaged"
    write_raw(path, header)
    with pytest.raises(nn.SafetensorsError, match=said):
        nn.load_safetensors(path)


def test_files_cut_off_anywhere_are_refused(tmp_path):
    path = tmp_path / "model"
    nn.save_safetensors(nn.Linear(2, 2), path)
    whole = path.read_bytes()
    for length in (0, 7, 8, 20, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(nn.SafetensorsError, match="not a safetensors file, or is cut off|cut off or damaged"):
            nn.load_safetensors(path)
    path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    with pytest.raises(nn.SafetensorsError, match="announce a header of 1152921504606846976"):
        nn.load_safetensors(path)


def test_a_failed_write_leaves_the_former_file(tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.write_bytes(b"former")
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(b"half")
        1 / 0  # noqa: B018
    assert path.read_bytes() == b"former" and os.listdir(tmp_path) == ["model"]
    with pytest.raises(FileNotFoundError, match="cannot write .*nowhere.*folder must exist"):
        nn.save_safetensors(nn.Linear(2, 2), tmp_path / "nowhere" / "model")
    synced, before = [], path.stat().st_ino
    monkeypatch.setattr(os, "fsync", synced.append)
    with replacing(path, "w", encoding="utf-8") as file:
        file.write("new")
    assert path.read_text() == "new" and len(synced) == 2
    assert path.stat().st_ino != before, "renamed over the former file, not written into it"


def test_a_folder_in_place_of_the_file_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="it is a folder; name a file in it"):
        nn.save_safetensors(nn.Linear(1, 1), tmp_path)


def test_links_permissions_and_devices_stay(tmp_path):
    kept, link = tmp_path / "kept", tmp_path / "latest"
    nn.save_safetensors(nn.Linear(1, 1), kept)
    kept.chmod(0o600)
    link.symlink_to("kept")
    nn.save_safetensors(nn.Linear(3, 2), link)
    assert link.is_symlink() and nn.load_safetensors(kept)["weight"].shape == (2, 3)
    assert kept.stat().st_mode & 0o777 == 0o600
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with replacing(pipe) as file:
        file.write(b"through")
    reader.join(10)
    assert read == [b"through"] and pipe.is_fifo() and sorted(os.listdir(tmp_path)) == ["kept", "latest", "pipe"]


def test_names_and_metadata_that_no_reader_would_take_are_refused(tmp_path):
    for arrays, metadata in (({"__metadata__": np.ones(1)}, None), ({1: np.ones(1)}, None), ({}, {"epoch": 3})):
        with pytest.raises(TypeError, match="must be texts, and no array may be called '__metadata__'"):
            nn.save_safetensors(arrays, tmp_path / "x", metadata)
    assert not list(tmp_path.iterdir())


def test_model_and_path_in_the_wrong_order(tmp_path):
    with pytest.raises(TypeError, match=r"save_safetensors\(model, path\) takes a Module or a state first, got .*Path"):
        nn.save_safetensors(tmp_path / "model", nn.Linear(2, 2))
