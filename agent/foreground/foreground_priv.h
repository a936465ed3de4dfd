/* foreground_priv.h - the grid between its two files: ground.c learns cells, blobs.c joins them. */
#ifndef VD_FOREGROUND_PRIV_H
#define VD_FOREGROUND_PRIV_H
#include "foreground.h"

#define WIDTH      VD_FOREGROUND_WIDTH
#define HEIGHT     160 /* at most */
#define CELLS      (WIDTH * HEIGHT)
#define STILL_S    5.0f /* before a cell is still */
#define BLOB_LEAST 6    /* cells */

typedef struct {
    bool known;
    float back, noise; /* the slow one, and how much it trembles */
    float now, age_s;  /* the quick one, and how long it stands there */
    float away_s;      /* something else is before it since */
} cell;

struct vd_foreground {
    int height, width_px, height_px;
    bool started;
    int64_t utc_us;
    uint32_t last_id;
    vd_stills blobs;
    float seen[CELLS], before[CELLS]; /* this picture, the one before */
    cell cell[CELLS];
    uint8_t still[CELLS], label[CELLS];
    uint16_t stack[CELLS];
};

/* How far a cell may be off and be the same. */
float cell_band(const cell *c);
/* blobs.c: from still cells to blobs, the same ones keep their id. */
void blobs_find(vd_foreground *f, float offset);
#endif
