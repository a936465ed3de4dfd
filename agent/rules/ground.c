/* ground.c - where on the ground a point of the picture lies: a plane homography from four pairs of
 * points, solved as eight linear equations. */
#include <math.h>

#include "rules.h"

#define FLAT 0.01 /* of the longest side squared: three points with less area lie on a line */

static bool flat(double p[4][2])
{
    for (unsigned left_out = 0; left_out < 4; left_out++) {
        const double *a = p[(left_out + 1) % 4], *b = p[(left_out + 2) % 4],
                     *c = p[(left_out + 3) % 4];
        double ab = hypot(b[0] - a[0], b[1] - a[1]), ac = hypot(c[0] - a[0], c[1] - a[1]);
        double bc = hypot(c[0] - b[0], c[1] - b[1]), longest = fmax(ab, fmax(ac, bc));
        double area = fabs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));
        if (!(area > FLAT * longest * longest)) return true;
    }
    return false;
}

/* Gauss with pivoting; the solution is left in the last column. */
static bool eliminate(double row[8][9])
{
    for (unsigned c = 0; c < 8; c++) {
        unsigned best = c;
        for (unsigned r = c + 1; r < 8; r++)
            if (fabs(row[r][c]) > fabs(row[best][c])) best = r;
        if (!(fabs(row[best][c]) > 1e-12)) return false;
        for (unsigned k = 0; k < 9; k++) {
            double swap = row[c][k];
            row[c][k] = row[best][k];
            row[best][k] = swap;
        }
        for (unsigned r = 0; r < 8; r++) {
            if (r == c) continue;
            double times = row[r][c] / row[c][c];
            for (unsigned k = c; k < 9; k++) row[r][k] -= times * row[c][k];
        }
    }
    for (unsigned r = 0; r < 8; r++) row[r][8] /= row[r][r];
    return true;
}

static double depth_at(const double m[9], vd_point p)
{
    return m[6] * (double)p.x + m[7] * (double)p.y + m[8];
}

/* The four points must lie before the horizon, all on one side of it. */
static bool face_forward(vd_ground *ground)
{
    double sign = depth_at(ground->m, ground->picture[0]) < 0 ? -1 : 1;
    for (unsigned i = 0; i < 9; i++) ground->m[i] *= sign;
    for (unsigned i = 0; i < 4; i++)
        if (!(depth_at(ground->m, ground->picture[i]) > 1e-9)) return false;
    return true;
}

bool vd_ground_solve(vd_ground *ground)
{
    double seen[4][2], there[4][2], row[8][9];
    for (unsigned i = 0; i < 4; i++) {
        double x = seen[i][0] = (double)ground->picture[i].x;
        double y = seen[i][1] = (double)ground->picture[i].y;
        for (unsigned k = 0; k < 2; k++) {
            double to = there[i][k] = (double)ground->metre[i][k];
            const double equation[9] = { k ? 0 : x, k ? 0 : y, k ? 0 : 1, k ? x : 0, k ? y : 0,
                                         k ? 1 : 0, -to * x,   -to * y,   to };
            for (unsigned c = 0; c < 9; c++) row[2 * i + k][c] = equation[c];
        }
    }
    if (flat(seen) || flat(there) || !eliminate(row)) return false;
    for (unsigned i = 0; i < 8; i++) ground->m[i] = row[i][8];
    ground->m[8] = 1;
    return face_forward(ground);
}

bool vd_ground_at(const vd_ground *ground, vd_point p, double ret_metre[2])
{
    const double *m = ground->m, x = (double)p.x, y = (double)p.y;
    double depth = depth_at(m, p);
    if (!(depth > 1e-9)) return false;
    ret_metre[0] = (m[0] * x + m[1] * y + m[2]) / depth;
    ret_metre[1] = (m[3] * x + m[4] * y + m[5]) / depth;
    return true;
}
