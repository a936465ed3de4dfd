/* store.h - a durable store (SQLite today): numbered migrations, named statements, group commit.
 * The only code that includes sqlite3.h is store.c. Statements live one per file in a module's sql/
 * folder and are embedded by the build (tools/embed-sql); all are prepared when a store opens, so a
 * bad statement fails at start.
 *
 *   sql/close_incident.sql
 *     -- close_incident: 1 row = closed now; 0 rows = it was not open.
 *     UPDATE incident SET closed_at = :now WHERE id = :id AND closed_at IS NULL;
 *
 * A vd_store is one connection and belongs to one thread at a time. */
#ifndef VD_STORE_H
#define VD_STORE_H
#include "vd/error.h"

typedef struct {
    const char *name; /* file name without .sql */
    const char *text;
} vd_sql;
/* Several modules' tables, closed by an entry with .name NULL each; what tools/embed-sql generates:
 *   extern const vd_sql hub_incident_sql[];        extern const vd_sql hub_migrations[];
 * ("0001_first", in order) */
typedef struct {
    const vd_sql *migrations;
    const vd_sql *const *statements; /* NULL-closed list of tables */
} vd_store_schema;

typedef struct vd_store vd_store;
typedef enum { VD_STORE_WRITE, VD_STORE_READ } vd_store_mode;

/* WAL, synchronous=FULL, foreign keys on. WRITE runs the migrations that are missing (each in a
 * transaction; a schema newer than the program is VD_INVALID). READ fails when the file is absent.
 */
VD_MUST_USE vd_err vd_store_open(const char *path, vd_store_mode mode,
                                 const vd_store_schema *schema, vd_store **ret_store, vd_why *why);
vd_store *vd_store_free(vd_store *store);

/* A running statement; get with vd_store_stmt (asserts that the name exists: it was checked at
 * start). It is reset and its bindings cleared. One use at a time per name and store. */
typedef struct vd_stmt vd_stmt;
vd_stmt *vd_store_stmt(vd_store *store, const char *name);
/* Parameter names without the colon; asserts that they exist. Bytes must stay valid until the
 * statement is finished. */
void vd_bind_int(vd_stmt *stmt, const char *name, int64_t value);
void vd_bind_num(vd_stmt *stmt, const char *name, double value);
void vd_bind_text(vd_stmt *stmt, const char *name, const char *value); /* NULL binds NULL */
void vd_bind_slice(vd_stmt *stmt, const char *name, vd_slice value);   /* as text */
void vd_bind_blob(vd_stmt *stmt, const char *name, vd_slice value);
void vd_bind_null(vd_stmt *stmt, const char *name);
/* VD_OK: a row is there; VD_ABSENT: no (more) rows, statement finished; VD_RETRY busy, VD_FULL disk
 * full, VD_CONFLICT unique or foreign key, VD_IO, VD_CORRUPT. */
VD_MUST_USE vd_err vd_stmt_row(vd_stmt *stmt, vd_why *why);
/* Columns from 0; valid until the next row call. NULL text for SQL NULL. */
int64_t vd_col_int(vd_stmt *stmt, int column);
double vd_col_num(vd_stmt *stmt, int column);
const char *vd_col_text(vd_stmt *stmt, int column);
vd_slice vd_col_blob(vd_stmt *stmt, int column);
bool vd_col_null(vd_stmt *stmt, int column);
/* Stop reading early; also needed before reuse when rows are left. NULL is fine. */
void vd_stmt_finish(vd_stmt *stmt);
/* Runs to the end; *ret_changed (may be NULL) counts changed rows. */
VD_MUST_USE vd_err vd_stmt_run(vd_stmt *stmt, uint64_t *ret_changed, vd_why *why);

/* Explicit transactions, for programs without a committer. */
VD_MUST_USE vd_err vd_store_begin(vd_store *store, vd_why *why);
VD_MUST_USE vd_err vd_store_commit(vd_store *store, vd_why *why);
void vd_store_rollback(vd_store *store);

/* Readers for request threads: borrow a READ connection, give it back. Blocks while all are out. */
typedef struct vd_store_pool vd_store_pool;
VD_MUST_USE vd_err vd_store_pool_new(const char *path, const vd_store_schema *schema,
                                     unsigned count, vd_store_pool **ret_pool, vd_why *why);
vd_store *vd_store_pool_take(vd_store_pool *pool);
void vd_store_pool_give(vd_store_pool *pool, vd_store *store);
vd_store_pool *vd_store_pool_free(vd_store_pool *pool);

/* The one writer: owns the WRITE connection and commits jobs in groups, one group after the other.
 * Each job runs in its own savepoint: a job that returns an error leaves no trace, the others
 * commit. A posted job runs on the committer's thread, and `done` is called there after the commit
 * is on disk (synced), with the job's error or the commit's. */
typedef struct vd_committer vd_committer;
typedef vd_err (*vd_job_fn)(vd_store *store, void *arg, vd_why *why);
typedef void (*vd_job_done_fn)(void *arg, vd_err err, const vd_why *why);
/* Takes over `store`, also when it fails. At most `room` jobs wait (put blocks: policy WAIT); at
 * most `batch` jobs per commit. */
VD_MUST_USE vd_err vd_committer_new(vd_store *store, size_t room, size_t batch,
                                    vd_committer **ret_committer, vd_why *why);
/* VD_GONE after stop. */
VD_MUST_USE vd_err vd_committer_post(vd_committer *committer, vd_job_fn run, vd_job_done_fn done,
                                     void *arg);
/* Returns after the commit, with the job's error or the commit's. The job runs on the committer's
 * thread, or, when nothing waits there, on the caller's. Not from a job or a `done`. */
VD_MUST_USE vd_err vd_committer_run(vd_committer *committer, vd_job_fn run, void *arg, vd_why *why);
/* Finishes what was posted, then ends the thread and closes the store. Returns NULL. */
vd_committer *vd_committer_free(vd_committer *committer);
#endif
