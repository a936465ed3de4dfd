/* integrity_priv.h - what the stage's files share.
 *
 *   view.c       a picture becomes numbers; two of them are compared
 *   align.c      which way the edges run, and whether two views lie on each other by that
 *   face.c       the references of a view: one by day, one by night; kept as bytes
 *   integrity.c  numbers become conditions, conditions become facts */
#ifndef VD_INTEGRITY_PRIV_H
#define VD_INTEGRITY_PRIV_H
#include "integrity.h"

#define VIEW_W     160
#define VIEW_H     90
#define VIEW_CELLS (VIEW_W * VIEW_H)
#define BLOCK_W    20
#define BLOCK_H    18
#define BLOCKS     (VIEW_W / BLOCK_W * (VIEW_H / BLOCK_H))

/* A picture in 160 x 90 cells, light 0..255. */
typedef struct {
    float tone[VIEW_CELLS];
    float edge[VIEW_CELLS]; /* how much the light changes here, a little smeared */
    double sharpness;       /* of the full picture, by what light there is in it */
    double colour;          /* mean distance from grey, 0..255; infrared has none */
    uint64_t bits;          /* the same for pictures that are the same to the bit */
} view;

typedef struct {
    double most, usual_most; /* light at or below which 99 %, 95 % of the cells are */
    double spread;           /* standard deviation of the light */
    double white;            /* share of cells at 250 or more */
} view_light;

typedef struct {
    unsigned blocks; /* with structure in the reference */
    double matched;  /* share of these that look the same */
    double lost;     /* share of these without structure now */
    double tone;     /* correlation of the light, -1..1 */
} view_match;

void view_take(const vd_frame *frame, view *into);
view_light view_measure(const view *v);
view_match view_compare(const view *reference, const view *now);
/* Mean and largest change of light. */
void view_change(const float *before, const view *now, double *ret_mean, double *ret_most);
/* reference += share * (now - reference) */
void view_learn(view *reference, const view *now, double share);
/* What is made of the light alone. */
void view_edges(view *v);

/* ---- align.c ---- */
/* Whether two views lie on each other, whatever lights them: their edges run the same ways here,
 * and hardly do so when one of them is shifted. Takes about two milliseconds. */
bool view_same(const float *reference_tone, const float *now_tone);

/* ---- face.c ---- */
#define LEARN_PICTURES 20 /* before a reference counts */
typedef enum { FACE_DAY, FACE_NIGHT, FACES } face_kind;
typedef struct {
    view view;
    unsigned learnt; /* pictures; LEARN_PICTURES: it counts */
} face;
static inline bool face_known(const face *f)
{
    return f->learnt >= LEARN_PICTURES;
}
/* Which one a picture belongs to, when that before was of `before`: night is without colour. */
face_kind face_of(const view *v, face_kind before);
void face_learn(face *f, const view *now, int64_t passed_us);
VD_MUST_USE vd_err faces_print(const face faces[FACES], const char *source, vd_buf *into);
/* VD_ABSENT: of another source; VD_CORRUPT: no such bytes. The faces are as before then. */
VD_MUST_USE vd_err faces_read(vd_slice bytes, const char *source, face faces[FACES], vd_why *why);
#endif
