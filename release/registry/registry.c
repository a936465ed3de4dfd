/* registry.c - opening the registry; the release key's public half. */
#include "registry_priv.h"

#include <stdlib.h>

#include "vd/file.h"
#include "vd/log.h"

vd_err vd_registry_new(const vd_registry_parts *parts, vd_registry **ret_registry, vd_why *why)
{
    vd_registry *registry = calloc(1, sizeof *registry);
    if (!registry) return vd_fail(why, VD_FULL, "no memory");
    registry->parts = *parts;
    pthread_mutex_init(&registry->lock, NULL);
    vd_err err = VD_OK;
    if (!vd_slice_to_chars(vd_slice_str(parts->work_dir), registry->work_dir,
                           sizeof registry->work_dir))
        err = vd_fail(why, VD_INVALID, "the path of the state folder is too long");
    if (!err) err = vd_dir_make(parts->work_dir, 0750, why);
    if (!err) err = vd_release_key_open(parts->key_path, &registry->key, why);
    if (!err) err = scorer_new(registry, &registry->scorer, why);
    if (err)
        (void)vd_registry_free(registry);
    else
        *ret_registry = registry;
    return err;
}

vd_registry *vd_registry_free(vd_registry *registry)
{
    if (!registry) return NULL;
    scorer_free(registry->scorer);
    vd_release_key_free(registry->key);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
    return NULL;
}

const char *vd_registry_public_key(const vd_registry *registry)
{
    return vd_release_key_public(registry->key);
}

void vd_registry_write_key(const vd_registry *registry, vd_json_w *w)
{
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "algorithm", "ed25519");
    vd_json_w_kv_text(w, "id", vd_release_key_id(registry->key));
    vd_json_w_kv_text(w, "public", vd_release_key_public(registry->key));
    vd_json_w_object_end(w);
}
