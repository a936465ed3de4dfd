/* hub_schema.h - the hub's database: one file, one numbered sequence of migrations (migrations/).
 * Each stage brings its own statements: intake_sql, incident_sql, people_sql, archive_sql. */
#ifndef VD_HUB_SCHEMA_H
#define VD_HUB_SCHEMA_H
#include "vd/store.h"

extern const vd_sql hub_migrations[];
#endif
