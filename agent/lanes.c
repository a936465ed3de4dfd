/* lanes.c - which cameras there are. The main thread alone lets them come and go; every other
 * thread asks for a list or for one by name, and holds what it got until it lets go of it.
 *
 *   added ─▶ started ─▶ stopped ─▶ joined ─▶ (held by nobody) ─▶ freed, its number is free again
 *                       │          no callback runs, its visits have ended, no picture waits
 *                       no list holds it anew */
#include <stdlib.h>

#include "agent_priv.h"

lane_list agent_lanes(agent *a)
{
    lane_list list = { .agent = a };

    pthread_mutex_lock(&a->lock);
    for (unsigned i = 0; i < AGENT_CAMERAS_MAX; i++) {
        lane *l = a->lane[i];
        if (!l || l->leaving) continue;
        l->holders++;
        list.lane[list.count++] = l;
    }
    pthread_mutex_unlock(&a->lock);
    return list;
}

unsigned agent_camera_count(agent *a)
{
    VD_AUTO(lane_list) all = agent_lanes(a);
    return all.count;
}

void lane_list_done(lane_list *list)
{
    for (unsigned i = 0; i < list->count; i++) lane_let_go(list->lane[i]);
    list->count = 0;
}

lane *agent_lane(agent *a, const char *camera)
{
    lane *found = NULL;

    pthread_mutex_lock(&a->lock);
    for (unsigned i = 0; !found && i < AGENT_CAMERAS_MAX; i++) {
        lane *l = a->lane[i];
        if (l && !l->leaving && strcmp(l->config->id, camera) == 0) found = l;
    }
    if (found) found->holders++;
    pthread_mutex_unlock(&a->lock);
    return found;
}

void lane_let_go(lane *l)
{
    if (!l) return;
    agent *a = l->agent;
    pthread_mutex_lock(&a->lock);
    if (--l->holders == 0 && l->leaving) pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

static bool free_number(agent *a, unsigned *ret_number)
{
    unsigned i = 0;

    while (i < AGENT_CAMERAS_MAX && a->lane[i]) i++;
    *ret_number = i;
    return i < AGENT_CAMERAS_MAX;
}

static vd_err add(lane *l, vd_why *why)
{
    if (!free_number(l->agent, &l->number))
        return vd_fail(why, VD_FULL, "there are %d cameras already", AGENT_CAMERAS_MAX);
    vd_err err = lane_open(l, why);
    if (!err) return VD_OK;
    vd_events_leave_camera(l->events);
    if (l->recording) vd_recording_end(l->recording);
    vd_samples_leave(l->sampler);
    return err;
}

vd_err lanes_add(agent *a, agent_camera *camera, lane **ret_lane, vd_why *why)
{
    lane *l = calloc(1, sizeof *l);
    if (!l) {
        agent_camera_done(camera);
        return vd_fail(why, VD_FULL, "memory ends");
    }
    l->agent = a;
    l->own = *camera;
    l->config = &l->own;
    *camera = (agent_camera){ .text = NULL };
    vd_err err = add(l, why);
    if (err) {
        lane_free(l);
        return err;
    }
    pthread_mutex_lock(&a->lock);
    a->lane[l->number] = l;
    pthread_mutex_unlock(&a->lock);
    *ret_lane = l;
    return VD_OK;
}

void lanes_leave(agent *a, lane *const *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++) lane_stop(list[i]);
    for (unsigned i = 0; i < count; i++) lane_join(list[i]);
    for (unsigned i = 0; i < count; i++) {
        pthread_mutex_lock(&a->lock);
        while (list[i]->holders) pthread_cond_wait(&a->changed, &a->lock);
        a->lane[list[i]->number] = NULL;
        pthread_mutex_unlock(&a->lock);
        lane_free(list[i]);
    }
}
