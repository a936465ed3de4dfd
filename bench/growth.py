"""How the cost of G4 and G8 grows: with cameras, with the size of the picture, with objects. Ours alone; how an
idle and a busy camera grow is in curves.py."""
import rows

SIZES = [("1 × 720p", "1280:720", 4), ("1 × 4K", "3840:2160", 20)]
CAMERAS = (1, 4, 16)


def recorded(cameras, **settings):
    """The least of two turns each: what others did on the machine does not make it less."""
    row = rows.G4()
    for name, value in {"loops": 3, **settings}.items():
        setattr(row, name, value)
    with row as bench:
        figures = []
        for row.cameras in cameras:
            figures.append(min(bench.product() for _ in range(2)))
    return figures


def recorded_rows():
    cameras = [(f"{n} × 1080p, 8 Mbit/s", value) for n, value in zip(CAMERAS, recorded(CAMERAS))]
    sizes = [(f"{name}, {mbits} Mbit/s", recorded((1,), size=size, mbits=mbits)[0]) for name, size, mbits in SIZES]
    return "G4, CPU s a GB", cameras + sizes


def object_rows():
    row = rows.G8()
    row.films = {20: 3000, 50: 3000, 100: 1500, 200: 1500}
    with row as bench:
        return "G8, µs a picture", [(f"{n} people", min(bench.ours(n) for _ in range(3))) for n in row.films]


KINDS = {"G4": recorded_rows, "G8": object_rows}


def tables(wanted):
    """A line a row of the bench: what was measured, then the figures."""
    lines = []
    for name, make in KINDS.items():
        if wanted and name not in wanted:
            continue
        what, figures = make()
        lines += [f"| {what} | " + " | ".join(label for label, _ in figures) + " |", "|---" * (len(figures) + 1) + "|",
                  "| | " + " | ".join(f"{value:.3g}" for _, value in figures) + " |", ""]
    return "\n".join(lines)
