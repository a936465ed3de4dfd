"""A crowd in a yard, as a detector would see it: input of row G8, the same for product and peer.

    crowd.py OBJECTS PICTURES FILE

People walk about, smaller in the back, turn now and then and stay in the picture. The detector is off by a few per cent, misses
some, is unsure of some, and does not see who is nearly hidden behind another. Rows of seven float32: picture, left, top, width,
height, score, who. Twenty-five pictures a second.
"""
import sys

import numpy


def hidden(left, top, width, height, order):
    """Whom the ones in front cover: more than 60 % of the union."""
    gone = numpy.zeros(len(left), bool)
    right, bottom = left + width, top + height
    for i, who in enumerate(order):
        if gone[who]:
            continue
        rest = order[i + 1:]
        w = numpy.minimum(right[who], right[rest]) - numpy.maximum(left[who], left[rest])
        h = numpy.minimum(bottom[who], bottom[rest]) - numpy.maximum(top[who], top[rest])
        shared = numpy.maximum(w, 0) * numpy.maximum(h, 0)
        gone[rest] |= shared > 0.6 * (width[who] * height[who] + width[rest] * height[rest] - shared)
    return gone


def film(objects, pictures, seed=8):
    chance = numpy.random.default_rng(seed)
    x, foot = chance.uniform(0.05, 0.95, objects), chance.uniform(0.2, 0.95, objects)
    heading, pace = chance.uniform(0, 2 * numpy.pi, objects), chance.uniform(0.1, 0.7, objects)
    for picture in range(pictures):
        height = 0.04 + 0.12 * foot
        width = height * 0.24
        heading += chance.normal(0, 0.06, objects)
        x += numpy.cos(heading) * pace * height * 0.56 / 25
        foot += numpy.sin(heading) * pace * height * 0.5 / 25
        sideways, lengthways = (x < 0.02) | (x > 0.98), (foot < 0.15) | (foot > 0.99)
        heading = numpy.where(sideways, numpy.pi - heading, numpy.where(lengthways, -heading, heading))
        x, foot = x.clip(0.02, 0.98), foot.clip(0.15, 0.99)
        left, top = x - width / 2, foot - height
        seen = ~hidden(left, top, width, height, numpy.argsort(-foot)) & (chance.random(objects) > 0.02)
        score = numpy.where(chance.random(objects) < 0.1, chance.uniform(0.15, 0.45, objects), chance.uniform(0.55, 0.95, objects))
        off = chance.normal(0, 0.025, (4, objects))
        boxes = numpy.stack([numpy.full(objects, picture), left + off[0] * width, top + off[1] * height, width * (1 + off[2]), height * (1 + off[3]),
                             score, numpy.arange(objects)], axis=1)[seen]
        yield boxes[numpy.argsort(-boxes[:, 5])].astype("float32")


if __name__ == "__main__":
    numpy.concatenate(list(film(int(sys.argv[1]), int(sys.argv[2])))).tofile(sys.argv[3])
