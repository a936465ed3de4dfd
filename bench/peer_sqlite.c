/* peer_sqlite FILE EVENTS - SQLite, WAL, synchronous=FULL, one row per commit, one prepared
 * statement: what a careful program does without group commit. Rows are as long as our events. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    static char body[1024];
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = NULL;
    int events = argc > 2 ? atoi(argv[2]) : 100;

    memset(body, 'x', sizeof body);
    if (argc < 2 || sqlite3_open(argv[1], &db) ||
        sqlite3_exec(
            db,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE message (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, body BLOB NOT NULL)",
            NULL, NULL, NULL) ||
        sqlite3_prepare_v2(db, "INSERT INTO message (id, body) VALUES (?, ?)", -1, &insert, NULL)) {
        fprintf(stderr, "peer_sqlite: %s\n", sqlite3_errmsg(db));
        return 1;
    }
    double start = now_s();
    for (int i = 0; i < events; i++) {
        char id[32];
        snprintf(id, sizeof id, "%026d", i);
        sqlite3_bind_text(insert, 1, id, -1, SQLITE_TRANSIENT);
        sqlite3_bind_blob(insert, 2, body, sizeof body, SQLITE_STATIC);
        if (sqlite3_step(insert) != SQLITE_DONE) return 1;
        sqlite3_reset(insert);
    }
    double seconds = now_s() - start;
    sqlite3_finalize(insert);
    sqlite3_close(db);
    printf("{\"events\":%d,\"per_second\":%.1f}\n", events, events / seconds);
    return 0;
}
