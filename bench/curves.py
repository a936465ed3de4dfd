"""make bench ROW=--curves: what the agent takes with 1, 4 and 16 cameras of three sizes, for docs/sizing.md. No peer and no verdict:
these are one machine's figures. Each camera sends 25 pictures a second and is recorded with 10 s of pre-roll; there is no model.
"""
import os
import sys
import time

from rows import Cameras, Missing, cpu_of_tree, pss_of_tree

SIZES = [("1280x720", "2M", 1.5), ("1920x1080", "4M", 3.3), ("3840x2160", "12M", 14)]  # and ms a picture, to leave out what cannot be done
COUNTS = [1, 4, 16]
MEASURE_S = 15
BUSY = 0.75  # of the cores, at most: more would measure the machine


def look(pid):
    """MB and cores."""
    begun, before = time.monotonic(), cpu_of_tree(pid)
    time.sleep(MEASURE_S)
    return pss_of_tree(pid), (cpu_of_tree(pid) - before) / (time.monotonic() - begun)


class Curves(Cameras):
    name, what = "curves", "memory and CPU with 1, 4 and 16 cameras"

    def prepare(self):
        self.need("ffmpeg")

    def point(self, film, count):
        self.play(film, count)
        try:
            return self.agent(look, count)
        finally:
            self.finish()

    def lines(self, counts, sizes):
        cores = len(os.sched_getaffinity(0))
        for size, bit_rate, ms in sizes:
            still, moving = self.film(size, bit_rate, 20, False), self.film(size, bit_rate, 20)
            for count in counts:
                memory, idle = self.point(still, count)
                cells = [f"{count} × {size}, {bit_rate[:-1]} Mbit/s", f"{memory:.0f} MB", f"{idle:.2f}", "", ""]
                if count * 25 * ms / 1000 <= BUSY * cores:
                    memory, busy = self.point(moving, count)
                    cells[3:] = [f"{memory:.0f} MB", f"{busy:.2f}"]
                print("bench: " + ", ".join(cells), file=sys.stderr, flush=True)
                yield "| " + " | ".join(cells) + " |"


def table(date, machine, counts=COUNTS, sizes=SIZES):
    head = ["| cameras | memory, nothing moves | cores | memory, all of it moves | cores |", "|---|---|---|---|---|"]
    try:
        with Curves() as curves:
            return "\n".join([f"{date}, {machine}:", "", *head, *curves.lines(counts, sizes)])
    except Missing as missing:
        sys.exit(f"bench: {missing}")
