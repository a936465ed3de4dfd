/* arena.h - many small allocations with one lifetime (a request, an event), freed at once.
 * One thread at a time. Bounded: created with the most bytes it may ever take. */
#ifndef VD_ARENA_H
#define VD_ARENA_H
#include "vd/slice.h"

typedef struct vd_arena vd_arena;

/* NULL when memory ends. */
VD_MUST_USE vd_arena *vd_arena_new(size_t limit_bytes);
/* Zeroed, aligned for any type; NULL when the limit or memory is reached. */
VD_MUST_USE void *vd_arena_alloc(vd_arena *arena, size_t bytes);
/* Copies, with a closing NUL that is not counted; NULL as above. */
VD_MUST_USE char *vd_arena_str(vd_arena *arena, vd_slice text);
VD_MUST_USE char *vd_arena_printf(vd_arena *arena, const char *format, ...) VD_PRINTF(2, 3);
/* Everything allocated so far becomes invalid; memory is kept for reuse. */
void vd_arena_clear(vd_arena *arena);
/* Returns NULL. */
vd_arena *vd_arena_free(vd_arena *arena);
static inline void vd_arena_release(vd_arena **arena)
{
    *arena = vd_arena_free(*arena);
}
typedef vd_arena *vd_arena_ptr;
VD_AUTO_DEFINE(vd_arena_ptr, vd_arena_release)
#endif
