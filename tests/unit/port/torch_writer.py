"""Writes PyTorch's two formats of files, without PyTorch: what a test needs of them."""

import io
import pickle
import zipfile
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C


class Name:
    """A global, written by name whether it exists here or not."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self):
        raise AssertionError("only a reader could call this")


class Call:
    """What a reader would have to call."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


class Storage(NamedTuple):
    kind: str
    values: np.ndarray


REBUILD = Name("torch._utils", "_rebuild_tensor_v2")


def tensor(storage, size, stride, *, offset=0):
    return Call(REBUILD, storage, offset, size, stride, False, OrderedDict())


def whole(kind, values):
    """A tensor with a storage of its own."""
    values = np.asarray(values)
    stride = tuple(step // values.itemsize for step in values.strides)
    return tensor(Storage(kind, values.reshape(-1)), values.shape, stride)


class Pickler(pickle._Pickler):
    """Puts storages aside; a `views` entry says which part of its storage an old file means."""

    def __init__(self, file, *, legacy, views=()):
        super().__init__(file, protocol=2)
        self.legacy, self.views, self.storages = legacy, dict(views), {}

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Name):
            self.write(f"c{obj.module}\n{obj.name}\n".encode())
        else:
            super().save(obj, save_persistent_id)

    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        key = str(id(obj.values))
        self.storages[key] = obj.values
        pid = ("storage", Name("torch", f"{obj.kind}Storage"), key, "cpu", obj.values.size)
        return (*pid, self.views.get(obj.kind)) if self.legacy else pid


def write_zip(path, root, *, byteorder="little"):
    file = io.BytesIO()
    pickler = Pickler(file, legacy=False)
    pickler.dump(root)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", file.getvalue())
        archive.writestr("archive/byteorder", byteorder)
        for key, values in pickler.storages.items():
            archive.writestr(f"archive/data/{key}", values.tobytes())
        archive.writestr("archive/version", "3\n")
    return path


def write_legacy(path, root, *, little=True, views=()):
    with path.open("wb") as file:
        for header in (MAGIC, 1001, {"protocol_version": 1001, "little_endian": little}):
            pickle.dump(header, file, protocol=2)
        pickler = Pickler(file, legacy=True, views=views)
        pickler.dump(root)
        pickle.dump(sorted(pickler.storages), file, protocol=2)
        for _, values in sorted(pickler.storages.items()):
            file.write(len(values).to_bytes(8, "little") + values.tobytes())
    return path
