/* turns.h - whose picture is looked at next.
 *
 * Each camera has one place, for its newest picture: a picture that nobody looked at before the
 * next one came is stale, dropped and counted. Among the cameras that have something, the one that
 * was looked at longest ago goes first, and between equals the one with the freshest picture: with
 * more pictures than time all cameras slow down alike, and none is shown an old world.
 *
 * Any thread may call. Several lookers may take turns side by side; a camera whose picture one of
 * them has in hand is nobody else's until vd_turns_done. Only vd_turns_take and vd_turns_leave
 * block. */
#ifndef VD_TURNS_H
#define VD_TURNS_H
#include "frames.h"

typedef struct vd_turns vd_turns;
VD_MUST_USE vd_err vd_turns_new(unsigned cameras, vd_turns **ret_turns);
/* Drops what waits. When no thread uses it any more. Returns NULL. */
vd_turns *vd_turns_free(vd_turns *turns);
/* Takes over `frame`. `camera` is below `cameras`. It also takes a vd_turns_away back that nobody
 * has looked at. */
void vd_turns_put(vd_turns *turns, unsigned camera, vd_frame *frame);
/* The camera is away: after the picture that still waits, somebody must be told. */
void vd_turns_away(vd_turns *turns, unsigned camera);
/* The camera is gone: drops what waits, and waits until nobody has it in hand any more. Nobody puts
 * for it meanwhile. After it returns the place is as new, for another camera. */
void vd_turns_leave(vd_turns *turns, unsigned camera);

typedef struct {
    unsigned camera;
    vd_frame *frame; /* the looker's; NULL: the camera is away */
} vd_turn;
/* Waits for a camera that has something. False: stopped, and nothing was taken. */
VD_MUST_USE bool vd_turns_take(vd_turns *turns, vd_turn *ret_turn);
/* The looker is done with this camera; the frame stays the looker's to unref. */
void vd_turns_done(vd_turns *turns, unsigned camera);
/* Every taker, now and later, comes back with false. */
void vd_turns_stop(vd_turns *turns);

typedef struct {
    uint64_t looked; /* pictures taken */
    uint64_t stale;  /* pictures dropped because a newer one came */
} vd_turns_stats;
void vd_turns_get_stats(vd_turns *turns, unsigned camera, vd_turns_stats *ret_stats);
#endif
