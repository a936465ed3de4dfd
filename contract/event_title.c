/* event_title.c - what happened, in the words that lists, mails and the page's headline use. */
#include "event.h"

const char *vd_event_property_of(const vd_event *event, const char *name)
{
    for (unsigned i = 0; i < event->property_count; i++)
        if (strcmp(event->properties[i].name, name) == 0) return event->properties[i].value;
    return NULL;
}

static const char *said(const vd_event *e, const char *name, const char *otherwise)
{
    const char *value = vd_event_property_of(e, name);
    return value && *value ? value : otherwise;
}

static bool zone_title(const vd_event *e, vd_buf *into)
{
    const char *when = vd_json_text(vd_json_get(e->rule, "when"), "inside");
    const char *does = strcmp(when, "enter") == 0   ? "came into"
                       : strcmp(when, "leave") == 0 ? "left"
                                                    : "in";
    if (strcmp(when, "occupancy") != 0)
        return vd_buf_addf(into, "%s %s \"%s\"", e->class_name, does, e->zone);
    bool many = strcmp(said(e, "finding", ""), "too_many") == 0;
    return vd_buf_addf(into, "too %s in \"%s\": %s", many ? "many" : "few", e->zone,
                       said(e, "inside", "?"));
}

static bool count_title(const vd_event *e, vd_buf *into)
{
    const char *finding = said(e, "finding", ""), *period = said(e, "period_s", "?");
    if (strcmp(finding, "stopped") == 0)
        return vd_buf_addf(into, "\"%s\" stopped: no %s for %s s", e->zone, e->class_name, period);
    bool many = strcmp(finding, "too_many") == 0;
    return vd_buf_addf(into, "too %s at \"%s\": %s in %s s", many ? "many" : "few", e->zone,
                       said(e, "count", "?"), period);
}

static bool absence_title(const vd_event *e, vd_buf *into)
{
    if (strcmp(e->class_name, "person") == 0) return vd_buf_addf(into, "nobody at \"%s\"", e->zone);
    return vd_buf_addf(into, "no %s at \"%s\"", e->class_name, e->zone);
}

static bool proximity_title(const vd_event *e, vd_buf *into)
{
    const char *other = e->box_count > 1 ? e->boxes[1].class_name : "something";
    return vd_buf_addf(into, "%s %s m from %s in \"%s\"", e->class_name, said(e, "distance_m", "?"),
                       other, e->zone);
}

static bool inspection_title(const vd_event *e, vd_buf *into)
{
    const char *rate = vd_event_property_of(e, "rate");
    if (rate)
        return vd_buf_addf(into, "defects rise at \"%s\": rate %s, limit %s", e->zone, rate,
                           said(e, "limit", "?"));
    const char *parts = vd_event_property_of(e, "parts");
    const char *verdict = said(e, "verdict", "?"), *defect = said(e, "defect", "");
    if (parts) return vd_buf_addf(into, "%s at \"%s\": %s %s", verdict, e->zone, parts, defect);
    return vd_buf_addf(into, "%s at \"%s\"%s%s", verdict, e->zone, *defect ? ": " : "", defect);
}

static const char *object_title(const vd_event *e)
{
    return strcmp(said(e, "finding", ""), "removed") == 0 ? "something is gone from"
                                                          : "something was left in";
}

static bool health_title(const vd_event *e, vd_buf *into)
{
    static const char *const words[][2] = {
        { "black", "the picture is black" },       { "dark", "the picture is too dark" },
        { "bright", "the picture is too bright" }, { "covered", "the camera is covered" },
        { "blurred", "the picture is blurred" },   { "moved", "the camera shows another view" },
        { "frozen", "the picture is frozen" },     { "slow", "far fewer pictures a second" },
        { "starved", "far fewer bits a picture" }, { "clock", "the camera's clock is wrong" },
    };
    for (unsigned i = 0; i < VD_COUNT_OF(words); i++)
        if (strcmp(e->class_name, words[i][0]) == 0) return vd_buf_add_str(into, words[i][1]);
    return vd_buf_addf(into, "the camera is not well: %s", e->class_name);
}

vd_err vd_event_title(const vd_event *e, vd_buf *into)
{
    bool fits;
    if (e->title)
        fits = vd_buf_add_str(into, e->title);
    else if (strcmp(e->kind, "line") == 0)
        fits = vd_buf_addf(into, "%s crossed \"%s\"", e->class_name, e->zone);
    else if (strcmp(e->kind, "count") == 0)
        fits = count_title(e, into);
    else if (strcmp(e->kind, "absence") == 0)
        fits = absence_title(e, into);
    else if (strcmp(e->kind, "equipment") == 0)
        fits = vd_buf_addf(into, "%s without %s in \"%s\"", e->class_name,
                           said(e, "missing", "equipment"), e->zone);
    else if (strcmp(e->kind, "proximity") == 0)
        fits = proximity_title(e, into);
    else if (strcmp(e->kind, "object") == 0)
        fits = vd_buf_addf(into, "%s \"%s\"", object_title(e), e->zone);
    else if (strcmp(e->kind, "inspection") == 0)
        fits = inspection_title(e, into);
    else if (strcmp(e->kind, "health") == 0)
        fits = health_title(e, into);
    else
        fits = zone_title(e, into);
    return fits ? VD_OK : VD_FULL;
}
