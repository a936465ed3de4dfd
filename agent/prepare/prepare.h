/* prepare.h - what happens to a picture before a model looks at it: a chain of steps, declared with
 * the model or the camera (docs/preprocessing.md is the manual of its words).
 *
 *   crop, rotate, undistort      where a pixel comes from: neighbours in the chain become one pass,
 *                                and crops alone none at all
 *   light                        a table, read in the pass that makes the tensor
 *   denoise, clahe               a pass each
 *   grey, hsv, resize, normalise how the tensor is made; no pass
 *   tile                         the picture is looked at in pieces
 *
 * A chain is a value. A preparer belongs to one thread. Nothing here blocks. */
#ifndef VD_PREPARE_H
#define VD_PREPARE_H
#include "frames.h"
#include "vd/config.h"

#define VD_CHAIN_STEPS_MAX 16
#define VD_TILES_MAX       64 /* of one picture */

typedef enum {
    VD_STEP_CROP,
    VD_STEP_ROTATE,
    VD_STEP_UNDISTORT,
    VD_STEP_DENOISE,
    VD_STEP_LIGHT,
    VD_STEP_CLAHE
} vd_step_kind;
/* The lens as OpenCV's calibration tells it; focal lengths and centre are shares of the picture's
 * width and height, so that they hold for any size of the same picture. */
typedef struct {
    double focal[2], center[2], k[3], p[2];
} vd_lens;
typedef struct {
    vd_step_kind kind;
    union {
        double crop[4]; /* left, top, right, bottom: shares of the picture */
        double degrees; /* clockwise; above 0, below 360 */
        vd_lens lens;
        struct {
            int radius, strength; /* pixels; steps of luma that count as noise */
        } denoise;
        struct {
            double brightness, contrast, gamma; /* 0, 1, 1: as it is */
        } light;
        struct {
            double limit;
            int tiles; /* along each side */
        } clahe;
    };
} vd_step;

typedef struct {
    int width_px, height_px; /* of the prepared picture; 0: no tiles */
    double overlap;          /* share of a tile that its neighbour sees too, at least */
    bool whole;              /* the whole picture is looked at as well */
} vd_tiles;
typedef struct {
    unsigned count;
    vd_step step[VD_CHAIN_STEPS_MAX];
    vd_colour colour;
    vd_tiles tiles;
    bool resizes, normalises; /* the next ones take the place of the model's own */
    vd_fit fit;
    float mean[3], scale[3];
} vd_chain;

/* Whose chain it is: a camera's has no word about what only a model can know. */
typedef enum { VD_CHAIN_OF_MODEL, VD_CHAIN_OF_CAMERA } vd_chain_owner;
/* `list` NULL: an empty chain. VD_INVALID names line, what is wrong and how it is mended. */
VD_MUST_USE vd_err vd_chain_read(const vd_config_node *list, vd_chain_owner owner,
                                 vd_chain *ret_chain, vd_why *why);
/* A chain by itself: the list as text. */
VD_MUST_USE vd_err vd_chain_parse(vd_slice yaml, const char *name, vd_chain_owner owner,
                                  vd_chain *ret_chain, vd_why *why);
/* One line of YAML that vd_chain_read reads back as the same. */
VD_MUST_USE bool vd_chain_print(const vd_chain *chain, vd_buf *into);
bool vd_chain_empty(const vd_chain *chain); /* also NULL */
/* First the camera's steps, then the model's; either may be NULL. VD_FULL: too many. */
VD_MUST_USE vd_err vd_chain_join(const vd_chain *camera, const vd_chain *model, vd_chain *ret_chain,
                                 vd_why *why);
/* What the chain says about the tensor; `light` is the preparer's. */
void vd_chain_spec(const vd_chain *chain, vd_tensor_spec *spec);

/* One step of the way back; private. */
typedef struct {
    vd_step_kind kind;
    double in_width, in_height, out_width, out_height; /* pixels */
    double left, top;                                  /* crop */
    double cosine, sine;                               /* rotate */
    vd_lens lens;
} vd_bend;
typedef struct {
    vd_picture picture;   /* borrowed from the preparer or the source, until the next run */
    vd_part_px part;      /* what of it is to be seen */
    const uint8_t *light; /* for vd_tensor_spec, borrowed too */
    unsigned bends;
    vd_bend bend[VD_CHAIN_STEPS_MAX * 2];
} vd_prepared;

typedef struct vd_preparer vd_preparer;
VD_MUST_USE vd_err vd_preparer_new(vd_preparer **ret_preparer);
vd_preparer *vd_preparer_free(vd_preparer *preparer); /* returns NULL; NULL is fine */
typedef vd_preparer *vd_preparer_ptr;
static inline void vd_preparer_release(vd_preparer **preparer)
{
    *preparer = vd_preparer_free(*preparer);
}
VD_AUTO_DEFINE(vd_preparer_ptr, vd_preparer_release)
/* `part`: only this of the picture is asked for, and where it lies is settled: crops, lens and
 * tiles of the chain do not hold; NULL: all. `spec`: for what tensor; a picture that is bent anyway
 * is made no larger than it needs. NULL: as large as it is. VD_FULL: memory. */
VD_MUST_USE vd_err vd_preparer_run(vd_preparer *preparer, const vd_chain *chain,
                                   const vd_picture *picture, const vd_part_px *part,
                                   const vd_tensor_spec *spec, vd_prepared *ret_prepared,
                                   vd_why *why);
/* From 0..1 of prepared->picture to 0..1 of the source; may lead outside where the chain does. */
void vd_prepared_back(const vd_prepared *prepared, double *x, double *y);
/* The other way, for labels that were drawn on the source. A lens is undone step by step: not
 * finite where that leads nowhere. */
void vd_prepared_on(const vd_prepared *prepared, double *x, double *y);
/* The tiles of the prepared part, row by row, each as large as asked where the part is; the whole
 * comes last where it is asked for. VD_INVALID: more than VD_TILES_MAX. */
VD_MUST_USE vd_err vd_chain_tiles(const vd_tiles *tiles, const vd_part_px *part,
                                  vd_part_px ret_tiles[VD_TILES_MAX + 1], unsigned *ret_count,
                                  vd_why *why);
/* The same as a frame of its own. VD_FULL: memory. */
VD_MUST_USE vd_err vd_prepared_frame(const vd_prepared *prepared, vd_frame **ret_frame);
#endif
