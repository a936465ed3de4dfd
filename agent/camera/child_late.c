/* child_late.c - what goes to the decoder, and when.
 *
 *   SEEING   every packet is decoded as it comes
 *   ASLEEP   packets are kept from the last key packet on that was looked at, and at least from
 *            the one before the last; key packets are decoded alone when the gate asks for their
 *            light, and now and then shown
 *   LATE     the gate woke: the kept packets are decoded in order from the key packet before the
 *            motion, beside new ones that queue behind them, until none is left
 *
 * Late pictures are not poured over the agent, which keeps only a camera's newest picture: one goes
 * when the agent has given back all but one, or when its time has come at LATE_SPEED times the real
 * pace, so that the way back to the present is bounded however slow the model is. Between two
 * packets of the camera at most LATE_SLICE_US are spent, so that its socket is read on time. */
#include "child_priv.h"
#include "vd/clock.h"

#define LATE_SPEED    2
#define LATE_SLICE_US 25000
#define LATE_READY    1 /* pictures that the agent may have when the next late one goes */
#define UNABLE_US     60000000
#define SHOW_EACH_US  5000000 /* asleep: a picture for the model and the watch this often */

static unsigned at(const child_late *late, unsigned i)
{
    return (late->first + i) % LATE_PACKETS;
}

static void drop_first(child_late *late)
{
    AVPacket **first = &late->packet[late->first];
    late->bytes -= (size_t)(*first)->size;
    av_packet_free(first);
    late->first = at(late, 1);
    late->count--;
}

/* Those from the next key packet on stay; false: there is none. */
static bool drop_group(child_late *late, uint64_t *count)
{
    do {
        drop_first(late);
        ++*count;
    } while (late->count && !(late->packet[late->first]->flags & AV_PKT_FLAG_KEY));
    return late->count > 0;
}

static bool keep(child_late *late, const AVPacket *packet)
{
    AVPacket *copy =
        late->count < LATE_PACKETS && late->bytes < LATE_BYTES ? av_packet_clone(packet) : NULL;
    if (!copy) return false;
    late->packet[at(late, late->count++)] = copy;
    late->bytes += (size_t)copy->size;
    return true;
}

static void set_state(child_late *late, vd_gate_state state)
{
    wire_beat *count = &late->decoder->link->count;
    if (count->gate == state) return;
    count->gate = state;
    link_beat(late->decoder->link, true);
}

static bool asleep(const child_late *late)
{
    return late->decoder->link->count.gate == VD_GATE_ASLEEP;
}

/* ---- awake ---- */

/* The kept packets from the key packet at or before from_us on are owed. */
static void wake(child_late *late, int64_t from_us)
{
    unsigned start = 0;
    if (!asleep(late)) return;
    for (unsigned i = 0; i < late->count; i++) {
        const AVPacket *packet = late->packet[at(late, i)];
        if ((packet->flags & AV_PKT_FLAG_KEY) && packet->dts <= from_us) start = i;
    }
    for (; start; start--) {
        late->decoder->link->count.skipped++;
        drop_first(late);
    }
    late->decoder->after_us = late->decoder->shown_us;
    late->woke_us = vd_clock_mono_us();
    late->from_dts_us = late->count ? late->packet[late->first]->dts : 0;
    set_state(late, VD_GATE_LATE);
}

static bool agent_ready(const child_link *link)
{
    return !link->map || __builtin_popcount(link->map->lent) <= LATE_READY;
}

/* Whether the next late picture may go now; waits for it until `until_us` at most. */
static bool may_go(const child_late *late, int64_t until_us)
{
    child_link *link = late->decoder->link;
    if (late->config->pace == VD_PACE_FAST) return true; /* the decoder waits for slots itself */
    const int64_t behind_us = late->packet[late->first]->dts - late->from_dts_us;
    const int64_t due_us = late->woke_us + behind_us / (LATE_SPEED * (int64_t)late->config->speed);
    for (;;) {
        const int64_t now_us = vd_clock_mono_us();
        if (agent_ready(link) || now_us >= due_us) return true;
        if (now_us >= until_us) return false;
        link_poll(link, 1);
    }
}

/* Decodes what is owed, for LATE_SLICE_US or, at the stream's end, all of it. */
static void catch_up(child_late *late, bool all)
{
    const int64_t until_us = all ? INT64_MAX : vd_clock_mono_us() + LATE_SLICE_US;
    while (late->count && may_go(late, until_us)) {
        decoder_put(late->decoder, late->packet[late->first]);
        drop_first(late);
        link_beat(late->decoder->link, false);
        if (late->config->pace == VD_PACE_REAL && vd_clock_mono_us() >= until_us) break;
    }
    if (!late->count) set_state(late, VD_GATE_SEEING);
}

/* A decoder that cannot follow: better the present than ever older pictures. */
static void owe(child_late *late, const AVPacket *packet)
{
    child_link *link = late->decoder->link;
    while (!keep(late, packet)) {
        if (late->count && drop_group(late, &link->count.dropped)) {
            decoder_restart(late->decoder);
            continue;
        }
        link->count.dropped++;
        late->lost = true;
        return;
    }
}

/* ---- asleep ---- */

/* For a while there is no sleeping with this stream: its key pictures are none, its groups are too
 * long. */
static void cannot(child_late *late, const AVPacket *packet)
{
    late->unable_us = packet->dts + UNABLE_US;
}

static bool is_unable(const child_late *late, const AVPacket *packet)
{
    return packet->dts < late->unable_us;
}

static void give_time_to_look(const child_link *link)
{
    while (link->map && link->map->lent) link_poll((child_link *)(uintptr_t)link, WIRE_BEAT_MS);
}

static bool show_is_due(const child_late *late, const AVPacket *packet)
{
    return late->config->decode == VD_DECODE_KEY ||
           packet->pts >= late->decoder->shown_us + SHOW_EACH_US;
}

/* The key picture, for the gate and now and then for the agent. */
static gate_word look(child_late *late, const AVPacket *packet)
{
    uint16_t cells[GATE_CELLS];
    const bool show = show_is_due(late, packet);
    AVFrame *frame = decoder_look(late->decoder, packet, !show);
    gate_word now = { .awake = true, .from_us = packet->dts };
    const unsigned count = frame ? decoder_light(frame, cells) : 0;
    if (count) {
        now = gate_light(&late->gate, cells, count);
        if (show && (!now.awake || late->config->decode == VD_DECODE_KEY)) {
            decoder_show(late->decoder, frame);
        }
    } else {
        cannot(late, packet);
    }
    if (frame) av_frame_unref(frame);
    decoder_restart(late->decoder);
    if (late->config->pace == VD_PACE_FAST) give_time_to_look(late->decoder->link);
    return now;
}

static void fall_asleep(child_late *late)
{
    decoder_put(late->decoder, NULL); /* what it still holds back */
    decoder_restart(late->decoder);
    set_state(late, VD_GATE_ASLEEP);
}

/* Keeps the groups from the last key picture on that was looked at, or at least the one before this
 * one. */
static void forget_older(child_late *late)
{
    unsigned groups = 0, older = 0;
    for (unsigned i = 0; i < late->count; i++) {
        const AVPacket *packet = late->packet[at(late, i)];
        if (!(packet->flags & AV_PKT_FLAG_KEY)) continue;
        groups++;
        older += packet->dts <= late->gate.light_us;
    }
    for (; groups > 2 && older != 1; groups--, older -= older > 0)
        drop_group(late, &late->decoder->link->count.skipped);
}

/* More is kept than may be: groups are too long to be decoded late. */
static bool too_much(const child_late *late)
{
    return late->count > LATE_PACKETS / 2 || late->bytes > LATE_BYTES / 2;
}

static void sleep_on(child_late *late, const AVPacket *packet, gate_word now)
{
    const bool kept = keep(late, packet);
    if (packet->flags & AV_PKT_FLAG_KEY) {
        forget_older(late);
        gate_word seen = { .awake = false };
        if (gate_wants_light(&late->gate) || show_is_due(late, packet)) seen = look(late, packet);
        if (!now.awake) now = seen;
    }
    if (!kept || too_much(late)) cannot(late, packet);
    if (now.awake || is_unable(late, packet)) wake(late, now.from_us);
}

/* ---- what is given ---- */

/* The agent sees tracks, or somebody watches. */
static void heed_agent(child_late *late)
{
    const int64_t until_us = late->decoder->link->awake_until_utc_us;
    if (!until_us || !late->decoder->clock->set) return;
    const gate_word now = gate_want(&late->gate, until_us - late->decoder->clock->offset_us);
    if (now.awake) wake(late, now.from_us);
}

/* Awake, the gate sees the key pictures too: what moved, and what is usual. */
static void heed_light(child_late *late)
{
    child_decoder *decoder = late->decoder;
    if (decoder->key_cells) gate_light(&late->gate, decoder->key_light, decoder->key_cells);
    decoder->key_cells = 0;
}

static void put_auto(child_late *late, const AVPacket *packet)
{
    const bool key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    heed_agent(late);
    const gate_word now = gate_packet(&late->gate, key, (uint32_t)packet->size, packet->dts);
    if (late->lost && !key) {
        late->decoder->link->count.dropped++;
        return;
    }
    late->lost = false;
    if (!asleep(late) && !late->count && !now.awake && !is_unable(late, packet)) fall_asleep(late);
    if (asleep(late)) {
        sleep_on(late, packet, now);
        if (late->config->pace == VD_PACE_FAST) heed_agent(late);
    } else if (late->count) {
        owe(late, packet);
    } else {
        decoder_put(late->decoder, packet);
        heed_light(late);
    }
    if (!asleep(late) && late->count) catch_up(late, false);
}

static void put_key(child_late *late, const AVPacket *packet)
{
    if (packet->flags & AV_PKT_FLAG_KEY)
        look(late, packet);
    else
        late->decoder->link->count.skipped++;
}

void late_open(child_late *late, child_decoder *decoder, const wire_config *config)
{
    gate_init(&late->gate);
    late->decoder = decoder;
    late->config = config;
    late->unable_us = INT64_MIN;
    if (config->decode == VD_DECODE_AUTO) set_state(late, VD_GATE_SEEING);
}

void late_put(child_late *late, const AVPacket *packet)
{
    if (late->config->decode == VD_DECODE_ALL)
        decoder_put(late->decoder, packet);
    else if (late->config->decode == VD_DECODE_KEY)
        put_key(late, packet);
    else
        put_auto(late, packet);
}

void late_end(child_late *late)
{
    if (late->config->decode == VD_DECODE_KEY) return;
    if (late->count && !asleep(late)) catch_up(late, true);
    if (!asleep(late)) decoder_put(late->decoder, NULL);
}
