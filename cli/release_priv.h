/* release_priv.h - which model of the hub is meant. */
#ifndef VEDETTE_RELEASE_PRIV_H
#define VEDETTE_RELEASE_PRIV_H
#include "cli_priv.h"
#include "vd/blob.h"
#include "vd/ulid.h"

/* NAME (its champion, else its newest version), NAME:vN, or a digest as it is. */
vd_err hub_model_digest(api *a, const char *which, char into[VD_SHA256_HEX + 1], vd_why *why);
#endif
