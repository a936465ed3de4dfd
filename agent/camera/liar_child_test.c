/* liar_child_test.c - stands in for vedette-camera and lies. The address says how:
 * rtsp://liar/LIE. Built for camera_liar_test only. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "camera_wire_priv.h"

static wire_config config;
static wire_map map;

static void say(const void *message, size_t bytes)
{
    if (send(WIRE_FD, message, bytes, MSG_NOSIGNAL) != (ssize_t)bytes) _exit(0);
}

static void say_head(uint16_t type)
{
    const wire_head head = WIRE_HEAD(type, sizeof head);
    say(&head, sizeof head);
}

static void say_beat(uint16_t type, uint64_t packets)
{
    const wire_beat beat = { .head = WIRE_HEAD(type, sizeof beat), .packets = packets };
    say(&beat, sizeof beat);
}

static void say_stream(uint32_t extradata_said)
{
    wire_stream stream = { .head = WIRE_HEAD(WIRE_STREAM, sizeof stream),
                           .codec = "h264",
                           .width_px = 64,
                           .height_px = 48,
                           .extradata_bytes = extradata_said };
    say(&stream, sizeof stream);
}

static void say_packet(uint32_t bytes, size_t with)
{
    static uint8_t room[WIRE_MESSAGE_MAX];
    const wire_packet packet = { .head = WIRE_HEAD(WIRE_PACKET, sizeof packet + with),
                                 .bytes = bytes };
    memcpy(room, &packet, sizeof packet);
    say(room, sizeof packet + with);
}

static void ask_map(uint64_t slot_bytes)
{
    const wire_need_map need = { .head = WIRE_HEAD(WIRE_NEED_MAP, sizeof need),
                                 .slot_bytes = slot_bytes };
    say(&need, sizeof need);
    if (recv(WIRE_FD, &map, sizeof map, 0) != sizeof map) _exit(0);
}

static wire_picture good_picture(void)
{
    say_stream(0);
    ask_map(8192);
    return (wire_picture){ .head = WIRE_HEAD(WIRE_PICTURE, sizeof(wire_picture)),
                           .map = map.map,
                           .width_px = 64,
                           .height_px = 48,
                           .offset = { 0, 3072, 3840 },
                           .stride = { 64, 32, 32 } };
}

static void lie_picture(const char *lie)
{
    wire_picture picture = good_picture();
    if (strcmp(lie, "picture-map") == 0) picture.map += 7;
    if (strcmp(lie, "picture-slot") == 0) picture.slot = WIRE_SLOTS;
    if (strcmp(lie, "picture-stride") == 0) picture.stride[0] = 1 << 14;
    if (strcmp(lie, "picture-short-stride") == 0) picture.stride[1] = 31;
    if (strcmp(lie, "picture-negative") == 0) picture.stride[2] = -32;
    if (strcmp(lie, "picture-offset") == 0) picture.offset[2] = 8192 - 32 * 24 + 1;
    if (strcmp(lie, "picture-size") == 0) picture.height_px = -48;
    if (strcmp(lie, "picture-huge") == 0) picture.width_px = picture.height_px = 60000;
    if (strcmp(lie, "picture-time") == 0) picture.time_source = 9;
    if (strcmp(lie, "picture-when") == 0) picture.utc_us = INT64_MAX;
    say(&picture, sizeof picture);
    if (strcmp(lie, "picture-twice") == 0) say(&picture, sizeof picture);
}

static void lie_message(const char *lie)
{
    if (strcmp(lie, "stranger") == 0) _exit(WIRE_STRANGER);
    if (strcmp(lie, "short") == 0) say("xy", 2);
    if (strcmp(lie, "version") == 0) {
        const wire_head head = { .version = WIRE_VERSION + 1, .type = WIRE_BEAT, .bytes = 8 };
        say(&head, sizeof head);
    }
    if (strcmp(lie, "length") == 0) {
        const wire_beat beat = { .head = WIRE_HEAD(WIRE_BEAT, 4000) };
        say(&beat, sizeof beat);
    }
    if (strcmp(lie, "type") == 0) say_head(999);
    if (strcmp(lie, "agents-type") == 0) say_head(WIRE_MAP);
    if (strcmp(lie, "long") == 0) {
        static uint8_t much[WIRE_MESSAGE_MAX + 4096];
        const wire_head head = WIRE_HEAD(WIRE_MORE, sizeof much);
        memcpy(much, &head, sizeof head);
        say(much, sizeof much);
    }
    if (strcmp(lie, "gate") == 0) {
        const wire_beat beat = { .head = WIRE_HEAD(WIRE_BEAT, sizeof beat), .gate = 99 };
        say(&beat, sizeof beat);
    }
    if (strcmp(lie, "counts-fall") == 0) {
        say_beat(WIRE_BEAT, 9);
        say_beat(WIRE_BEAT, 8);
    }
    if (strcmp(lie, "why-open") == 0) {
        wire_fail fail = { .head = WIRE_HEAD(WIRE_FAIL, sizeof fail) };
        memset(&fail.why, 'a', sizeof fail.why);
        say(&fail, sizeof fail);
    }
    if (strcmp(lie, "why-not-text") == 0) {
        wire_fail fail = { .head = WIRE_HEAD(WIRE_FAIL, sizeof fail), .why.fact = "\xff\xfe" };
        say(&fail, sizeof fail);
    }
}

static void lie_stream(const char *lie)
{
    if (strcmp(lie, "extradata") == 0) say_stream(100);
    if (strcmp(lie, "packet-before-stream") == 0) say_packet(4, 4);
    if (strcmp(lie, "packet-too-much") == 0) {
        say_stream(0);
        say_packet(4, 40);
    }
    if (strcmp(lie, "packet-too-long") == 0) {
        say_stream(0);
        say_packet(WIRE_PACKET_MAX + 1, 40);
    }
    if (strcmp(lie, "packet-over-packet") == 0) {
        say_stream(0);
        say_packet(100, 40);
        say_packet(100, 40);
    }
    if (strcmp(lie, "more-without-packet") == 0) {
        say_stream(0);
        say_head(WIRE_MORE);
    }
    if (strcmp(lie, "map-nothing") == 0) ask_map(0);
    if (strcmp(lie, "map-huge") == 0) ask_map(UINT64_C(1) << 40);
    if (strcmp(lie, "map-uneven") == 0) ask_map(4097);
}

/* The driver takes the process down; without it all is well. */
static void die_with_hardware(void)
{
    const wire_beat beat = { .head = WIRE_HEAD(WIRE_BEAT, sizeof beat), .decoder = "vaapi" };
    if (strcmp(config.hwaccel, "off") != 0) {
        say(&beat, sizeof beat);
        abort();
    }
    lie_picture("picture-true");
}

int main(void)
{
    if (recv(WIRE_FD, &config, sizeof config, 0) != sizeof config) return 0;
    const char *lie = strrchr(config.url, '/') + 1;
    if (strcmp(lie, "nothing") != 0) say_beat(WIRE_HELLO, 0);
    if (strncmp(lie, "picture-", 8) == 0)
        lie_picture(lie);
    else if (strcmp(lie, "hardware") == 0)
        die_with_hardware();
    else
        lie_message(lie);
    lie_stream(lie);
    for (;;) pause(); /* a liar that is found out does not get to go by itself */
}
