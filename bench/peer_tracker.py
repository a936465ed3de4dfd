"""The peer of row G8: tracker and eight polygon zones as one would write them with numpy and scipy.

    peer_tracker.py FILE

What bench/crowd.py made, through the same steps as the product's tracker: a Kalman filter with constant velocity, detections
with high scores first, then low ones to those seen last time, new tracks confirmed by their second picture; pairs by scipy's
linear_sum_assignment over 1 - IoU. Zones by the even-odd rule, a visit after half a second inside, over after a second without.
All tracks are arrays and each step is one numpy expression over all of them. Prints one JSON line as the product does.
"""
import json
import sys
import time

import numpy
from scipy.optimize import linear_sum_assignment

STEP_S, HIGH, LOW, LOST_S, DWELL_S, LEAVE_S = 0.04, 0.3, 0.1, 2.0, 0.5, 1.0
NEW, TRACKED, LOST = 0, 1, 2
SHAPE = numpy.array([(0.01, 0.05), (0.12, 0.0), (0.24, 0.05), (0.24, 0.40), (0.12, 0.36), (0.01, 0.40)])
ZONES = numpy.array([SHAPE + (0.25 * (n % 4), 0.1 if n < 4 else 0.55) for n in range(8)])


def costs(tracks, boxes, weights):
    low = numpy.maximum(tracks[:, None, :2], boxes[None, :, :2])
    high = numpy.minimum((tracks[:, :2] + tracks[:, 2:])[:, None], (boxes[:, :2] + boxes[:, 2:])[None])
    shared = numpy.prod(numpy.maximum(high - low, 0), axis=2)
    return 1 - weights[None] * shared / (numpy.prod(tracks[:, 2:], axis=1)[:, None] + numpy.prod(boxes[:, 2:], axis=1)[None] - shared)


def inside(points):
    """Of each zone, each point."""
    a, b = ZONES, numpy.roll(ZONES, 1, axis=1)
    x, y = points[:, 0], points[:, 1]
    crosses = (a[..., 1, None] > y) != (b[..., 1, None] > y)
    at = a[..., 0, None] + (b[..., 0] - a[..., 0])[..., None] * (y - a[..., 1, None]) / (b[..., 1] - a[..., 1] + 1e-12)[..., None]
    return (crosses & (x < at)).sum(axis=1) % 2 == 1


class Tracker:
    def __init__(self):
        self.at, self.speed = numpy.zeros((0, 4)), numpy.zeros((0, 4))  # of middle, width, height
        self.at_var, self.both, self.speed_var = (numpy.zeros((0, 4)) for _ in range(3))
        self.id, self.state, self.seen_at = (numpy.zeros(0, int) for _ in range(3))
        self.names = 0

    FIELDS = ("at", "speed", "at_var", "both", "speed_var", "id", "state", "seen_at")

    def sizes(self, w, h):
        across = numpy.maximum(w, 0.6 * h)
        return numpy.stack([across, h, across, h], axis=1)

    def predict(self):
        size, t = self.sizes(self.at[:, 2], self.at[:, 3]), STEP_S
        self.at += self.speed * t
        self.at_var += t * (2 * self.both + t * self.speed_var) + (0.12 * size) ** 2 * t
        self.both += t * self.speed_var
        self.speed_var += (0.4 * size) ** 2 * t

    def correct(self, who, seen):
        spread = self.at_var[who] + (0.05 * self.sizes(seen[:, 2], seen[:, 3])) ** 2
        off, gain, pull = seen - self.at[who], self.at_var[who] / spread, self.both[who] / spread
        self.at[who] += gain * off
        self.speed[who] += pull * off
        self.speed_var[who] -= pull * self.both[who]
        self.both[who] -= gain * self.both[who]
        self.at_var[who] -= gain * self.at_var[who]

    def stage(self, boxes, score, wanted, states, limit, now, match):
        who = numpy.flatnonzero(numpy.isin(self.state, states) & (self.seen_at < now))
        which = numpy.flatnonzero(wanted & (match < 0))
        if not len(who) or not len(which):
            return
        tracks = numpy.concatenate([self.at[who, :2] - self.at[who, 2:] / 2, self.at[who, 2:]], axis=1)
        cost = numpy.minimum(costs(tracks, boxes[which], 0.8 + 0.2 * score[which]), limit)
        rows, columns = linear_sum_assignment(cost)
        good = cost[rows, columns] < limit
        who, which = who[rows[good]], which[columns[good]]
        match[which] = who
        self.correct(who, numpy.concatenate([boxes[which, :2] + boxes[which, 2:] / 2, boxes[which, 2:]], axis=1))
        self.seen_at[who] = now
        fresh = who[self.id[who] == 0]
        self.id[fresh] = self.names + 1 + numpy.arange(len(fresh))
        self.names += len(fresh)
        self.state[who] = TRACKED

    def step(self, boxes, score, now):
        """Of each box its track's place, -1: none. Tracks are then still in these places."""
        match = numpy.full(len(boxes), -1)
        self.predict()
        self.stage(boxes, score, score >= HIGH, (TRACKED, LOST), 0.9, now, match)
        self.stage(boxes, score, (score >= LOW) & (score < HIGH), (TRACKED,), 0.6, now, match)
        self.stage(boxes, score, score >= HIGH, (NEW,), 0.75, now, match)
        return match

    def settle(self, boxes, score, now, match):
        unseen = self.seen_at < now
        self.state[unseen & (self.state == TRACKED)] = LOST
        keep = ~unseen | ((self.state == LOST) & ((now - self.seen_at) * STEP_S <= LOST_S))
        new = boxes[(match < 0) & (score >= HIGH)]
        size = self.sizes(new[:, 2], new[:, 3])
        fresh = {"at": numpy.concatenate([new[:, :2] + new[:, 2:] / 2, new[:, 2:]], axis=1), "speed": numpy.zeros_like(new),
                 "at_var": (0.1 * size) ** 2, "both": numpy.zeros_like(new), "speed_var": (1.5 * size) ** 2,
                 "id": numpy.zeros(len(new), int), "state": numpy.full(len(new), NEW), "seen_at": numpy.full(len(new), now)}
        for name in self.FIELDS:
            setattr(self, name, numpy.concatenate([getattr(self, name)[keep], fresh[name]]))


class Visits:
    """Of each zone and track: since when inside, seen inside last, told."""
    def __init__(self):
        self.stays, self.told = {}, 0

    def step(self, ids, boxes, now):
        feet = numpy.stack([boxes[:, 0] + boxes[:, 2] / 2, numpy.minimum(boxes[:, 1] + boxes[:, 3], 1)], axis=1)
        zones, places = numpy.nonzero(inside(feet))
        for zone, who in zip(zones.tolist(), ids[places].tolist()):
            stay = self.stays.setdefault((zone, who), [now, now, False])
            stay[1] = now
            if not stay[2] and (now - stay[0]) * STEP_S >= DWELL_S:
                stay[2] = True
                self.told += 1
        for key in [key for key, stay in self.stays.items() if (now - stay[1]) * STEP_S >= LEAVE_S]:
            del self.stays[key]


def main():
    rows = numpy.fromfile(sys.argv[1], "float32").reshape(-1, 7).astype(float)
    tracker, visits, spent, id_of = Tracker(), Visits(), 0, {}
    followed = switches = 0
    pictures = numpy.split(rows, numpy.flatnonzero(numpy.diff(rows[:, 0])) + 1)
    for now, picture in enumerate(pictures):
        boxes, score = picture[:, 1:5], picture[:, 5]
        begun = time.thread_time_ns()
        match = tracker.step(boxes, score, now)
        ids = numpy.where(match >= 0, tracker.id[match] if len(tracker.id) else 0, 0)
        tracker.settle(boxes, score, now, match)
        named = ids > 0
        visits.step(ids[named], boxes[named], now)
        spent += time.thread_time_ns() - begun
        for who, name in zip(picture[named, 6].tolist(), ids[named].tolist()):
            followed += 1
            switches += id_of.get(who, name) != name
            id_of[who] = name
    print(json.dumps({"us": spent / 1e3 / len(pictures), "pictures": len(pictures), "seen": len(rows), "followed": followed, "switches": switches,
                      "visits": visits.told}))


main()
