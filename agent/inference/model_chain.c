/* model_chain.c - a model looks at a picture: prepared by the camera's chain and its own, in one
 * piece or tile by tile, and what it finds is told in the picture's own terms. */
#include "model_priv.h"
#include "scorer_priv.h"

#include <stdlib.h>

#include "vd/clock.h"

static vd_err make_room(model_looks *looks, bool tiles, vd_why *why)
{
    vd_err err = looks->preparer ? VD_OK : vd_preparer_new(&looks->preparer);
    if (!err && tiles && !looks->tile) looks->tile = calloc(VD_TILES_MAX + 1, sizeof *looks->tile);
    if (err || (tiles && !looks->tile))
        return vd_fail(why, VD_FULL, "there is no memory for a prepared picture");
    return VD_OK;
}

/* The chain that holds for this look, prepared. */
static vd_err prepare(vd_model *model, const vd_chain *camera, const vd_frame *frame,
                      const vd_part_px *part, vd_chain *ret_chain, vd_prepared *ret_prepared,
                      vd_tensor_spec *ret_spec, vd_why *why)
{
    const model_descriptor *d = model_descriptor_of(model);
    vd_err err = vd_chain_join(camera, &d->chain, ret_chain, why);
    if (err) return err;
    if (part || vd_model_classifies(model)) ret_chain->tiles.width_px = 0;
    err = make_room(model_looks_of(model), ret_chain->tiles.width_px > 0, why);
    if (err) return err;
    *ret_spec = d->tensor;
    vd_chain_spec(ret_chain, ret_spec);
    bool away = model_remote(model) != NULL;
    err = vd_preparer_run(model_looks_of(model)->preparer, ret_chain, vd_frame_picture(frame), part,
                          away ? NULL : ret_spec, ret_prepared, why);
    if (!err) ret_spec->light = ret_prepared->light;
    return err;
}

/* A scorer takes frames: it gets one of the prepared picture. */
static vd_err run_remote(vd_model *model, const vd_prepared *prepared, vd_detections *found,
                         vd_why *why)
{
    const vd_part_px *part = &prepared->part;
    vd_frame *frame = NULL;
    vd_err err = vd_prepared_frame(prepared, &frame);
    if (err) return vd_fail(why, err, "there is no memory for a prepared picture");
    err = remote_run(model_remote(model), frame, found, why);
    vd_frame_unref(frame);
    for (unsigned i = 0; !err && i < found->count; i++) {
        vd_box *b = &found->item[i].box;
        float width = (float)prepared->picture.width_px,
              height = (float)prepared->picture.height_px;
        *b = (vd_box){ ((float)part->left + b->l * (float)part->width) / width,
                       ((float)part->top + b->t * (float)part->height) / height,
                       b->w * (float)part->width / width, b->h * (float)part->height / height };
    }
    return err;
}

static vd_err run_tiles(vd_model *model, const vd_tiles *tiles, const vd_prepared *prepared,
                        const vd_tensor_spec *spec, vd_detections *found, vd_why *why)
{
    vd_part_px part[VD_TILES_MAX + 1];
    vd_detections *each = model_looks_of(model)->tile;
    vd_tensor_map map;
    unsigned count = 0;
    vd_err err = vd_chain_tiles(tiles, &prepared->part, part, &count, why);
    for (unsigned i = 0; i < count && !err; i++) {
        vd_picture_tensor(&prepared->picture, &part[i], spec, model_tensor(model), &map);
        err = model_run_tensor(model, &map, &each[i], why);
    }
    if (!err && tiles_merge(each, part, count, &prepared->part, &prepared->picture,
                            model_descriptor_of(model)->nms_iou, found))
        err = vd_fail(why, VD_FULL, "there is no memory for what is in the tiles");
    return err;
}

static vd_err run_chain(vd_model *model, const vd_chain *camera, const vd_frame *frame,
                        const vd_part_px *part, vd_detections *found, vd_why *why)
{
    vd_chain chain;
    vd_prepared prepared;
    vd_tensor_spec spec;
    vd_tensor_map map;
    bool away = model_remote(model) != NULL;

    if (away && !part && vd_chain_empty(camera))
        return remote_run(model_remote(model), frame, found, why);
    int64_t begin = vd_clock_mono_us(), middle = begin;
    vd_err err = prepare(model, camera, frame, part, &chain, &prepared, &spec, why);
    if (err) return err;
    if (away) {
        err = run_remote(model, &prepared, found, why);
    } else if (chain.tiles.width_px) {
        middle = vd_clock_mono_us();
        err = run_tiles(model, &chain.tiles, &prepared, &spec, found, why);
    } else {
        vd_picture_tensor(&prepared.picture, &prepared.part, &spec, model_tensor(model), &map);
        middle = vd_clock_mono_us();
        err = model_run_tensor(model, &map, found, why);
    }
    if (err) return err;
    found->preprocess_us = middle - begin;
    found->run_us = vd_clock_mono_us() - middle;
    if (prepared.bends && !vd_model_classifies(model)) chain_back(&prepared, found);
    return VD_OK;
}

vd_err vd_model_run_chain(vd_model *model, const vd_chain *camera, const vd_frame *frame,
                          const vd_part_px *part, vd_detections *found, vd_why *why)
{
    int64_t begin = vd_clock_mono_us();
    vd_err err = run_chain(model, camera, frame, part, found, why);

    model_count(model, err != VD_OK, vd_clock_mono_us() - begin);
    return err;
}

vd_err vd_model_run_part(vd_model *model, const vd_frame *frame, const vd_part_px *part,
                         vd_detections *found, vd_why *why)
{
    return vd_model_run_chain(model, NULL, frame, part, found, why);
}

vd_err vd_model_run(vd_model *model, const vd_frame *frame, vd_detections *found, vd_why *why)
{
    return vd_model_run_chain(model, NULL, frame, NULL, found, why);
}

vd_err vd_model_show(vd_model *model, const vd_chain *camera, const vd_frame *frame,
                     const float **ret_tensor, vd_tensor_spec *ret_spec, vd_why *why)
{
    vd_chain chain;
    vd_prepared prepared;
    vd_tensor_map map;

    if (model_remote(model))
        return vd_fail(why, VD_INVALID, "what a scorer does with a picture is not known here");
    vd_err err = prepare(model, camera, frame, NULL, &chain, &prepared, ret_spec, why);
    if (err) return err;
    vd_picture_tensor(&prepared.picture, &prepared.part, ret_spec, model_tensor(model), &map);
    *ret_tensor = model_tensor(model);
    return VD_OK;
}
