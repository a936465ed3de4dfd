/* store_priv.h - what the committer needs of a store beside vd/store.h. */
#ifndef VD_STORE_PRIV_H
#define VD_STORE_PRIV_H
#include "vd/store.h"

typedef enum {
    VD_CONTROL_BEGIN,
    VD_CONTROL_COMMIT,
    VD_CONTROL_ROLLBACK,
    VD_CONTROL_SAVE,    /* opens the savepoint of one job */
    VD_CONTROL_RELEASE, /* keeps what the job did */
    VD_CONTROL_UNDO,    /* takes it back; the savepoint stays open until released */
    VD_CONTROL_COUNT
} vd_control;

VD_MUST_USE vd_err vd_store_control(vd_store *store, vd_control control, vd_why *why);
/* False also when an error made SQLite take the whole transaction back by itself. */
bool vd_store_in_transaction(vd_store *store);
#endif
