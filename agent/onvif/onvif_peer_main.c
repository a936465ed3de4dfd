/* onvif_peer_main.c - the simulated camera as a program, for clients that others wrote.
 *
 *   onvif-sim [--http-digest] [--clock-ahead SECONDS] [--user NAME --password TEXT]
 *
 * Prints "onvif-sim: ready PORT PROBE-PORT"; a line on standard input is answered with where the
 * camera has turned to; its end ends the program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onvif_peer_priv.h"

int main(int argc, char **argv)
{
    onvif_peer peer = { .user = NULL };
    char line[64];

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--http-digest") == 0) peer.http_digest = true;
        if (strcmp(argv[i], "--clock-ahead") == 0) peer.clock_ahead_s = strtoll(value, NULL, 10);
        if (strcmp(argv[i], "--user") == 0) peer.user = value;
        if (strcmp(argv[i], "--password") == 0) peer.password = value;
    }
    onvif_peer_open(&peer);
    printf("onvif-sim: ready %u %u\n", peer.port, peer.probe_port);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        pthread_mutex_lock(&peer.lock);
        printf("%s\n", peer.moved_to[0] ? peer.moved_to : "-");
        pthread_mutex_unlock(&peer.lock);
        fflush(stdout);
    }
    onvif_peer_close(&peer);
    return 0;
}
