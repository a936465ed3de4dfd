#!/usr/bin/python3
"""The peer of the row about training: python3-torch fine-tunes all layers of the same start model on the same pictures, as many
threads, until validation is as good as asked for or 30 epochs are over.   peer_train.py FOLDER ACCURACY THREADS"""
import json
import struct
import sys
import time

import torch
import torch.nn.functional as F

from updates import fields, varint

SIDE, EPOCHS, BATCH, RATE = 96, 30, 32, 1e-3


def texts(data, begin, end, number):
    return [data[a:b].decode() for n, a, b in fields(data, begin, end) if n == number and b is not None]


def numbers(data, begin, end, number):
    found, at = [], begin
    while at < end:
        tag, at = varint(data, at)
        if tag & 7 == 2:
            size, at = varint(data, at)
            if tag >> 3 == number:
                inner = at
                while inner < at + size:
                    value, inner = varint(data, inner)
                    found.append(value)
            at += size
        elif tag & 7 == 5:
            at += 4
        else:
            value, at = varint(data, at)
            if tag >> 3 == number:
                found.append(value)
    return found


def read(path):
    """Nodes (operation, inputs, outputs, attributes) and tensors of a plain ONNX graph."""
    data = open(path, "rb").read()
    nodes, tensors = [], {}
    graph = next((a, b) for n, a, b in fields(data, 0, len(data)) if n == 7)
    for number, begin, end in fields(data, *graph):
        if number == 1:
            attributes = {texts(data, a, b, 1)[0]: numbers(data, a, b, 8) or numbers(data, a, b, 3)
                          for n, a, b in fields(data, begin, end) if n == 5}
            nodes.append((texts(data, begin, end, 4)[0], texts(data, begin, end, 1), texts(data, begin, end, 2), attributes))
        if number == 5:
            raw = next(data[a:b] for n, a, b in fields(data, begin, end) if n == 9)
            if numbers(data, begin, end, 2) == [1]:
                values = torch.tensor(struct.unpack(f"<{len(raw) // 4}f", raw))
                tensors[texts(data, begin, end, 8)[0]] = values.reshape(numbers(data, begin, end, 1)).requires_grad_(True)
    return nodes, tensors


def forward(nodes, tensors, x):
    values = {**tensors, "input": x}
    for op, inputs, outputs, has in nodes:
        v = [values.get(name) for name in inputs]
        if op == "Conv":
            top, left, bottom, right = has["pads"]
            padded = F.pad(v[0], (left, right, top, bottom)) if (top, left) != (bottom, right) else v[0]
            y = F.conv2d(padded, v[1], v[2], has["strides"], (top, left) if padded is v[0] else 0, 1, has["group"][0])
        elif op == "Relu":
            y = F.relu(v[0])
        elif op == "AveragePool":
            y = F.avg_pool2d(v[0], has["kernel_shape"], has["strides"])
        elif op == "Reshape":
            y = v[0].flatten(1)
        elif op == "Gemm":
            y = F.linear(v[0], v[1], v[2])
        else:  # Identity; the softmax is the loss's
            y = v[0]
        values[outputs[0]] = y
    return y


def load(folder, split):
    pixels = torch.frombuffer(bytearray(open(f"{folder}/{split}.rgb", "rb").read()), dtype=torch.uint8)
    labels = torch.frombuffer(bytearray(open(f"{folder}/{split}.labels", "rb").read()), dtype=torch.uint8).long()
    return pixels.reshape(-1, SIDE, SIDE, 3).permute(0, 3, 1, 2).float() / 255, labels


def accuracy(nodes, tensors, pixels, labels):
    with torch.no_grad():
        right = sum(int((forward(nodes, tensors, pixels[i:i + 64]).argmax(1) == labels[i:i + 64]).sum()) for i in range(0, len(labels), 64))
    return right / len(labels)


def main():
    folder, goal = sys.argv[1], float(sys.argv[2])
    torch.set_num_threads(int(sys.argv[3]))
    torch.manual_seed(1)
    (pixels, labels), validation = load(folder, "train"), load(folder, "val")
    nodes, tensors = read(f"{folder}/vww.onnx")
    begun = time.monotonic()
    optimizer = torch.optim.Adam(tensors.values(), lr=RATE)
    reached, epoch = 0.0, 0
    while reached < goal and epoch < EPOCHS:
        for chosen in torch.randperm(len(labels)).split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(forward(nodes, tensors, pixels[chosen]), labels[chosen]).backward()
            optimizer.step()
        epoch += 1
        reached = max(reached, accuracy(nodes, tensors, *validation))
    print(json.dumps({"seconds": time.monotonic() - begun, "accuracy": reached, "epochs": epoch}))


if __name__ == "__main__":
    main()
