/* config.h - one YAML file per program, read into a tree that knows its lines.
 * Unknown keys are errors with the line and the nearest known key (DESIGN.md promise 10): a reader
 * declares the keys it knows with vd_config_only, then asks for values. One thread. */
#ifndef VD_CONFIG_H
#define VD_CONFIG_H
#include "vd/error.h"

typedef struct vd_config vd_config;           /* a whole file */
typedef struct vd_config_node vd_config_node; /* a node of it, borrowed */

/* At most 1 MiB, 32 levels, no aliases. */
VD_MUST_USE vd_err vd_config_load(const char *path, vd_config **ret_config, vd_why *why);
VD_MUST_USE vd_err vd_config_parse(vd_slice yaml, const char *name, vd_config **ret_config,
                                   vd_why *why);
const vd_config_node *vd_config_root(const vd_config *config);
vd_config *vd_config_free(vd_config *config);
typedef vd_config *vd_config_ptr;
static inline void vd_config_release(vd_config **config)
{
    *config = vd_config_free(*config);
}
VD_AUTO_DEFINE(vd_config_ptr, vd_config_release)

/* VD_INVALID when the node is no mapping, or has a key that is not in the list (NULL-closed). */
VD_MUST_USE vd_err vd_config_only(const vd_config_node *map, const char *const *keys, vd_why *why);
const vd_config_node *vd_config_get(const vd_config_node *map,
                                    const char *key); /* NULL if absent; NULL map is fine */
size_t vd_config_len(const vd_config_node *list_or_map);
const vd_config_node *vd_config_at(const vd_config_node *list, size_t index);
const vd_config_node *vd_config_member(const vd_config_node *map, size_t index,
                                       const char **ret_key);
unsigned vd_config_line(const vd_config_node *node);    /* from 1 */
const char *vd_config_name(const vd_config_node *node); /* of its file, as it was given */
bool vd_config_is_list(const vd_config_node *node);
bool vd_config_is_map(const vd_config_node *node);
/* Scalars: absent keys leave *value as it is (the default); a wrong form is VD_INVALID with file,
 * line, key and what is expected. Text is borrowed from the config. With `key` NULL the first
 * argument is the scalar itself: an item of a list (vd_config_text(vd_config_at(list, i), NULL,
 * ...)).
 */
VD_MUST_USE vd_err vd_config_text(const vd_config_node *map, const char *key, const char **value,
                                  vd_why *why);
VD_MUST_USE vd_err vd_config_int(const vd_config_node *map, const char *key, int64_t min,
                                 int64_t max, int64_t *value, vd_why *why);
VD_MUST_USE vd_err vd_config_num(const vd_config_node *map, const char *key, double min, double max,
                                 double *value, vd_why *why);
VD_MUST_USE vd_err vd_config_bool(const vd_config_node *map, const char *key, bool *value,
                                  vd_why *why);
/* "250ms", "5s", "2m", "3h", "7d" or a bare number of seconds, into milliseconds. */
VD_MUST_USE vd_err vd_config_duration_ms(const vd_config_node *map, const char *key, int64_t min_ms,
                                         int64_t max_ms, int64_t *value, vd_why *why);
/* The index of the scalar in NULL-closed `names`; a miss suggests the nearest. */
VD_MUST_USE vd_err vd_config_choice(const vd_config_node *map, const char *key,
                                    const char *const *names, int *value, vd_why *why);
/* Fails at this node: fills the why's detail with file and line. */
vd_err vd_config_fail(const vd_config_node *node, vd_why *why, const char *format, ...)
    VD_PRINTF(3, 4);
#endif
