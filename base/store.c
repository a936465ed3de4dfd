/* store.c - SQLite behind vd/store.h: the only file that includes sqlite3.h. */
#include "vd/store.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store_priv.h"
#include "vd/fault.h"

#define BUSY_WAIT_MS 10000

struct vd_stmt {
    sqlite3_stmt *handle;
    vd_store *store;
    const char *name;
};

struct vd_store {
    sqlite3 *db;
    size_t count;
    vd_stmt *stmts; /* sorted by name */
    sqlite3_stmt *controls[VD_CONTROL_COUNT];
};

static vd_err err_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return VD_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return VD_RETRY;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG: return VD_FULL;
    case SQLITE_CONSTRAINT: return VD_CONFLICT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return VD_CORRUPT;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY: return VD_DENIED;
    default: return VD_IO;
    }
}

static vd_err fail_db(vd_store *store, int rc, vd_why *why, const char *what)
{
    vd_err err = vd_fail(why, err_of(rc), "the store refused '%s'", what);
    vd_why_detail(why, "%s (%d)", store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(rc), rc);
    if (err == VD_FULL) vd_why_hint(why, "free space on the disk");
    return err;
}

static vd_err exec(vd_store *store, const char *sql, vd_why *why, const char *what)
{
    int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? VD_OK : fail_db(store, rc, why, what);
}

/* Migrations: PRAGMA user_version counts those that ran. */

static vd_err schema_version(vd_store *store, int64_t *ret_version, vd_why *why)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &stmt, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) *ret_version = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? VD_OK : fail_db(store, rc, why, "schema version");
}

static vd_err migrate_one(vd_store *store, const vd_sql *migration, int64_t version, vd_why *why)
{
    char set[64];
    snprintf(set, sizeof(set), "PRAGMA user_version = %lld", (long long)version);
    vd_err err = exec(store, "BEGIN IMMEDIATE", why, migration->name);
    if (!err) err = exec(store, migration->text, why, migration->name);
    if (!err) err = exec(store, set, why, migration->name);
    if (!err) err = exec(store, "COMMIT", why, migration->name);
    if (err) vd_store_rollback(store);
    return err;
}

static vd_err migrate(vd_store *store, const vd_sql *migrations, bool write, vd_why *why)
{
    int64_t have = 0, want = 0;
    while (migrations && migrations[want].name) want++;
    vd_err err = schema_version(store, &have, why);
    if (err) return err;
    if (have < 0 || have > want) {
        err = vd_fail(why, VD_INVALID, "the store is newer than this program");
        vd_why_detail(why, "its schema is %lld, this program knows %lld", (long long)have,
                      (long long)want);
        vd_why_hint(why, "use the program version that wrote it, or a newer one");
        return err;
    }
    if (have < want && !write) {
        return vd_fail(why, VD_RETRY, "the store has not been brought up to date yet");
    }
    for (; !err && migrations && have < want; have++) {
        err = migrate_one(store, &migrations[have], have + 1, why);
    }
    return err;
}

/* Statements. */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const vd_stmt *)a)->name, ((const vd_stmt *)b)->name);
}

static vd_err prepare_one(vd_store *store, const vd_sql *sql, vd_why *why)
{
    vd_stmt *into = &store->stmts[store->count];
    const char *rest = NULL;
    int rc = sqlite3_prepare_v3(store->db, sql->text, -1, SQLITE_PREPARE_PERSISTENT, &into->handle,
                                &rest);
    if (rc != SQLITE_OK) return fail_db(store, rc, why, sql->name);
    sqlite3_stmt *second = NULL;
    rc = sqlite3_prepare_v2(store->db, rest, -1, &second, NULL);
    sqlite3_finalize(second);
    into->store = store;
    into->name = sql->name;
    store->count++;
    if (!into->handle || rc != SQLITE_OK || second) {
        return vd_fail(why, VD_INVALID, "'%s' does not hold exactly one statement", sql->name);
    }
    return VD_OK;
}

static vd_err prepare_all(vd_store *store, const vd_sql *const *tables, vd_why *why)
{
    size_t total = 0;
    for (size_t t = 0; tables && tables[t]; t++) {
        for (const vd_sql *sql = tables[t]; sql->name; sql++) total++;
    }
    store->stmts = vd_calloc(total + 1, sizeof(*store->stmts));
    if (!store->stmts) return vd_fail(why, VD_FULL, "no memory is left for statements");
    for (size_t t = 0; tables && tables[t]; t++) {
        for (const vd_sql *sql = tables[t]; sql->name; sql++) {
            vd_err err = prepare_one(store, sql, why);
            if (err) return err;
        }
    }
    qsort(store->stmts, store->count, sizeof(*store->stmts), compare_names);
    for (size_t i = 1; i < store->count; i++) {
        if (compare_names(&store->stmts[i - 1], &store->stmts[i]) == 0) {
            return vd_fail(why, VD_INVALID, "two statements are named '%s'", store->stmts[i].name);
        }
    }
    return VD_OK;
}

/* Opening. */

static vd_err open_db(vd_store *store, const char *path, bool write, vd_why *why)
{
    int flags = SQLITE_OPEN_NOMUTEX |
                (write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    if (!write && access(path, F_OK) != 0) {
        return vd_fail(why, VD_ABSENT, "there is no store at %s", path);
    }
    int rc = sqlite3_open_v2(path, &store->db, flags, NULL);
    if (rc != SQLITE_OK) return fail_db(store, rc, why, path);
    sqlite3_busy_timeout(store->db, BUSY_WAIT_MS);
    sqlite3_extended_result_codes(store->db, 1);
    vd_err err = VD_OK;
    if (write) err = exec(store, "PRAGMA journal_mode = WAL", why, path);
    if (!err) {
        err = exec(store,
                   "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                   "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY",
                   why, path);
    }
    return err;
}

vd_err vd_store_open(const char *path, vd_store_mode mode, const vd_store_schema *schema,
                     vd_store **ret_store, vd_why *why)
{
    bool write = mode == VD_STORE_WRITE;
    vd_store *store = vd_calloc(1, sizeof(*store));
    if (!store) return vd_fail(why, VD_FULL, "no memory is left for a store");
    vd_err err = open_db(store, path, write, why);
    if (!err) err = migrate(store, schema->migrations, write, why);
    if (!err) err = prepare_all(store, schema->statements, why);
    if (err)
        vd_store_free(store);
    else
        *ret_store = store;
    return err;
}

vd_store *vd_store_free(vd_store *store)
{
    if (!store) return NULL;
    for (size_t i = 0; store->stmts && i < store->count; i++) {
        sqlite3_finalize(store->stmts[i].handle);
    }
    for (size_t i = 0; i < VD_CONTROL_COUNT; i++) sqlite3_finalize(store->controls[i]);
    sqlite3_close(store->db);
    free(store->stmts);
    free(store);
    return NULL;
}

vd_stmt *vd_store_stmt(vd_store *store, const char *name)
{
    vd_stmt key = { .name = name };
    vd_stmt *stmt = bsearch(&key, store->stmts, store->count, sizeof(*store->stmts), compare_names);
    assert(stmt && "a statement of this name was embedded");
    sqlite3_reset(stmt->handle);
    sqlite3_clear_bindings(stmt->handle);
    return stmt;
}

static int place(const vd_stmt *stmt, const char *name)
{
    for (int at = sqlite3_bind_parameter_count(stmt->handle); at > 0; at--) {
        const char *full = sqlite3_bind_parameter_name(stmt->handle, at);
        if (full && strcmp(full + 1, name) == 0) return at;
    }
    assert(false && "the statement has this parameter");
    return 0;
}

void vd_bind_int(vd_stmt *stmt, const char *name, int64_t value)
{
    sqlite3_bind_int64(stmt->handle, place(stmt, name), value);
}

void vd_bind_num(vd_stmt *stmt, const char *name, double value)
{
    sqlite3_bind_double(stmt->handle, place(stmt, name), value);
}

void vd_bind_text(vd_stmt *stmt, const char *name, const char *value)
{
    if (value)
        vd_bind_slice(stmt, name, vd_slice_str(value));
    else
        vd_bind_null(stmt, name);
}

void vd_bind_slice(vd_stmt *stmt, const char *name, vd_slice value)
{
    sqlite3_bind_text64(stmt->handle, place(stmt, name), value.len ? (const char *)value.data : "",
                        value.len, SQLITE_STATIC, SQLITE_UTF8);
}

void vd_bind_blob(vd_stmt *stmt, const char *name, vd_slice value)
{
    sqlite3_bind_blob64(stmt->handle, place(stmt, name), value.len ? (const void *)value.data : "",
                        value.len, SQLITE_STATIC);
}

void vd_bind_null(vd_stmt *stmt, const char *name)
{
    sqlite3_bind_null(stmt->handle, place(stmt, name));
}

vd_err vd_stmt_row(vd_stmt *stmt, vd_why *why)
{
    int rc = sqlite3_step(stmt->handle);
    if (rc == SQLITE_ROW) return VD_OK;
    vd_err err = rc == SQLITE_DONE ? VD_ABSENT : fail_db(stmt->store, rc, why, stmt->name);
    sqlite3_reset(stmt->handle);
    return err;
}

int64_t vd_col_int(vd_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt->handle, column);
}

double vd_col_num(vd_stmt *stmt, int column)
{
    return sqlite3_column_double(stmt->handle, column);
}

const char *vd_col_text(vd_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt->handle, column);
}

vd_slice vd_col_blob(vd_stmt *stmt, int column)
{
    const void *data = sqlite3_column_blob(stmt->handle, column);
    return vd_slice_of(data, (size_t)sqlite3_column_bytes(stmt->handle, column));
}

bool vd_col_null(vd_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt->handle, column) == SQLITE_NULL;
}

void vd_stmt_finish(vd_stmt *stmt)
{
    if (stmt) sqlite3_reset(stmt->handle);
}

vd_err vd_stmt_run(vd_stmt *stmt, uint64_t *ret_changed, vd_why *why)
{
    int64_t before = sqlite3_total_changes64(stmt->store->db);
    vd_err err;
    do err = vd_stmt_row(stmt, why);
    while (err == VD_OK);
    if (err != VD_ABSENT) return err;
    if (ret_changed) {
        bool changed = sqlite3_total_changes64(stmt->store->db) != before;
        *ret_changed = changed ? (uint64_t)sqlite3_changes64(stmt->store->db) : 0;
    }
    return VD_OK;
}

/* Transactions: prepared once, a committer runs them for every job. */

static const char *const control_sql[VD_CONTROL_COUNT] = {
    [VD_CONTROL_BEGIN] = "BEGIN IMMEDIATE", [VD_CONTROL_COMMIT] = "COMMIT",
    [VD_CONTROL_ROLLBACK] = "ROLLBACK",     [VD_CONTROL_SAVE] = "SAVEPOINT job",
    [VD_CONTROL_RELEASE] = "RELEASE job",   [VD_CONTROL_UNDO] = "ROLLBACK TO job",
};

vd_err vd_store_control(vd_store *store, vd_control control, vd_why *why)
{
    sqlite3_stmt **stmt = &store->controls[control];
    const char *sql = control_sql[control];
    int rc = *stmt ? SQLITE_OK : sqlite3_prepare_v2(store->db, sql, -1, stmt, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(*stmt);
    vd_err err = rc == SQLITE_DONE ? VD_OK : fail_db(store, rc, why, sql);
    sqlite3_reset(*stmt);
    return err;
}

bool vd_store_in_transaction(vd_store *store)
{
    return !sqlite3_get_autocommit(store->db);
}

vd_err vd_store_begin(vd_store *store, vd_why *why)
{
    return vd_store_control(store, VD_CONTROL_BEGIN, why);
}

vd_err vd_store_commit(vd_store *store, vd_why *why)
{
    return vd_store_control(store, VD_CONTROL_COMMIT, why);
}

void vd_store_rollback(vd_store *store)
{
    vd_err err = VD_OK;
    if (vd_store_in_transaction(store)) err = vd_store_control(store, VD_CONTROL_ROLLBACK, NULL);
    assert(!err && "a rollback needs nothing that can be missing");
    (void)err;
}
