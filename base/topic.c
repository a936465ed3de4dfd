/* topic.c - the topics of the IoT Hub dialect; iothub.h draws each form. */
#include "vd/iothub.h"

#include <inttypes.h>

#define RID_MAX 64

/* Removes the prefix; false (and text untouched) when it is another one. */
static bool skip(vd_slice *text, vd_slice prefix)
{
    if (!vd_slice_starts(*text, prefix)) return false;
    *text = vd_slice_from(*text, prefix.len);
    return true;
}

static vd_slice take_level(vd_slice *text)
{
    return vd_slice_cut(*text, '/', text);
}

/* "?$rid=R&$version=N", any order, '?' optional. */
static bool read_query(vd_slice text, vd_topic *topic)
{
    skip(&text, VD_STR("?"));
    while (text.len > 0) {
        vd_slice value, key = vd_slice_cut(vd_slice_cut(text, '&', &text), '=', &value);
        if (vd_slice_eq(key, VD_STR("$rid"))) topic->rid = value;
        if (vd_slice_eq(key, VD_STR(VD_PROP_CLOCK))) topic->clock = value;
        bool is_version = vd_slice_eq(key, VD_STR("$version"));
        if (is_version && !vd_slice_u64(value, INT64_MAX, &topic->version)) return false;
    }
    return topic->rid.len <= RID_MAX;
}

static bool read_status(vd_slice text, vd_topic *topic)
{
    uint64_t status = 0;
    if (!vd_slice_u64(take_level(&text), 999999, &status)) return false;
    topic->status = (unsigned)status;
    return read_query(text, topic);
}

static bool parse_virtual(vd_slice text, vd_topic *topic)
{
    if (skip(&text, VD_STR("twin/GET/"))) {
        topic->kind = VD_TOPIC_TWIN_GET;
        return read_query(text, topic);
    }
    if (skip(&text, VD_STR("twin/PATCH/properties/reported/"))) {
        topic->kind = VD_TOPIC_TWIN_REPORT;
        return read_query(text, topic);
    }
    if (skip(&text, VD_STR("twin/PATCH/properties/desired/"))) {
        topic->kind = VD_TOPIC_TWIN_DESIRED;
        return read_query(text, topic);
    }
    if (skip(&text, VD_STR("twin/res/"))) {
        topic->kind = VD_TOPIC_TWIN_RESULT;
        return read_status(text, topic);
    }
    if (skip(&text, VD_STR("methods/res/"))) {
        topic->kind = VD_TOPIC_METHOD_RESULT;
        return read_status(text, topic);
    }
    if (!skip(&text, VD_STR("methods/POST/"))) return false;
    topic->kind = VD_TOPIC_METHOD_CALL;
    topic->name = take_level(&text);
    return topic->name.len > 0 && read_query(text, topic);
}

static bool parse_input(vd_slice text, vd_topic *topic)
{
    topic->kind = VD_TOPIC_MODULE_INPUT;
    topic->name = take_level(&text);
    topic->bag = text;
    return topic->module.len > 0 && topic->name.len > 0;
}

/* Some clients leave the closing '/' of an empty bag away. */
static bool skip_level(vd_slice *text, vd_slice level)
{
    vd_slice after = vd_slice_from(*text, level.len);
    if (!vd_slice_starts(*text, level)) return false;
    if (after.len > 0 && after.data[0] != '/') return false;
    *text = vd_slice_from(after, 1);
    return true;
}

static bool parse_device(vd_slice text, vd_topic *topic)
{
    topic->device = take_level(&text);
    if (!vd_iothub_id_ok(topic->device)) return false;
    if (skip(&text, VD_STR("modules/"))) {
        topic->module = take_level(&text);
        if (!vd_iothub_id_ok(topic->module)) return false;
    }
    if (skip(&text, VD_STR("inputs/"))) return parse_input(text, topic);
    if (skip_level(&text, VD_STR("messages/events")))
        topic->kind = VD_TOPIC_EVENTS;
    else if (skip_level(&text, VD_STR("messages/devicebound")))
        topic->kind = VD_TOPIC_DEVICEBOUND;
    topic->bag = text;
    return topic->kind != VD_TOPIC_NONE;
}

bool vd_topic_parse(vd_slice text, vd_topic *ret_topic)
{
    vd_topic topic = { .kind = VD_TOPIC_NONE };
    if (text.len == 0 || !vd_slice_utf8_valid(text) || memchr(text.data, 0, text.len)) return false;
    bool ok = false;
    if (skip(&text, VD_STR("$iothub/")))
        ok = parse_virtual(text, &topic);
    else if (skip(&text, VD_STR("devices/")))
        ok = parse_device(text, &topic);
    if (ok) *ret_topic = topic;
    return ok;
}

/* Writing. */

static bool add_owner(const vd_topic *t, vd_buf *into)
{
    bool ok = vd_buf_add_str(into, "devices/") && vd_buf_add(into, t->device);
    if (t->module.len == 0) return ok;
    return ok && vd_buf_add_str(into, "/modules/") && vd_buf_add(into, t->module);
}

static bool add_rid(const vd_topic *t, vd_buf *into)
{
    return vd_buf_add_str(into, "/?$rid=") && vd_buf_add(into, t->rid);
}

static bool write_owned(const vd_topic *t, vd_buf *into)
{
    if (!add_owner(t, into)) return false;
    if (t->kind == VD_TOPIC_EVENTS)
        return vd_buf_add_str(into, "/messages/events/") && vd_buf_add(into, t->bag);
    if (t->kind == VD_TOPIC_DEVICEBOUND)
        return vd_buf_add_str(into, "/messages/devicebound/") && vd_buf_add(into, t->bag);
    return vd_buf_add_str(into, "/inputs/") && vd_buf_add(into, t->name) &&
           vd_buf_add_byte(into, '/') && vd_buf_add(into, t->bag);
}

static bool write_topic(const vd_topic *t, vd_buf *into)
{
    switch (t->kind) {
    case VD_TOPIC_NONE: return false;
    case VD_TOPIC_EVENTS:
    case VD_TOPIC_DEVICEBOUND:
    case VD_TOPIC_MODULE_INPUT: return write_owned(t, into);
    case VD_TOPIC_TWIN_GET: return vd_buf_add_str(into, "$iothub/twin/GET") && add_rid(t, into);
    case VD_TOPIC_TWIN_REPORT:
        return vd_buf_add_str(into, "$iothub/twin/PATCH/properties/reported") && add_rid(t, into) &&
               (!t->clock.len ||
                (vd_buf_add_str(into, "&" VD_PROP_CLOCK "=") && vd_buf_add(into, t->clock)));
    case VD_TOPIC_TWIN_RESULT:
        return vd_buf_addf(into, "$iothub/twin/res/%u", t->status) && add_rid(t, into) &&
               (!t->version || vd_buf_addf(into, "&$version=%" PRIu64, t->version));
    case VD_TOPIC_TWIN_DESIRED:
        return vd_buf_addf(into, "$iothub/twin/PATCH/properties/desired/?$version=%" PRIu64,
                           t->version);
    case VD_TOPIC_METHOD_CALL:
        return vd_buf_add_str(into, "$iothub/methods/POST/") && vd_buf_add(into, t->name) &&
               add_rid(t, into);
    case VD_TOPIC_METHOD_RESULT:
        return vd_buf_addf(into, "$iothub/methods/res/%u", t->status) && add_rid(t, into);
    }
    return false;
}

static bool cut_back(vd_buf *into, size_t len)
{
    if (into->data) into->data[len] = 0;
    into->len = len;
    return false;
}

bool vd_topic_write(const vd_topic *topic, vd_buf *into)
{
    size_t before = into->len;
    return write_topic(topic, into) || cut_back(into, before);
}

/* Filters. */

static const char *const virtual_filters[VD_FILTER_COUNT] = {
    [VD_FILTER_TWIN_RESULT] = "$iothub/twin/res/#",
    [VD_FILTER_TWIN_DESIRED] = "$iothub/twin/PATCH/properties/desired/#",
    [VD_FILTER_METHODS] = "$iothub/methods/POST/#",
};

vd_filter vd_filter_parse(vd_slice text, vd_slice device, vd_slice module)
{
    for (int i = 0; i < VD_FILTER_COUNT; i++) {
        if (!virtual_filters[i]) continue;
        if (vd_slice_eq(text, vd_slice_str(virtual_filters[i]))) return (vd_filter)i;
    }
    if (!skip(&text, VD_STR("devices/")) || !skip(&text, device) || !skip(&text, VD_STR("/"))) {
        return VD_FILTER_NONE;
    }
    if (module.len == 0) {
        bool bound = vd_slice_eq(text, VD_STR("messages/devicebound/#"));
        return bound ? VD_FILTER_DEVICEBOUND : VD_FILTER_NONE;
    }
    bool own = skip(&text, VD_STR("modules/")) && skip(&text, module) && skip(&text, VD_STR("/"));
    bool inputs = vd_slice_eq(text, VD_STR("#")) || vd_slice_eq(text, VD_STR("inputs/#"));
    return own && inputs ? VD_FILTER_MODULE_INPUT : VD_FILTER_NONE;
}

bool vd_filter_write(vd_filter filter, vd_slice device, vd_slice module, vd_buf *into)
{
    size_t before = into->len;
    vd_topic owner = { .device = device, .module = module };
    bool ok = false;
    if (filter < VD_FILTER_COUNT && virtual_filters[filter]) {
        ok = vd_buf_add_str(into, virtual_filters[filter]);
    } else if (filter == VD_FILTER_DEVICEBOUND) {
        ok = add_owner(&owner, into) && vd_buf_add_str(into, "/messages/devicebound/#");
    } else if (filter == VD_FILTER_MODULE_INPUT) {
        ok = add_owner(&owner, into) && vd_buf_add_str(into, "/#");
    }
    return ok || cut_back(into, before);
}
