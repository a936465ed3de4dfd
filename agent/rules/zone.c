#include "rules.h"

/* On the edge from a to b: no area between the three points, and within the edge's extent. */
static bool on_edge(vd_point a, vd_point b, vd_point p)
{
    float cross = (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
    if (cross > 1e-7f || cross < -1e-7f) return false;
    float along = (p.x - a.x) * (p.x - b.x) + (p.y - a.y) * (p.y - b.y);
    return along <= 0;
}

bool vd_zone_has(const vd_point *points, unsigned count, vd_point p)
{
    bool inside = false;
    for (unsigned i = 0, j = count - 1; i < count; j = i++) {
        vd_point a = points[j], b = points[i];
        if (on_edge(a, b, p)) return true;
        /* Half-open in y, so that a corner counts for one of its two edges only. */
        if ((a.y > p.y) == (b.y > p.y)) continue;
        if (p.x < a.x + (b.x - a.x) * (p.y - a.y) / (b.y - a.y)) inside = !inside;
    }
    return inside;
}
