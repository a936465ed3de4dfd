/* arena.c - a list of chunks, filled front to back; clear rewinds to the first chunk.
 * The limit counts what callers were given, rounded up to the alignment. */
#include "vd/arena.h"
#include "vd/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALIGN = _Alignof(max_align_t), CHUNK = 4096 };

typedef struct chunk {
    struct chunk *next;
    size_t room, used;
    _Alignas(max_align_t) uint8_t bytes[];
} chunk;

struct vd_arena {
    size_t limit, given;
    chunk *first, *now; /* `now` is being filled; those after it are empty */
};

vd_arena *vd_arena_new(size_t limit_bytes)
{
    vd_arena *arena = vd_calloc(1, sizeof(*arena));
    if (arena) arena->limit = limit_bytes;
    return arena;
}

/* Appends a chunk after `now`, keeping the empty ones behind it. */
static bool arena_grow(vd_arena *arena, size_t need)
{
    size_t room = need > CHUNK ? need : CHUNK;
    if (room > SIZE_MAX - sizeof(chunk)) return false;
    chunk *added = vd_calloc(1, sizeof(chunk) + room);
    if (!added) return false;
    added->room = room;
    chunk **link = arena->now ? &arena->now->next : &arena->first;
    added->next = *link;
    *link = added;
    arena->now = added;
    return true;
}

void *vd_arena_alloc(vd_arena *arena, size_t bytes)
{
    if (bytes > arena->limit || bytes > SIZE_MAX - ALIGN) return NULL;
    size_t need = ((bytes ? bytes : 1) + ALIGN - 1) / ALIGN * ALIGN;
    if (need > arena->limit - arena->given) return NULL;
    while (arena->now && arena->now->room - arena->now->used < need && arena->now->next)
        arena->now = arena->now->next;
    bool fits = arena->now && arena->now->room - arena->now->used >= need;
    if (!fits && !arena_grow(arena, need)) return NULL;
    void *given = arena->now->bytes + arena->now->used;
    arena->now->used += need;
    arena->given += need;
    return memset(given, 0, need);
}

char *vd_arena_str(vd_arena *arena, vd_slice text)
{
    if (text.len == SIZE_MAX) return NULL;
    char *copy = vd_arena_alloc(arena, text.len + 1);
    if (copy && text.len) memcpy(copy, text.data, text.len);
    return copy;
}

char *vd_arena_printf(vd_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : vd_arena_alloc(arena, (size_t)len + 1);
    if (!text) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

void vd_arena_clear(vd_arena *arena)
{
    for (chunk *each = arena->first; each; each = each->next) each->used = 0;
    arena->now = arena->first;
    arena->given = 0;
}

vd_arena *vd_arena_free(vd_arena *arena)
{
    if (!arena) return NULL;
    for (chunk *each = arena->first, *next; each; each = next) {
        next = each->next;
        free(each);
    }
    free(arena);
    return NULL;
}
