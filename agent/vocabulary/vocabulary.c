#include "vocabulary.h"

#include <assert.h>

#include "vd/arena.h"

#define ARENA_BYTES (64u << 20)

struct vd_vocabulary {
    vd_arena *arena; /* owns all texts, and this */
    unsigned count, model_count;
    vd_vocabulary_model model[VD_VOCABULARY_MODELS_MAX];
    const char *name[];
};

static const char *own_name(const vd_vocabulary *w, const vd_vocabulary_part *part,
                            const char *name)
{
    return vd_vocabulary_find(w, name) < 0 ? vd_arena_str(w->arena, vd_slice_str(name))
                                           : vd_arena_printf(w->arena, "%s/%s", part->id, name);
}

static vd_err add_part(vd_vocabulary *w, const vd_vocabulary_part *part)
{
    vd_vocabulary_model *m = &w->model[w->model_count++];
    unsigned known = w->count;
    *m = (vd_vocabulary_model){ .id = vd_arena_str(w->arena, vd_slice_str(part->id)),
                                .name = vd_arena_str(w->arena, vd_slice_str(part->name)),
                                .digest = part->digest,
                                .score_min = part->score_min,
                                .first_class = known,
                                .class_count = part->class_count };
    if (!m->id || !m->name) return VD_FULL;
    for (unsigned i = 0; i < part->class_count; i++) {
        w->name[known + i] = own_name(w, part, part->classes[i]);
        if (!w->name[known + i]) return VD_FULL;
    }
    w->count += part->class_count; /* only now: a model may name two of its classes alike */
    return VD_OK;
}

vd_err vd_vocabulary_new(const vd_vocabulary_part *parts, unsigned part_count,
                         vd_vocabulary **ret_words)
{
    size_t classes = 0;
    vd_err err = VD_OK;
    assert(part_count >= 1 && part_count <= VD_VOCABULARY_MODELS_MAX);
    for (unsigned i = 0; i < part_count; i++) classes += parts[i].class_count;
    if (classes > UINT16_MAX) return VD_FULL;
    vd_arena *arena = vd_arena_new(ARENA_BYTES);
    vd_vocabulary *w =
        arena ? vd_arena_alloc(arena, sizeof *w + classes * sizeof w->name[0]) : NULL;
    if (!w) {
        vd_arena_free(arena);
        return VD_FULL;
    }
    w->arena = arena;
    for (unsigned i = 0; i < part_count && !err; i++) err = add_part(w, &parts[i]);
    if (err)
        vd_vocabulary_free(w);
    else
        *ret_words = w;
    return err;
}

vd_vocabulary *vd_vocabulary_free(vd_vocabulary *words)
{
    if (words) vd_arena_free(words->arena);
    return NULL;
}

unsigned vd_vocabulary_count(const vd_vocabulary *words)
{
    return words->count;
}

const char *vd_vocabulary_name(const vd_vocabulary *words, unsigned class_id)
{
    return class_id < words->count ? words->name[class_id] : NULL;
}

int vd_vocabulary_find(const vd_vocabulary *words, const char *name)
{
    for (unsigned i = 0; i < words->count; i++)
        if (strcmp(words->name[i], name) == 0) return (int)i;
    return -1;
}

const vd_vocabulary_model *vd_vocabulary_model_of(const vd_vocabulary *words, unsigned class_id)
{
    for (unsigned i = words->model_count; i-- > 1;)
        if (class_id < words->count && class_id >= words->model[i].first_class)
            return &words->model[i];
    return &words->model[0];
}

const vd_vocabulary_model *vd_vocabulary_main(const vd_vocabulary *words)
{
    return &words->model[0];
}

bool vd_vocabulary_extends(const vd_vocabulary *words, const vd_vocabulary *older)
{
    if (words->count < older->count) return false;
    for (unsigned i = 0; i < older->count; i++)
        if (strcmp(words->name[i], older->name[i]) != 0) return false;
    return true;
}
