#!/usr/bin/env python3
# covers: CIR-5
"""Judges `vedette model evaluate` with an average precision of its own.

    coco_judge.py VEDETTE            random scenes: crowds, sizes, several classes, ties of none
    coco_judge.py VEDETTE --kit      the kit's ground truth and its detmetrics.py on noisy detections

Written from the definition, not from our C: candidates are chosen by sets, precision at a recall is
the greatest precision of any longer list, without running maxima. Exits 77 (skipped) when the kit is not there.
"""
import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

IOUS = [0.5 + 0.05 * n for n in range(10)]
AREAS = {"all": (0, 1e10), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}


def overlap(a, b, crowd):
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (a[2] * a[3] if crowd else a[2] * a[3] + b[2] * b[3] - w * h)


def hits_of(truths, found, iou, area):
    """[(score, hit)] of what counts in one picture, and how many truths count."""
    low, high = area
    counts = {n for n, t in enumerate(truths) if not t["crowd"] and low <= t["box"][2] * t["box"][3] <= high}
    free, out = set(counts), []
    aside = set(range(len(truths))) - counts
    for one in sorted(found, key=lambda f: -f["score"])[:100]:
        fits = lambda n: overlap(one["box"], truths[n]["box"], truths[n]["crowd"])
        best = max((n for n in free if fits(n) >= iou), key=fits, default=None)
        if best is not None:
            free.discard(best)
            out.append((one["score"], True))
            continue
        best = max((n for n in aside if fits(n) >= iou), key=fits, default=None)
        if best is not None:
            if not truths[best]["crowd"]:
                aside.discard(best)
            continue
        if low <= one["box"][2] * one["box"][3] <= high:
            out.append((one["score"], False))
    return out, len(counts)


def average_precision(pictures, name, iou, area):
    marks, total = [], 0
    for picture in pictures:
        truths = [t for t in picture["truths"] if t["class"] == name]
        found = [f for f in picture["found"] if f["class"] == name]
        hits, count = hits_of(truths, found, iou, area)
        marks += hits
        total += count
    if total == 0:
        return None
    marks.sort(key=lambda m: -m[0])
    recalls, precisions, tp = [], [], 0
    for n, (_, hit) in enumerate(marks, 1):
        tp += hit
        recalls.append(tp / total)
        precisions.append(tp / n)
    at = [max((p for r, p in zip(recalls, precisions) if r >= 0.01 * k), default=0.0) for k in range(101)]
    return sum(at) / 101


def mean(values):
    values = [v for v in values if v is not None]
    return sum(values) / len(values) if values else None


def judge(pictures, classes):
    grid = lambda ious, area: mean([average_precision(pictures, c, i, AREAS[area]) for c in classes for i in ious])
    return {"map": grid(IOUS, "all"), "map50": grid(IOUS[:1], "all"), "map75": grid(IOUS[5:6], "all"),
            "small": grid(IOUS, "small"), "medium": grid(IOUS, "medium"), "large": grid(IOUS, "large")}


# ---- scenes ----

def scene(seed, count, classes):
    dice = random.Random(seed)
    pictures = []
    for n in range(count):
        truths, found = [], []
        for _ in range(dice.randrange(0, 9)):
            w, h = (dice.choice([12, 25, 60, 90, 150, 300]) * dice.uniform(0.7, 1.3) for _ in "wh")
            box = [dice.uniform(0, 1000 - w), dice.uniform(0, 1000 - h), w, h]
            truths.append({"class": dice.choice(classes), "box": box, "crowd": dice.random() < 0.1})
            for _ in range(dice.choice([0, 1, 1, 1, 2])):
                moved = [box[0] + dice.gauss(0, w / 12), box[1] + dice.gauss(0, h / 12), w * dice.uniform(0.8, 1.2), h * dice.uniform(0.8, 1.2)]
                found.append({"class": truths[-1]["class"] if dice.random() < 0.9 else dice.choice(classes), "box": moved, "score": dice.random()})
        for _ in range(dice.choice([0, 0, 1, 3])):
            found.append({"class": dice.choice(classes), "box": [dice.uniform(0, 800), dice.uniform(0, 800), dice.uniform(8, 200), dice.uniform(8, 200)],
                          "score": dice.random() * 0.7})
        pictures.append({"truths": truths, "found": found, "width": 1000, "height": 1000})
    return pictures


def write(folder, pictures, classes):
    """The dataset and the detections as files; boxes go through the 0..1 form."""
    share = lambda p, b: [b[0] / p["width"], b[1] / p["height"], b[2] / p["width"], b[3] / p["height"]]
    rows, lines = [], []
    for n, p in enumerate(pictures):
        name = hashlib.sha256(str(n).encode()).hexdigest()
        rows.append({"picture": name, "width": p["width"], "height": p["height"], "device": "d", "camera": "c", "group": f"d/c/{n // 10}",
                     "captured_at": "2026-01-01T00:00:00.000000Z", "split": "test", "source": "import", "class": None,
                     "boxes": [{"class": t["class"], "box": share(p, t["box"]), "crowd": t["crowd"]} for t in p["truths"]]})
        lines.append(json.dumps({"picture": name, "run_us": 1000, "detections": [
            {"class": f["class"], "score": f["score"], "box": share(p, f["box"])} for f in p["found"]]}))
    dataset = {"format": "vedette.dataset/1", "name": "judge", "task": "detection", "classes": classes, "pictures": rows}
    (folder / "dataset.json").write_text(json.dumps(dataset))
    (folder / "found.jsonl").write_text("\n".join(lines) + "\n")


def vedette_says(vedette, pictures, classes, score="0.3"):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write(folder, pictures, classes)
        done = subprocess.run([vedette, "model", "evaluate", "--json", "--dataset", folder / "dataset.json", "--from", folder / "found.jsonl",
                               "--score", score], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def compare(what, ours, theirs, within):
    print(f"  {what}: ours {ours}, theirs {theirs}")
    if (ours is None) != (theirs is None) or (ours is not None and abs(ours - theirs) > within):
        sys.exit(f"{what} differs")


def random_scenes(vedette):
    for seed, count, classes in [(1, 40, ["person"]), (2, 60, ["person", "car", "dog"]), (3, 3, ["person", "car"]), (4, 120, ["a", "b"])]:
        pictures = scene(seed, count, classes)
        report = vedette_says(vedette, pictures, classes)
        ours = {key: report[key] if key in report else report["area"][key] for key in ("map", "map50", "map75", "small", "medium", "large")}
        mine = judge(pictures, classes)
        for key, value in ours.items():
            compare(f"scene {seed} {key}", value, mine[key], 2e-6)


def kit(vedette, folder):
    """detmetrics.py sums the whole area under the curve, so it lies near the 101 points, not on them."""
    truth = folder / "truth/vtest_1-400.mot.txt"
    frames = {n: [] for n in range(1, 401)}
    for line in truth.read_text().splitlines():
        cells = line.split(",")
        frames[int(float(cells[0]))].append([float(v) for v in cells[2:6]])
    dice, pictures = random.Random(5), []
    with tempfile.TemporaryDirectory() as name:
        lines = []
        for n, boxes in frames.items():
            inside = []
            for l, t, w, h in boxes:
                left, top = max(l, 0), max(t, 0)
                inside.append([left, top, min(l + w, 768) - left, min(t + h, 576) - top])
            found = [{"class": "person", "box": [b[0] + dice.gauss(0, 4), b[1] + dice.gauss(0, 6), b[2], b[3]], "score": dice.betavariate(4, 2)}
                     for b in inside if dice.random() < 0.9]
            found += [{"class": "person", "box": [dice.uniform(0, 700), dice.uniform(0, 450), 30, 70], "score": dice.betavariate(2, 4)} for _ in range(dice.randrange(3))]
            pictures.append({"truths": [{"class": "person", "box": b, "crowd": False} for b in inside], "found": found, "width": 768, "height": 576})
            lines.append(json.dumps({"frame": n, "d": [[*f["box"], f["score"]] for f in found]}))
        mot, found = pathlib.Path(name, "truth.txt"), pathlib.Path(name, "found.jsonl")
        mot.write_text("".join(f"{n},1,{','.join(map(str, t['box']))},1\n" for n, p in enumerate(pictures, 1) for t in p["truths"]))
        found.write_text("\n".join(lines) + "\n")
        said = subprocess.run([sys.executable, folder / "detmetrics.py", "ap", mot, found, "1", "400"], capture_output=True, text=True, check=True).stdout.split()
    report = vedette_says(vedette, pictures, ["person"])
    compare("kit AP50", report["map50"], float(said[1]), 0.006)
    compare("kit recall at 0.3", report["recall"], float(said[3]), 0.0006)
    compare("kit boxes", report["per_class"][0]["truths"], int(said[5]), 0)


def main():
    beside = pathlib.Path(os.environ.get("VEDETTE_SOURCE_ROOT", "."), "../shared/kit")
    folder = pathlib.Path(os.environ.get("VEDETTE_KIT", beside))
    if len(sys.argv) < 3:
        random_scenes(sys.argv[1])
    elif (folder / "truth").is_dir():
        kit(sys.argv[1], folder)
    else:
        print("the kit is not there: skipped")
        sys.exit(77)


if __name__ == "__main__":
    main()
