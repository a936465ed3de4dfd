"""Models as they are after a training, for the rows about updates: the stock detector with some of its filters moved a little,
each by Gaussian noise of one hundredth of its tensor's spread, and quantised. A real training moves weights of one tensor
together; noise is the harder case for every way of making patches."""
import array
import pathlib
import random
import subprocess

SPREAD = 0.01


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data, at, end):
    """(number, begin, end) of each length-delimited field, (number, begin, None) of the others."""
    while at < end:
        tag, at = varint(data, at)
        wire = tag & 7
        if wire == 2:
            size, at = varint(data, at)
            yield tag >> 3, at, at + size
            at += size
        elif wire == 0:
            yield tag >> 3, at, None
            _, at = varint(data, at)
        else:
            yield tag >> 3, at, None
            at += 4 if wire == 5 else 8


def filters(data):
    """(name, begin, end) of the numbers of each tensor of filters: ModelProto 7, GraphProto 5, TensorProto 8 and 9."""
    for number, begin, end in fields(data, 0, len(data)):
        if number != 7 or end is None:
            continue
        for inner, first, last in fields(data, begin, end):
            if inner != 5 or last is None:
                continue
            parts = {key: (a, b) for key, a, b in fields(data, first, last) if b is not None}
            name = bytes(data[slice(*parts.get(8, (0, 0)))]).decode()
            if "#filter" in name and 9 in parts and parts[9][1] - parts[9][0] > 64:
                yield name, *parts[9]


def move(source, target, key):
    data, dice = bytearray(source.read_bytes()), random.Random(1)
    moved = 0
    for name, begin, end in list(filters(data)):
        if key not in name:
            continue
        numbers = array.array("f", bytes(data[begin:end]))
        spread = (sum(x * x for x in numbers) / len(numbers)) ** 0.5
        data[begin:end] = array.array("f", [x + dice.gauss(0, SPREAD * spread) for x in numbers]).tobytes()
        moved += len(numbers)
    target.write_bytes(data)
    if not moved:
        raise ValueError(f"no filter of {source.name} has '{key}' in its name")


def quantize(vedette, model, pictures, folder, name):
    subprocess.run([vedette, "model", "quantize", model, "--pictures", pictures, "--budget", "100", "--out", folder, "--name", name],
                   check=True, stdout=subprocess.DEVNULL)
    return pathlib.Path(folder) / f"{name}.onnx"


def make(vedette, stock, footage, folder, key):
    """Two quantised models: the stock one, and one whose filters with `key` in their names have moved."""
    folder = pathlib.Path(folder)
    pictures = folder / "pictures"
    pictures.mkdir()
    subprocess.run(["ffmpeg", "-v", "error", "-i", footage, "-frames:v", "2", "-q:v", "2", pictures / "%d.jpg"], check=True)
    descriptor = stock.with_suffix("").with_suffix(".model.yaml").read_text()
    paths = []
    for name in ("before", "after"):
        model = folder / f"{name}.onnx"
        if name == "before":
            model.write_bytes(stock.read_bytes())
        else:
            move(stock, model, key)
        lines = [f"file: {name}.onnx" if line.startswith("file:") else line for line in descriptor.splitlines()]
        (folder / f"{name}.model.yaml").write_text("\n".join(lines) + "\n")
        paths.append(quantize(vedette, model, pictures, folder, f"{name}-int8"))
    return paths
