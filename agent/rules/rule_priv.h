/* rule_priv.h - what the reader of rules shares among its files.
 *
 *   rule_read.c    the entry and what all kinds have: id, classes, thresholds, profiles
 *   rule_shape.c   points: a polygon, a line, the whole picture
 *   rule_kinds.c   what each kind needs beyond that
 *   rule_inspection.c  that, of an inspection
 *   rule_hours.c   hours, and when a rule is armed
 *   rule_print.c   the canonical text */
#ifndef VD_RULE_PRIV_H
#define VD_RULE_PRIV_H
#include "rules.h"

/* The keys an entry of this kind may have, NULL-closed. */
const char *const *rule_keys(vd_rule_kind kind);
vd_err rule_read_kind(const vd_config_node *node, const vd_vocabulary *words, vd_rule *rule,
                      vd_why *why);
/* `points`, as many as the kind of rule takes. */
vd_err rule_read_points(const vd_config_node *node, vd_rule *rule, vd_why *why);
/* One [x, y] of the picture. */
vd_err rule_read_point(const vd_config_node *node, const char *what, const char *name,
                       vd_point *ret_point, vd_why *why);
/* A list of 1 to `room` classes under `key`, or a single one. */
vd_err rule_read_classes(const vd_config_node *node, const char *key, const vd_vocabulary *words,
                         char (*into)[VD_CLASS_NAME_ROOM], unsigned room, unsigned *ret_count,
                         vd_why *why);
/* A single one under `key`, which is needed. */
vd_err rule_read_class(const vd_config_node *node, const char *key, const vd_vocabulary *words,
                       char into[VD_CLASS_NAME_ROOM], vd_why *why);
vd_err rule_read_inspection(const vd_config_node *node, const vd_vocabulary *words, vd_rule *rule,
                            vd_why *why);
bool profile_name_good(const char *name);
vd_err profile_name_fail(const vd_config_node *node, const char *name, vd_why *why);
void hours_print(const vd_hours *hours, vd_buf *text);
#endif
