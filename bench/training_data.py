"""1,000 small pictures of the yard, half of them a person, for the row about training: cut out of Debian's footage at the boxes
that were published for it, the others where nobody is. Train and validation are different times."""
import hashlib
import json
import pathlib
import random
import subprocess

WIDTH, HEIGHT, SIDE, FRAMES, TRAIN_UNTIL = 768, 576, 96, 400, 300
DESCRIPTOR = """name: vww
file: vww.onnx
input: {layout: nchw, size: [96, 96], channels: rgb, fit: stretch, scale: 0.00392156862745098}
output: {decode: classification}
classes: ["0", "1"]
"""


def read_truth(path):
    boxes = {}
    for line in path.read_text().splitlines():
        cell = line.split(",")
        if len(cell) >= 6:
            boxes.setdefault(int(float(cell[0])), []).append([float(value) for value in cell[2:6]])
    return boxes


def squared(box):
    """The square around a box, within the picture."""
    side = min(max(box[2], box[3]) * 1.2, HEIGHT)
    left = min(max(0, box[0] + box[2] / 2 - side / 2), WIDTH - side)
    top = min(max(0, box[1] + box[3] / 2 - side / 2), HEIGHT - side)
    return [int(left) & ~1, int(top) & ~1, max(32, int(side) & ~1)]


def apart(square, boxes):
    left, top, side = square
    return all(left + side < b[0] or left > b[0] + b[2] or top + side < b[1] or top > b[1] + b[3] for b in boxes)


def choose(truth, frame, dice):
    """One person and one empty place of a frame."""
    person = squared(dice.choice(truth[frame]))
    for _ in range(200):
        side = person[2]
        empty = [dice.randrange(0, WIDTH - side, 2), dice.randrange(0, HEIGHT - side, 2), side]
        if apart(empty, truth[frame]):
            return [("person", person), ("empty", empty)]
    return [("person", person)]


def cut(frame, square, out):
    left, top, side = square
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", frame, "-vf", f"crop={side}:{side}:{left}:{top},scale={SIDE}:{SIDE}", "-q:v", "2", out], check=True)


def make(footage, truth_file, model, folder, count=1000):
    folder = pathlib.Path(folder)
    (folder / "pictures").mkdir()
    (folder / "frames").mkdir()
    subprocess.run(["ffmpeg", "-v", "error", "-i", footage, "-frames:v", str(FRAMES), "-q:v", "2", folder / "frames/%04d.jpg"], check=True)
    truth, dice, pictures, done = read_truth(truth_file), random.Random(1), [], set()
    while len(pictures) < count:
        frame = dice.randint(1, FRAMES)
        for name, square in choose(truth, frame, dice)[:count - len(pictures)]:
            cut(folder / f"frames/{frame:04d}.jpg", square, folder / "one.jpg")
            data = (folder / "one.jpg").read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            if digest in done:
                continue
            done.add(digest)
            (folder / "pictures" / digest).write_bytes(data)
            pictures.append({"picture": digest, "width": SIDE, "height": SIDE, "group": str(frame // 100), "boxes": [], "class": name,
                             "split": "train" if frame <= TRAIN_UNTIL else "val"})
    manifest = {"format": "vedette.dataset/1", "task": "classification", "classes": ["empty", "person"], "pictures": pictures}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "vww.onnx").write_bytes(pathlib.Path(model).read_bytes())
    (folder / "vww.model.yaml").write_text(DESCRIPTOR)
    for picture in pictures:  # the peer gets its pictures decoded
        raw = subprocess.run(["ffmpeg", "-v", "error", "-f", "mjpeg", "-i", folder / "pictures" / picture["picture"], "-pix_fmt", "rgb24", "-f", "rawvideo", "-"],
                             capture_output=True, check=True).stdout
        with open(folder / f"{picture['split']}.rgb", "ab") as out:
            out.write(raw)
        with open(folder / f"{picture['split']}.labels", "ab") as out:
            out.write(bytes([picture["class"] == "person"]))
