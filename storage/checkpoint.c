/* SPDX-License-Identifier: MIT */
#include "storage/checkpoint_internal.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>

#include "base/alloc.h"
#include "base/str.h"

/*
 * A log starts again from its beginning only when a write finds all of it copied. A pass copies
 * what was there when it began, so under a writer that never pauses it never ends level: the log
 * grows, and past LOG_SIZE_MAX the passes are made on ever smaller rests until one is so small that
 * the writer can copy it without being missed for long.
 */
enum {
    REST_WORTH_A_PASS = 16 << 20,
    LOG_SIZE_MAX = 256 << 20,
    REST_FOR_THE_WRITER = 2 << 20,
};

struct target {
    char *path; /* owned */
    size_t page_size;
    sqlite3 *connection; /* the thread's own, opened at its first pass; nobody shares one */
    bool wanted;         /* a pass was asked for or is being made */
    size_t pages;        /* of the log at the last commit */
    size_t done;         /* pages of the log that the last pass left copied */
};

struct checkpointer {
    pthread_t thread;
    bool started;
    bool sync_full;
    size_t count;
    struct target targets[CHECKPOINT_FILES_MAX];

    pthread_mutex_t mutex; /* of stop, wanted and done */
    pthread_cond_t wake;
    bool stop;
};

static bool target_connect(struct target *target, bool sync_full)
{
    if (target->connection != NULL) {
        return true;
    }
    sqlite3 *connection = NULL;
    int result = sqlite3_open_v2(target->path, &connection,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (result == SQLITE_OK) {
        /* The read makes the connection notice that the database has a log. */
        result = sqlite3_exec(connection,
                              sync_full ? "PRAGMA synchronous = FULL; SELECT 1 FROM sqlite_schema"
                                        : "PRAGMA synchronous = NORMAL;"
                                          "SELECT 1 FROM sqlite_schema",
                              NULL, NULL, NULL);
    }
    if (result != SQLITE_OK) {
        (void)sqlite3_close(connection);
        return false;
    }
    target->connection = connection;
    return true;
}

/* Copies what can be copied and tells how far the log is copied then. A pass that fails is made
 * again after a later commit; a disk that stays full stops the commits themselves, which tell. */
static size_t target_pass(struct target *target, bool sync_full)
{
    int copied = 0;
    if (!target_connect(target, sync_full) ||
        sqlite3_wal_checkpoint_v2(target->connection, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
                                  &copied) != SQLITE_OK) {
        return 0;
    }
    return copied > 0 ? (size_t)copied : 0;
}

static struct target *next_wanted(struct checkpointer *checkpointer)
{
    for (size_t i = 0; i < checkpointer->count; i++) {
        if (checkpointer->targets[i].wanted) {
            return &checkpointer->targets[i];
        }
    }
    return NULL;
}

/* Commits made during a pass may have left enough for another, and no commit may come to ask for
 * it. A pass that copied nothing more is not made again. */
static bool worth_another(const struct target *target, size_t done)
{
    return done > target->done && target->pages > done &&
           (target->pages - done) * target->page_size >= REST_WORTH_A_PASS;
}

static void *work(void *ctx)
{
    struct checkpointer *checkpointer = ctx;
    (void)pthread_mutex_lock(&checkpointer->mutex);
    while (!checkpointer->stop) {
        struct target *target = next_wanted(checkpointer);
        if (target == NULL) {
            (void)pthread_cond_wait(&checkpointer->wake, &checkpointer->mutex);
            continue;
        }
        (void)pthread_mutex_unlock(&checkpointer->mutex);
        const size_t done = target_pass(target, checkpointer->sync_full);
        (void)pthread_mutex_lock(&checkpointer->mutex);
        target->wanted = worth_another(target, done);
        target->done = done;
    }
    (void)pthread_mutex_unlock(&checkpointer->mutex);
    for (size_t i = 0; i < checkpointer->count; i++) {
        (void)sqlite3_close(checkpointer->targets[i].connection);
    }
    return NULL;
}

/* Signals are for the event loop: the thread takes none. */
static bool start(struct checkpointer *checkpointer)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    checkpointer->started = pthread_create(&checkpointer->thread, NULL, work, checkpointer) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return checkpointer->started;
}

static char *copy_text(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = mem_alloc(size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

enum status checkpointer_create(const struct checkpoint_file *files, size_t count, bool sync_full,
                                struct checkpointer **ret_checkpointer)
{
    assert(count <= CHECKPOINT_FILES_MAX);
    struct checkpointer *checkpointer = mem_zalloc(sizeof(*checkpointer));
    if (checkpointer == NULL) {
        return STATUS_NO_MEMORY;
    }
    (void)pthread_mutex_init(&checkpointer->mutex, NULL);
    (void)pthread_cond_init(&checkpointer->wake, NULL);
    checkpointer->sync_full = sync_full;
    checkpointer->count = count;
    bool whole = true;
    for (size_t i = 0; i < count; i++) {
        checkpointer->targets[i].page_size = files[i].page_size;
        checkpointer->targets[i].path = copy_text(files[i].path);
        whole = whole && checkpointer->targets[i].path != NULL;
    }
    if (!whole || !start(checkpointer)) {
        checkpointer_destroy(checkpointer);
        return STATUS_NO_MEMORY;
    }
    *ret_checkpointer = checkpointer;
    return STATUS_OK;
}

void checkpointer_destroy(struct checkpointer *checkpointer)
{
    if (checkpointer == NULL) {
        return;
    }
    if (checkpointer->started) {
        (void)pthread_mutex_lock(&checkpointer->mutex);
        checkpointer->stop = true;
        (void)pthread_cond_signal(&checkpointer->wake);
        (void)pthread_mutex_unlock(&checkpointer->mutex);
        (void)pthread_join(checkpointer->thread, NULL);
    }
    for (size_t i = 0; i < checkpointer->count; i++) {
        mem_free(checkpointer->targets[i].path);
    }
    (void)pthread_cond_destroy(&checkpointer->wake);
    (void)pthread_mutex_destroy(&checkpointer->mutex);
    mem_free(checkpointer);
}

bool checkpointer_note(struct checkpointer *checkpointer, size_t index, size_t pages)
{
    struct target *target = &checkpointer->targets[index];
    (void)pthread_mutex_lock(&checkpointer->mutex);
    if (pages < target->done) {
        target->done = 0; /* the log has started again */
    }
    target->pages = pages;
    const size_t size = pages * target->page_size;
    const size_t rest = (pages - target->done) * target->page_size;
    const bool large = size > LOG_SIZE_MAX;
    const bool finish =
        !target->wanted && large && (rest <= REST_FOR_THE_WRITER || size / 2 > LOG_SIZE_MAX);
    if (!finish && !target->wanted && (large || rest >= REST_WORTH_A_PASS)) {
        target->wanted = true;
        (void)pthread_cond_signal(&checkpointer->wake);
    }
    (void)pthread_mutex_unlock(&checkpointer->mutex);
    return finish;
}
