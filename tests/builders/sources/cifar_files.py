"""Small data sets in the published layouts of CIFAR: with Python 2's pickles, or binary."""

import struct

import numpy as np

FINE, COARSE = ("apple", "bear", "cloud"), ("plant", "animal")


def pickled(value):
    """A pickle as Python 2 wrote it, in which text and pixels are byte strings."""
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value):
    if isinstance(value, dict):
        return b"}(" + b"".join(_opcodes(key) + _opcodes(item) for key, item in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(_opcodes, value)) + b"e"
    if isinstance(value, int):
        return b"M" + struct.pack("<H", value)
    if isinstance(value, str):
        return b"U" + struct.pack("B", len(value)) + value.encode()
    rows = struct.pack("<H", len(value))
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01M" + rows + b"M\x00\x0c\x86"
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + struct.pack("<I", value.size) + value.tobytes() + b"tb"
    )


def write_cifar(folder, kind, count=3, dump=pickled):
    """Writes `cifar-10-batches-py` and so on below `folder`; returns the pixels [images, 32, 32, 3], training first."""
    hundred, binary = kind.startswith("cifar-100"), not kind.endswith(("py", "python"))
    names = ["train"] if hundred else [f"data_batch_{number}" for number in range(1, 6)]
    names.append("test_batch" if not hundred else "test")
    root = folder / kind
    root.mkdir(parents=True)
    planes = np.random.default_rng(1).integers(0, 256, (len(names) * count, 3072), np.uint8)
    for number, name in enumerate(names):
        rows = planes[number * count : (number + 1) * count]
        fine = [row % 3 for row in range(count)]
        coarse = [int(label > 0) for label in fine]
        if binary:
            labels = np.array([coarse, fine] if hundred else [fine], np.uint8).T
            (root / f"{name}.bin").write_bytes(np.concatenate([labels, rows], axis=1).tobytes())
            continue
        labels = {"fine_labels": fine, "coarse_labels": coarse} if hundred else {"labels": fine}
        files = [f"{name}_{row}.png" for row in range(count)]
        (root / name).write_bytes(dump({"batch_label": name, **labels, "data": rows, "filenames": files}))
    if binary and hundred:
        (root / "fine_label_names.txt").write_text("\n".join(FINE) + "\n")
        (root / "coarse_label_names.txt").write_text("\n".join(COARSE) + "\n")
    elif binary:
        (root / "batches.meta.txt").write_text("\n".join(FINE) + "\n\n")
    elif hundred:
        (root / "meta").write_bytes(dump({"fine_label_names": list(FINE), "coarse_label_names": list(COARSE)}))
    else:
        (root / "batches.meta").write_bytes(dump({"label_names": list(FINE), "num_vis": 3072}))
    return planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
