/* discover.c - WS-Discovery: one question to everybody (UDP 239.255.255.250:3702, on each network
 * of this machine), answers from whoever is a camera. A datagram may name any address: only one on
 * the host that it came from counts. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "onvif_priv.h"
#include "vd/blob.h"
#include "vd/clock.h"

#define GROUP          "239.255.255.250"
#define PORT           "3702"
#define DATAGRAM_BYTES 65536
#define DATAGRAMS_MAX  4096 /* a wait is over then, whatever still comes */

/* ---- what an answer says ---- */

/* The words of `list` one by one, cut to fit; NULL at its end. */
static const char *next_word(const char *list, char *into, size_t room)
{
    static const char spaces[] = " \t\r\n";

    list += strspn(list, spaces);
    const size_t len = strcspn(list, spaces);
    if (!len) return NULL;
    (void)vd_slice_to_chars(vd_slice_of(list, len), into, room);
    return list + len;
}

/* onvif://www.onvif.org/name/Yard%20North */
static void scope_take(const char *scope, const char *start, char into[VD_ONVIF_TEXT_ROOM])
{
    VD_AUTO(vd_buf) text = VD_BUF(1024);

    if (into[0] || strncmp(scope, start, strlen(start)) != 0) return;
    if (vd_url_decode(vd_slice_str(scope + strlen(start)), &text) && text.len)
        xml_clean(text.data, into, VD_ONVIF_TEXT_ROOM);
}

static bool is_known(const vd_onvif_list *list, const vd_onvif_found *one)
{
    for (unsigned i = 0; i < list->count; i++)
        if (strcmp(list->item[i].address, one->address) == 0 ||
            (one->endpoint[0] && strcmp(list->item[i].endpoint, one->endpoint) == 0))
            return true;
    return false;
}

static void match_take(const xml_node *match, const char *host, vd_onvif_list *list)
{
    vd_onvif_found one = { 0 };
    char word[VD_ONVIF_URL_ROOM];

    if (list->count == VD_ONVIF_FOUND_MAX || !strstr(xml_text(match, "Types"), "NetworkVideo"))
        return;
    for (const char *at = xml_text(match, "XAddrs");
         !one.address[0] && (at = next_word(at, word, sizeof word));)
        if (vd_onvif_own_address(word, false, host, NULL, one.address, NULL)) one.address[0] = '\0';
    for (const char *at = xml_text(match, "Scopes"); (at = next_word(at, word, sizeof word));) {
        scope_take(word, "onvif://www.onvif.org/name/", one.name);
        scope_take(word, "onvif://www.onvif.org/hardware/", one.hardware);
    }
    xml_clean(xml_text(match, "EndpointReference/Address"), one.endpoint, sizeof one.endpoint);
    xml_clean(host, one.host, sizeof one.host);
    if (one.address[0] && !is_known(list, &one)) list->item[list->count++] = one;
}

vd_err vd_onvif_read_found(vd_slice answer, const char *host, vd_onvif_list *list, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(ONVIF_TREE_BYTES);
    const xml_node *body = NULL;

    if (!arena) return vd_fail(why, VD_FULL, "no memory to read an answer");
    vd_err err = soap_read(answer, arena, &body, why);
    if (!err && strcmp(body->name, "ProbeMatches") != 0)
        err = vd_fail(why, VD_INVALID, "the answer names no camera");
    if (err) return err;
    for (const xml_node *m = xml_get(body, "ProbeMatch"); m; m = xml_next(m))
        match_take(m, host, list);
    return VD_OK;
}

/* ---- the question ---- */

static bool question(vd_buf *into)
{
    uint8_t id[16];

    vd_random(id, sizeof id);
    return vd_buf_add_str(into,
                          "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope "
                          "xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" "
                          "xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\"><s:Header>"
                          "<a:Action s:mustUnderstand=\"1\">http://schemas.xmlsoap.org/ws/2005/04/"
                          "discovery/Probe</a:Action><a:MessageID>uuid:") &&
           vd_buf_addf(into, "%02x%02x%02x%02x-%02x%02x-4%x%02x-8%x%02x-%02x%02x%02x%02x%02x%02x",
                       id[0], id[1], id[2], id[3], id[4], id[5], id[6] & 15, id[7], id[8] & 15,
                       id[9], id[10], id[11], id[12], id[13], id[14], id[15]) &&
           vd_buf_add_str(
               into, "</a:MessageID><a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/"
                     "addressing/role/anonymous</a:Address></a:ReplyTo><a:To "
                     "s:mustUnderstand=\"1\">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
                     "</s:Header><s:Body><Probe "
                     "xmlns=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\"><d:Types "
                     "xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\" "
                     "xmlns:dn=\"http://www.onvif.org/ver10/network/wsdl\">"
                     "dn:NetworkVideoTransmitter</d:Types></Probe></s:Body></s:Envelope>");
}

/* How many networks were asked. */
static unsigned ask_everybody(int fd, const vd_buf *text)
{
    struct ifaddrs *all = NULL;
    unsigned asked = 0;
    struct sockaddr_in group = { .sin_family = AF_INET, .sin_port = htons(3702) };

    inet_pton(AF_INET, GROUP, &group.sin_addr);
    if (getifaddrs(&all) != 0) return 0;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET || !(one->ifa_flags & IFF_UP))
            continue;
        struct sockaddr_in own;
        memcpy(&own, one->ifa_addr, sizeof own);
        if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &own.sin_addr, sizeof own.sin_addr) == 0 &&
            sendto(fd, text->data, text->len, 0, (const struct sockaddr *)&group, sizeof group) > 0)
            asked++;
    }
    freeifaddrs(all);
    return asked;
}

static bool ask_one(int fd, const char *at, const vd_buf *text)
{
    char host[ONVIF_HOST_ROOM];
    vd_slice port;
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_DGRAM }, *found = NULL;

    const vd_slice name = vd_slice_cut(vd_slice_str(at), ':', &port);
    if (!vd_slice_to_chars(name, host, sizeof host)) return false;
    if (getaddrinfo(host, port.len ? (const char *)port.data : PORT, &hints, &found) != 0)
        return false;
    const bool sent = sendto(fd, text->data, text->len, 0, found->ai_addr, found->ai_addrlen) > 0;
    freeaddrinfo(found);
    return sent;
}

static vd_err ask(int fd, const char *at, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(4096);

    if (!question(&text)) return vd_fail(why, VD_FULL, "no memory for a question");
    if (at ? ask_one(fd, at, &text) : ask_everybody(fd, &text) > 0) return VD_OK;
    if (at)
        (void)vd_fail(why, VD_RETRY, "'%.80s' cannot be asked", at);
    else
        (void)vd_fail(why, VD_RETRY, "no network can be asked");
    vd_why_hint(why, at ? "give a host, or host:port" : "is this machine on the cameras' network?");
    return VD_RETRY;
}

/* ---- listening ---- */

static void listen_once(int fd, char *room, vd_onvif_list *list)
{
    struct sockaddr_in from = { 0 };
    socklen_t from_len = sizeof from;
    char host[INET_ADDRSTRLEN] = "";

    const ssize_t len =
        recvfrom(fd, room, DATAGRAM_BYTES, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
    if (len <= 0 || !inet_ntop(AF_INET, &from.sin_addr, host, sizeof host)) return;
    if (vd_onvif_read_found(vd_slice_of(room, (size_t)len), host, list, NULL))
        return; /* whoever that was is no camera */
}

static int by_address(const void *one, const void *other)
{
    const vd_onvif_found *a = one, *b = other;
    return strcmp(a->address, b->address);
}

static void listen_until(int fd, int64_t until_us, char *room, vd_onvif_list *list)
{
    struct pollfd ready = { .fd = fd, .events = POLLIN };

    for (unsigned count = 0; count < DATAGRAMS_MAX; count++) {
        const int64_t left_us = until_us - vd_clock_mono_us();
        if (left_us <= 0) return;
        const int got = poll(&ready, 1, (int)(left_us / 1000) + 1);
        if (got < 0 && errno != EINTR) return;
        if (got > 0) listen_once(fd, room, list);
    }
}

vd_err vd_onvif_discover(const char *at, int64_t wait_ms, vd_onvif_list *ret_list, vd_why *why)
{
    char *room = malloc(DATAGRAM_BYTES);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    vd_err err = VD_OK;

    ret_list->count = 0;
    if (!room || fd < 0)
        err = vd_fail_errno(why, "no socket to ask the network with");
    else
        err = ask(fd, at, why);
    if (!err) {
        listen_until(fd, vd_clock_mono_us() + wait_ms * 1000, room, ret_list);
        qsort(ret_list->item, ret_list->count, sizeof ret_list->item[0], by_address);
    }
    if (fd >= 0) close(fd);
    free(room);
    return err;
}
