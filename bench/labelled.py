"""Labelled pictures for the row about int8: the kit's COCO pictures and every tenth picture of the yard, whose boxes were published.
Calibration gets others: the yard after its labelled part, and photographs."""
import hashlib
import json
import pathlib
import subprocess

YARD = (768, 576)
LABELLED, EACH = 400, 10  # pictures of the yard that have boxes; one of so many is judged
PHOTOS = "aero1 aero3 aloeL apple baboon board building butterfly fruits home leuvenA messi5 orange squirrel_cls stuff"  # of opencv-doc


def size_of(picture):
    out = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", picture], check=True,
                         capture_output=True, text=True).stdout
    return [int(number) for number in out.strip().split(",")[:2]]


def cut(left, top, width, height):
    """Of 0..1, what lies in the picture."""
    right, bottom = min(1, left + width), min(1, top + height)
    left, top = max(0, left), max(0, top)
    return [left, top, right - left, bottom - top]


def entry(folder, picture, size, boxes):
    data = picture.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    (folder / f"{digest}.jpg").write_bytes(data)
    return {"picture": digest, "width": size[0], "height": size[1], "device": "bench", "camera": "bench", "group": digest, "split": "test",
            "boxes": [{"class": name, "box": box} for name, box in boxes if box[2] > 0 and box[3] > 0]}


def coco(kit, names, pictures):
    folder = kit / "data/coco_permissive"
    for label in sorted(folder.glob("labels/*/*.txt")):
        picture = folder / "images" / label.parent.name / f"{label.stem}.jpg"
        boxes = []
        for line in label.read_text().splitlines():
            number, x, y, w, h = line.split()
            x, y, w, h = float(x), float(y), float(w), float(h)
            boxes.append((names[int(number)], cut(x - w / 2, y - h / 2, w, h)))
        yield entry(pictures, picture, size_of(picture), boxes)


def yard(kit, frames, pictures):
    boxes = {}
    for line in (kit / "truth/vtest_1-400.mot.txt").read_text().splitlines():
        cell = [float(value) for value in line.split(",")[:6]]
        boxes.setdefault(int(cell[0]), []).append(("person", cut(cell[2] / YARD[0], cell[3] / YARD[1], cell[4] / YARD[0], cell[5] / YARD[1])))
    for number in range(EACH, LABELLED + 1, EACH):
        yield entry(pictures, frames / f"{number:04d}.jpg", YARD, boxes.get(number, []))


def make(footage, kit, names, folder):
    """Leaves coco.json, yard.json, pictures/ and calibration/ in the folder."""
    folder, frames = pathlib.Path(folder), pathlib.Path(folder) / "frames"
    for each in (frames, folder / "pictures", folder / "calibration"):
        each.mkdir(parents=True)
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", footage, "-q:v", "2", frames / "%04d.jpg"], check=True)
    for name, classes, entries in (("coco", names, coco(kit, names, folder / "pictures")), ("yard", ["person"], yard(kit, frames, folder / "pictures"))):
        manifest = {"format": "vedette.dataset/1", "task": "detection", "classes": classes, "pictures": list(entries)}
        (folder / f"{name}.json").write_text(json.dumps(manifest))
    others = sorted(frames.glob("*.jpg"))[LABELLED + 20::60] + sorted((kit / "data/photos").glob("*.jpg")) + [footage.parent / f"{name}.jpg" for name in PHOTOS.split()]
    for number, picture in enumerate(others):
        (folder / "calibration" / f"{number:03d}.jpg").write_bytes(picture.read_bytes())
