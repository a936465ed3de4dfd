/* topic.c - an MQTT topic from its pattern. */
#include <stdio.h>

#include "alerts_priv.h"

static const char *value_of(vd_slice name, const char *device, const vd_event *event)
{
    const struct {
        const char *name, *value;
    } known[] = {
        { "device", device },       { "camera", event->camera },
        { "rule", event->rule_id }, { "severity", event->severity },
        { "kind", event->kind },
    };

    for (size_t i = 0; i < VD_COUNT_OF(known); i++)
        if (vd_slice_eq(name, vd_slice_str(known[i].name))) return known[i].value;
    return NULL;
}

static bool add_name(vd_buf *into, const char *value)
{
    bool good = true;

    for (; good && value && *value; value++) {
        bool bad = strchr("+#/", *value) || (unsigned char)*value < ' ';
        good = vd_buf_add_byte(into, bad ? '_' : (uint8_t)*value);
    }
    return good;
}

bool topic_make(const char *pattern, const char *device, const vd_event *event,
                char into[ALERT_TOPIC_ROOM])
{
    VD_AUTO(vd_buf) topic = VD_BUF(ALERT_TOPIC_ROOM - 1);
    vd_slice rest = vd_slice_str(pattern);
    bool good = true;

    while (good && rest.len) {
        bool opens = memchr(rest.data, '{', rest.len) != NULL;
        good = vd_buf_add(&topic, vd_slice_cut(rest, '{', &rest));
        if (good && opens) {
            const char *value = value_of(vd_slice_cut(rest, '}', &rest), device, event);
            good = value && add_name(&topic, value);
        }
    }
    return good && topic.len && vd_slice_to_chars(vd_buf_slice(&topic), into, ALERT_TOPIC_ROOM);
}
