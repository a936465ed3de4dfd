/* hub.h - the whole hub, wired in the order the data takes: intake, incident, people, archive, api.
 */
#ifndef VD_HUB_H
#define VD_HUB_H
#include "config.h"

typedef struct hub hub;
/* Opens the state (makes it on the first start); nothing listens yet. `config` outlives the hub. */
VD_MUST_USE vd_err hub_open(hub_config *config, hub **ret_hub, vd_why *why);
/* Starts listening and all threads. Makes the first administrator when there is no user: its
 * password goes into `first_password` (empty otherwise) and nowhere else. */
VD_MUST_USE vd_err hub_start(hub *h, char first_password[25], vd_why *why);
uint16_t hub_https_port(const hub *h);
uint16_t hub_mqtt_port(const hub *h);
/* Deletes some of what retention lets go; call now and then. True: there may be more. */
bool hub_tend(hub *h);
hub *hub_close(hub *h); /* stops what runs; NULL is fine; returns NULL */

/* For a hub that is open but not started (the database tolerates a running one beside it). */
VD_MUST_USE vd_err hub_reset_password(hub *h, const char *user, char ret_password[25], vd_why *why);
/* Makes the device when it is not there; its connection string goes into the file, mode 0600. */
VD_MUST_USE vd_err hub_add_device(hub *h, const char *device, const char *file, vd_why *why);
VD_MUST_USE vd_err hub_issue_token(hub *h, const char *user, const char *file, vd_why *why);
#endif
