"""peer_dnn.py time MODEL THREADS RUNS
peer_dnn.py look MODEL MANIFEST PICTURES NAMES OUT

OpenCV's own engine (cv2.dnn) on the CenterNet that `make setup` converts. It has no TopK and no Mod, so the graph is cut after the
last convolutions: `time` measures forward() up to there and nothing else; `look` does the rest in numpy and writes what was
found as JSON lines for `vedette model evaluate --from`, which shows that it computed the same."""
import json
import pathlib
import sys
import tempfile
import time

import cv2
import numpy

from updates import fields

SIDE, CELL, SPREAD, MOST, LEAST, OVERLAP = 512, 4, 16, 100, 0.05, 0.7


def number(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(key, data):
    return number(key << 3 | 2) + number(len(data)) + data


def strings(data, begin, end, key):
    return [data[a:b].decode() for found, a, b in fields(data, begin, end) if found == key and b is not None]


def cut(path):
    """The bytes of the model up to the score and size of each cell, and the two names. NodeProto: 1 inputs, 2 outputs, 4 kind."""
    data = pathlib.Path(path).read_bytes()
    graph = next((a, b) for key, a, b in fields(data, 0, len(data)) if key == 7 and b is not None)
    parts = list(fields(data, *graph))
    nodes = [("".join(strings(data, a, b, 4)), strings(data, a, b, 1), strings(data, a, b, 2), (a, b)) for key, a, b in parts if key == 1]
    pool = next(ins[0] for kind, ins, _, _ in nodes if kind == "MaxPool")
    scores = next((ins[0] for kind, ins, outs, _ in nodes if kind == "Sigmoid" and pool in outs), pool)
    convolutions = [outs[0] for kind, _, outs, _ in nodes if kind == "Conv"]
    sizes = next(name for name in reversed(convolutions) if name != scores)
    needed, kept = {scores, sizes}, []
    for kind, ins, outs, (a, b) in reversed(nodes):
        if needed & set(outs):
            needed |= set(ins)
            kept.append(field(1, data[a:b]))
    body = b"".join(reversed(kept)) + field(2, b"cut")
    for key, a, b in parts:
        if key == 11 or (key == 5 and "".join(strings(data, a, b, 8)) in needed):
            body += field(key, data[a:b])
    for name, channels in ((scores, 80), (sizes, 4)):
        dims = b"".join(field(1, b"\x08" + number(side)) for side in (1, channels, SIDE // CELL, SIDE // CELL))
        body += field(12, field(1, name.encode()) + field(2, field(1, b"\x08\x01" + field(2, dims))))
    head = b"\x08" + number(8) + b"".join(field(8, data[a:b]) for key, a, b in fields(data, 0, len(data)) if key == 8 and b is not None)
    return head + field(7, body), [scores, sizes]


def net_of(path, threads):
    cv2.setNumThreads(threads)
    model, names = cut(path)
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(model)
        file.flush()
        return cv2.dnn.readNetFromONNX(file.name), names


def measure(model, threads, runs):
    net, names = net_of(model, threads)
    picture = (numpy.arange(3 * SIDE * SIDE) * 7919 % 256).astype(numpy.float32).reshape(1, 3, SIDE, SIDE)
    for turn in range(-2, runs):
        if turn == 0:
            start = time.monotonic()
        net.setInput(picture)
        net.forward(names)
    print(json.dumps({"per_second": runs / (time.monotonic() - start)}))


def overlap(a, b):
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0, width) * max(0, height)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def found(scores, sizes):
    """(class, score, [l, t, w, h] of 0..1) of the best peaks."""
    scores = 1 / (1 + numpy.exp(-scores[0]))
    peaks = numpy.stack([numpy.where(cv2.dilate(plane, numpy.ones((3, 3))) == plane, plane, 0) for plane in scores])
    out, cells = [], SIDE // CELL
    for index in numpy.argsort(-peaks, axis=None)[:MOST]:
        kind, y, x = numpy.unravel_index(index, peaks.shape)
        left, top, right, bottom = sizes[0, :, y, x] * SPREAD
        edge = [max(0, x * CELL - left), max(0, y * CELL - top), min(SIDE, x * CELL + right), min(SIDE, y * CELL + bottom)]
        box = [float(v) / SIDE for v in (edge[0], edge[1], edge[2] - edge[0], edge[3] - edge[1])]
        good = peaks[kind, y, x] >= LEAST and box[2] > 0 and box[3] > 0 and cells
        if good and all(kind != k or overlap(box, b) <= OVERLAP for k, _, b in out):
            out.append((int(kind), float(peaks[kind, y, x]), box))
    return out


def look(model, manifest, pictures, names, into):
    net, outputs = net_of(model, 2)
    names = json.loads(pathlib.Path(names).read_text())
    with open(into, "w") as out:
        for entry in json.loads(pathlib.Path(manifest).read_text())["pictures"]:
            picture = cv2.imread(f"{pictures}/{entry['picture']}.jpg")
            net.setInput(cv2.dnn.blobFromImage(picture, 1, (SIDE, SIDE), swapRB=True))
            things = found(*net.forward(outputs))
            out.write(json.dumps({"picture": entry["picture"], "run_us": 0,
                                  "detections": [{"class": names[kind], "score": score, "box": box} for kind, score, box in things]}) + "\n")
    print("{}")


if sys.argv[1] == "time":
    measure(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    look(*sys.argv[2:7])
