/* log.h - one line per decision. Libraries return errors, programs log them.
 * A human format on a terminal, JSON lines otherwise (or as vd_log_start says). Any thread; lines
 * are never torn. Repeats of the same message id + subject within 10 s become one line with a
 * count. */
#ifndef VD_LOG_H
#define VD_LOG_H
#include "vd/error.h"

typedef enum { VD_LOG_DEBUG, VD_LOG_INFO, VD_LOG_WARN, VD_LOG_ERROR } vd_log_level;
typedef enum { VD_LOG_AUTO, VD_LOG_HUMAN, VD_LOG_JSON } vd_log_format;

/* Once per program, before threads. `program` must outlive the process ("vedette-agent"). */
void vd_log_start(const char *program, vd_log_format format, vd_log_level least);
/* Empties pending repeat counts. */
void vd_log_stop(void);

/* `id` is stable ("camera.silent"), `fact` is English. Fields follow as name, value pairs of
 * NUL-terminated strings, closed by NULL; use the field names device, camera, event, incident,
 * rule, model, why, so that one grep follows an event from lens to incident. A NULL value skips the
 * field. vd_log(VD_LOG_WARN, "camera.silent", "no picture for 5 s, reconnecting", "camera", id,
 * NULL); */
void vd_log(vd_log_level level, const char *id, const char *fact, ...) __attribute__((sentinel));
/* The same with a why's fact, detail and hint as fields. */
void vd_log_why(vd_log_level level, const char *id, const char *fact, const vd_why *why, ...)
    __attribute__((sentinel));
/* Number to text for a field; valid until the end of the full expression's block (caller's buffer).
 */
const char *vd_text_i64(int64_t value, char into[24]);
#endif
