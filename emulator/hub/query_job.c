/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "hub/hub_internal.h"
#include "query/query.h"

/*
 * A query on its way: parsed once, then scanned in steps, so that a scan over a million twins
 * delays nobody. All queries of a hub share a slice of each tick's time. A page ends with the id of
 * its last row; the next goes on behind it, so page k costs what page 1 costs. Aggregates have no
 * rows to stop at: they are counted anew for each page.
 */
enum {
    ROWS_PER_STEP = 256,    /* some 50 us: how far a slice may be exceeded */
    ROWS_PER_DOCUMENT = 32, /* writing out a twin costs as much as looking at so many */
    GROUPS_MAX = 100000,
    GROUP_BYTES_MAX = 16 << 20,
    PAGE_SIZE_FULL = 8 << 20, /* bytes at which a page ends, however few items it has */
    PAGE_SIZE_MAX = 64 << 20, /* that, and the largest item */
    TOKEN_SIZE_MAX = 512,
    EXPLANATION_SIZE_MAX = 1 << 20, /* a tree of 8192 characters, and then some */
};

struct hub_query_job {
    struct hub *hub;
    struct list link; /* in hub->query_jobs, or alone */
    struct arena arena;
    struct arena row_arena; /* of one document */
    const struct query *query;
    const struct query_info *info;
    struct storage_scan *scan; /* NULL: there is nothing to scan for, the count is known */
    struct query_groups *groups;
    uint64_t text_hash;
    size_t item_max;
    bool explains;
    uint64_t skipped; /* rows that earlier pages had: for TOP, and for aggregates' paging */
    size_t items;
    int64_t last_id;
    struct buf out;
    void (*done)(void *ctx, const struct hub_query_result *result);
    void *ctx;
};

static void job_destroy(struct hub_query_job *job)
{
    list_remove(&job->link);
    storage_scan_close(job->scan);
    query_groups_destroy(job->groups);
    buf_finish(&job->out);
    arena_finish(&job->row_arena);
    arena_finish(&job->arena);
    mem_free(job);
}

static void job_fail(struct hub_query_job *job, enum hub_code code, const struct problem *problem)
{
    const struct hub_query_result result = {.code = code, .problem = problem};
    job->done(job->ctx, &result);
    job_destroy(job);
}

static void job_fail_status(struct hub_query_job *job, enum status status)
{
    struct problem problem;
    if (status == STATUS_LIMIT) {
        problem_set(&problem, PROBLEM_NO_OFFSET,
                    "the result is larger than one page may be; ask for fewer rows or groups");
        job_fail(job, HUB_ARGUMENT_INVALID, &problem);
        return;
    }
    const enum hub_code code = hub_fail(job->hub, status, &problem);
    job_fail(job, code, &problem);
}

/* ---- continuation: base64 of "1.<query hash>.<last id>.<rows so far>" ---- */

static bool token_read(struct str token, uint64_t text_hash, int64_t *ret_last_id,
                       uint64_t *ret_rows)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(TOKEN_SIZE_MAX);
    if (!base64_decode_append(&text, token) || buf_status(&text) != STATUS_OK) {
        return false;
    }
    struct str parts[4];
    struct str rest = buf_str(&text);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (str_cut(rest, '.', &parts[i], &rest) != (i + 1 < ARRAY_SIZE(parts))) {
            return false;
        }
    }
    uint64_t hash = 0;
    return str_equal(parts[0], STR("1")) && str_to_u64(parts[1], &hash) && hash == text_hash &&
           str_to_i64(parts[2], ret_last_id) && *ret_last_id >= 0 && str_to_u64(parts[3], ret_rows);
}

static void token_write(const struct hub_query_job *job, struct buf *out)
{
    char text[TOKEN_SIZE_MAX / 2]; /* base64 makes a third more of it */
    const int size = snprintf(text, sizeof(text), "1.%" PRIu64 ".%" PRId64 ".%" PRIu64,
                              job->text_hash, job->last_id, job->skipped + job->items);
    base64_append(out, str_of(text, (size_t)size));
}

/* ---- the run ---- */

/* Runs over all rows without keeping any. */
static void job_explain(struct hub_query_job *job)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(EXPLANATION_SIZE_MAX);
    CLEANUP(buf_finish) struct buf tree = BUF_INIT(EXPLANATION_SIZE_MAX);
    query_print(job->query, &text);
    query_print_tree(job->query, &tree);
    const enum status status =
        buf_status(&text) != STATUS_OK ? buf_status(&text) : buf_status(&tree);
    if (status != STATUS_OK) {
        job_fail_status(job, status);
        return;
    }
    const struct hub_query_explanation explanation = {
        .text = buf_str(&text),
        .tree = buf_str(&tree),
        .access = job->scan == NULL ? "count" : storage_scan_access(job->scan),
        .rows_read = job->scan == NULL ? 0 : storage_scan_rows_read(job->scan),
        .rows_returned = job->items,
    };
    const struct hub_query_result result = {
        .code = HUB_OK,
        .explanation = &explanation,
        .item_type = job->info->item_type,
    };
    job->done(job->ctx, &result);
    job_destroy(job);
}

static void job_finish(struct hub_query_job *job, bool more)
{
    if (job->explains) {
        job_explain(job);
        return;
    }
    buf_append_byte(&job->out, ']');
    CLEANUP(buf_finish) struct buf token = BUF_INIT(TOKEN_SIZE_MAX);
    if (more) {
        token_write(job, &token);
    }
    const enum status status =
        buf_status(&job->out) != STATUS_OK ? buf_status(&job->out) : buf_status(&token);
    if (status != STATUS_OK) {
        job_fail_status(job, status);
        return;
    }
    const struct hub_query_result result = {
        .code = HUB_OK,
        .items = buf_str(&job->out),
        .item_type = job->info->item_type,
        .continuation = buf_str(&token),
    };
    job->done(job->ctx, &result);
    job_destroy(job);
}

static bool page_full(const struct hub_query_job *job)
{
    if (job->explains) {
        return false;
    }
    return job->items == job->item_max || (job->items > 0 && job->out.size >= PAGE_SIZE_FULL);
}

static void emit_groups(struct hub_query_job *job)
{
    const size_t count = query_groups_size(job->groups);
    if (job->explains) {
        job->items = count;
        job_finish(job, false);
        return;
    }
    size_t at = job->skipped > count ? count : (size_t)job->skipped;
    while (at < count && !page_full(job)) {
        buf_append_str(&job->out, job->items > 0 ? STR(",") : STR_EMPTY);
        query_groups_append(job->groups, at++, &job->out);
        job->items++;
    }
    job_finish(job, at < count);
}

static enum status emit_twin(struct hub_query_job *job)
{
    struct storage_identity *twin = NULL;
    const enum status status = storage_scan_identity(job->scan, &job->row_arena, &twin);
    if (status == STATUS_OK) {
        hub_link_show_activity(job->hub, twin);
        hub_twin_append(&job->out, twin);
    }
    return status;
}

static enum status emit_device_job(struct hub_query_job *job)
{
    struct storage_job *device_job = NULL;
    const enum status status = storage_scan_job(job->scan, &job->row_arena, &device_job);
    if (status == STATUS_OK) {
        hub_device_job_append(&job->out, device_job);
    }
    return status;
}

static enum status emit_row(struct hub_query_job *job, const struct query_row *row)
{
    enum status status = STATUS_OK;
    if (job->explains) {
        job->items++;
        return status;
    }
    arena_reset(&job->row_arena);
    buf_append_str(&job->out, job->items > 0 ? STR(",") : STR_EMPTY);
    if (job->info->shape == QUERY_ROWS) {
        query_project(job->query, row, &job->out);
    } else {
        status = job->info->collection == QUERY_JOBS ? emit_device_job(job) : emit_twin(job);
    }
    if (status != STATUS_OK) {
        return status;
    }
    job->items++;
    job->last_id = storage_scan_id(job->scan);
    return buf_status(&job->out);
}

static bool top_reached(const struct hub_query_job *job)
{
    return job->info->shape != QUERY_GROUPS && job->skipped + job->items >= job->info->top;
}

static void pay_document(const struct hub_query_job *job, size_t *rows_left)
{
    if (job->info->shape == QUERY_DOCUMENTS) {
        *rows_left -= *rows_left < ROWS_PER_DOCUMENT ? *rows_left : ROWS_PER_DOCUMENT;
    }
}

/* One row that passed WHERE. True: the job is over and gone. */
static bool take_row(struct hub_query_job *job, const struct query_row *row)
{
    if (job->info->shape != QUERY_GROUPS && page_full(job)) {
        job_finish(job, true); /* this row is the proof that there is a next page */
        return true;
    }
    const enum status status =
        job->info->shape == QUERY_GROUPS ? query_groups_add(job->groups, row) : emit_row(job, row);
    if (status != STATUS_OK) {
        job_fail_status(job, status);
        return true;
    }
    if (top_reached(job)) {
        job_finish(job, false);
        return true;
    }
    return false;
}

/* True: the job is over and gone. */
static bool job_step(struct hub_query_job *job)
{
    size_t rows_left = ROWS_PER_STEP;
    if (job->scan == NULL) {
        emit_groups(job);
        return true;
    }
    for (;;) {
        enum storage_scan_result result = STORAGE_SCAN_END;
        const struct query_row *row = NULL;
        const enum status status = storage_scan_next(job->scan, &rows_left, &result, &row);
        if (status != STATUS_OK) {
            job_fail_status(job, status);
            return true;
        }
        switch (result) {
        case STORAGE_SCAN_ROW:
            if (take_row(job, row)) {
                return true;
            }
            pay_document(job, &rows_left);
            break;
        case STORAGE_SCAN_PAUSED:
            return false;
        case STORAGE_SCAN_END:
            if (job->info->shape == QUERY_GROUPS) {
                emit_groups(job);
            } else {
                job_finish(job, false);
            }
            return true;
        }
    }
}

/* A step, at the expense of the tick's time for queries. */
static bool job_step_timed(struct hub *hub, struct hub_query_job *job)
{
    const int64_t start_us = clock_monotonic_us();
    const bool over = job_step(job);
    hub->query_us_left -= clock_monotonic_us() - start_us;
    return over;
}

static void append_caret(struct problem *problem, struct str text)
{
    CLEANUP(buf_finish) struct buf caret = BUF_INIT(4096);
    query_caret_append(&caret, text, problem->offset);
    if (buf_status(&caret) == STATUS_OK) {
        struct problem whole;
        problem_set(&whole, problem->offset, "%s\n%.*s", problem->text, STR_ARG(buf_str(&caret)));
        *problem = whole;
    }
}

static enum hub_code job_parse(struct hub_query_job *job, struct str text, struct problem *problem)
{
    const char *copy = arena_copy(&job->arena, text);
    if (copy == NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the query is longer than %u characters",
                    QUERY_CHARACTERS_MAX);
        return HUB_ARGUMENT_INVALID;
    }
    const struct str kept = str_of(copy, text.size);
    const enum status status = query_parse(kept, &job->arena, &job->query, problem);
    if (status == STATUS_INVALID) {
        append_caret(problem, kept);
        return HUB_ARGUMENT_INVALID;
    }
    if (status != STATUS_OK) {
        return hub_fail(job->hub, status, problem);
    }
    job->info = query_info(job->query);
    job->text_hash = str_hash(text);
    return HUB_OK;
}

/* How many there are is known: nobody has to be looked at. */
static enum status count_all(struct hub_query_job *job)
{
    struct storage_counts counts = {0};
    const enum status status = storage_counts(job->hub->storage, &counts);
    if (status == STATUS_OK) {
        query_groups_count_rows(
            job->groups, job->info->collection == QUERY_MODULES ? counts.modules : counts.devices);
    }
    return status;
}

static enum hub_code job_open(struct hub_query_job *job, struct str continuation,
                              struct problem *problem)
{
    int64_t after_id = 0;
    if (continuation.size > 0 &&
        !token_read(continuation, job->text_hash, &after_id, &job->skipped)) {
        problem_set(
            problem, PROBLEM_NO_OFFSET,
            "x-ms-continuation is not a token of this query; send the same query text again");
        return HUB_ARGUMENT_INVALID;
    }
    enum status status = STATUS_OK;
    if (QUERY_HAS(job->info->where_needs | job->info->select_needs, QUERY_LAST_ACTIVITY_TIME)) {
        status = hub_flush_activity(job->hub); /* dear when thousands are active */
    }
    if (status == STATUS_OK && job->info->shape == QUERY_GROUPS) {
        status = query_groups_create(job->query, GROUPS_MAX, GROUP_BYTES_MAX, &job->groups);
        after_id = 0;
    }
    if (status == STATUS_OK && job->info->counts_only && !job->info->has_where) {
        status = count_all(job);
    } else if (status == STATUS_OK) {
        status = storage_scan_open(job->hub->storage, job->query, after_id, &job->scan);
    }
    return status == STATUS_OK ? HUB_OK : hub_fail(job->hub, status, problem);
}

static struct hub_query_job *job_new(struct hub *hub, const struct hub_query_request *request)
{
    struct hub_query_job *job = mem_zalloc(sizeof(*job));
    if (job == NULL) {
        return NULL;
    }
    job->hub = hub;
    job->item_max = request->item_max;
    job->explains = request->explains;
    job->done = request->done;
    job->ctx = request->ctx;
    list_init(&job->link);
    arena_init(&job->arena, QUERY_ARENA_SIZE);
    arena_init(&job->row_arena, HUB_READ_ARENA_MAX);
    buf_init(&job->out, PAGE_SIZE_MAX);
    buf_append_byte(&job->out, '[');
    return job;
}

void hub_query_start(struct hub *hub, const struct hub_query_request *request,
                     struct hub_query_job **ret_job)
{
    assert(request->item_max > 0 || request->explains);
    *ret_job = NULL;
    hub->figures.queries++;
    struct problem problem = {.offset = PROBLEM_NO_OFFSET};
    struct hub_query_job *job = job_new(hub, request);
    if (job == NULL) {
        const enum hub_code code = hub_fail(hub, STATUS_NO_MEMORY, &problem);
        request->done(request->ctx, &(struct hub_query_result){.code = code, .problem = &problem});
        return;
    }
    enum hub_code code = job_parse(job, request->text, &problem);
    if (code == HUB_OK) {
        code = job_open(job, request->continuation, &problem);
    }
    if (code != HUB_OK) {
        job_fail(job, code, &problem);
        return;
    }
    bool over = false;
    do {
        over = job_step_timed(hub, job);
    } while (!over && hub->query_us_left > 0);
    if (!over) {
        list_append(&hub->query_jobs, &job->link);
        *ret_job = job;
    }
}

void hub_query_cancel(struct hub_query_job *job)
{
    if (job != NULL) {
        job_destroy(job);
    }
}

void hub_query_jobs_run(struct hub *hub)
{
    /* In turn, the next tick going on where this one stops. A job that ends may let its owner start
     * or cancel another. */
    while (!list_empty(&hub->query_jobs)) {
        struct hub_query_job *job = LIST_ENTRY(hub->query_jobs.next, struct hub_query_job, link);
        list_remove(&job->link);
        list_append(&hub->query_jobs, &job->link);
        (void)job_step_timed(hub, job);
        if (hub->query_us_left <= 0) {
            return;
        }
    }
}

void hub_query_jobs_end_all(struct hub *hub, enum hub_code code, const char *why)
{
    struct problem problem;
    problem_set(&problem, PROBLEM_NO_OFFSET, "%s", why);
    while (!list_empty(&hub->query_jobs)) {
        job_fail(LIST_ENTRY(hub->query_jobs.next, struct hub_query_job, link), code, &problem);
    }
}
