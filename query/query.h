/* SPDX-License-Identifier: MIT */
#ifndef QUERY_QUERY_H
#define QUERY_QUERY_H

/*
 * The IoT Hub query language for twins, module twins and device jobs (query language reference,
 * sections 1 to 3): a text becomes a checked query, and the query judges and projects rows. The
 * conditions of configurations, jobs and message routes (section 6) are queries without SELECT.
 *
 * The path of one request:
 *     query_parse() -> query_info() says which attributes are needed and how to find the rows
 *     query_row_create() once; then for each document
 *         query_row_clear(), query_row_set() and query_row_scan() with what WHERE needs
 *         query_where(); when true, the attributes that SELECT needs, then
 *             SELECT *      the caller writes the whole document
 *             a projection  query_project()
 *             an aggregate  query_groups_add(), and query_groups_append() at the end
 *
 * Nothing here reads a database, a clock or a hub. No function but query_parse(), the two _create()
 * and query_groups_add() allocates, except for strings with escapes and the growth of a buffer.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

#define QUERY_CHARACTERS_MAX   8192U /* code points of a text (reference, 1.1) */
#define QUERY_DEPTH_MAX        200U  /* parentheses, NOT, unary minus, calls inside each other */
#define QUERY_SEGMENTS_MAX     64U   /* names in one path */
#define QUERY_GROUP_PATHS_MAX  64U   /* paths after GROUP BY */
#define QUERY_ARENA_SIZE       (4U << 20) /* an arena of this maximum holds every legal query */
#define QUERY_ROW_SCRATCH_SIZE (4U << 20) /* unescaped strings of one row, bytes */

struct query;        /* a checked query; lives in the arena and points into its text */
struct query_row;    /* what one document holds at the paths that a query names */
struct query_groups; /* the rows of an aggregating query, while they are being counted */

/* ---- the documents: where the values of a path come from ---- */

/*
 * The attributes of reference 2.2 to 2.4. Those marked JSON are given as a JSON text with
 * query_row_scan(), the others as a value with query_row_set(). The type is the one the reference
 * names; an attribute that a document lacks is simply not given. `properties`, `capabilities` and
 * `x509Thumbprint` as wholes are put together here from their parts.
 */
enum query_attribute {
    QUERY_DEVICE_ID,
    QUERY_MODULE_ID,
    QUERY_ETAG,
    QUERY_DEVICE_ETAG,
    QUERY_VERSION, /* number */
    QUERY_STATUS,
    QUERY_STATUS_REASON,
    QUERY_STATUS_UPDATE_TIME,
    QUERY_CONNECTION_STATE,
    QUERY_LAST_ACTIVITY_TIME,
    QUERY_C2D_MESSAGE_COUNT, /* number */
    QUERY_AUTHENTICATION_TYPE,
    QUERY_PRIMARY_THUMBPRINT,   /* string or null */
    QUERY_SECONDARY_THUMBPRINT, /* string or null */
    QUERY_MODEL_ID,
    QUERY_IOT_EDGE, /* boolean */
    QUERY_DEVICE_SCOPE,
    QUERY_PARENT_SCOPES,     /* JSON array */
    QUERY_CONFIGURATIONS,    /* JSON object: {"id":{"status":"Applied"}} */
    QUERY_TAGS,              /* JSON object */
    QUERY_DESIRED,           /* JSON object, without $metadata and $version */
    QUERY_REPORTED,          /* JSON object, without $metadata and $version */
    QUERY_DESIRED_METADATA,  /* JSON object: the whole $metadata */
    QUERY_REPORTED_METADATA, /* JSON object: the whole $metadata */
    QUERY_DESIRED_VERSION,   /* number: $version */
    QUERY_REPORTED_VERSION,  /* number: $version */
    QUERY_JOB_ID,
    QUERY_JOB_TYPE,
    QUERY_START_TIME,
    QUERY_END_TIME,
    QUERY_CREATED_TIME,
    QUERY_LAST_UPDATED_TIME,
    QUERY_JOB_OUTCOME, /* JSON object */
    QUERY_JOB_ERROR,   /* JSON object */
    QUERY_ATTRIBUTE_COUNT
};

/* Sets of attributes. */
#define QUERY_BIT(attribute)      (UINT64_C(1) << (attribute))
#define QUERY_HAS(set, attribute) (((set)&QUERY_BIT(attribute)) != 0)

enum query_type {
    QUERY_UNDEFINED, /* nothing stands at the path */
    QUERY_NULL,
    QUERY_BOOLEAN,
    QUERY_NUMBER,
    QUERY_STRING,
    QUERY_ARRAY,
    QUERY_OBJECT,
};

struct query_value {
    enum query_type type;
    bool boolean;
    double number;
    struct str text; /* STRING: its characters; ARRAY, OBJECT: their JSON; NUMBER: as it was
                        written, may be empty */
};

static inline struct query_value query_string(struct str s)
{
    return (struct query_value){.type = QUERY_STRING, .text = s};
}

static inline struct query_value query_number(double number)
{
    return (struct query_value){.type = QUERY_NUMBER, .number = number};
}

static inline struct query_value query_boolean(bool boolean)
{
    return (struct query_value){.type = QUERY_BOOLEAN, .boolean = boolean};
}

static inline struct query_value query_null(void)
{
    return (struct query_value){.type = QUERY_NULL};
}

/* ---- texts ---- */

/*
 * Parses and checks one query. `text` must outlive the result, which lives in `arena`. On
 * STATUS_INVALID the problem's offset is the byte where it went wrong and its text is the service's
 * own form (reference, section 4) with what was found, what was expected and, for the usual
 * mistakes, what to write instead. STATUS_NO_MEMORY when the arena refuses.
 */
MUST_CHECK enum status query_parse(struct str text, struct arena *arena,
                                   const struct query **ret_query, struct problem *problem);

enum query_condition_kind {
    QUERY_TARGET_CONDITION, /* targetCondition of a configuration (reference, 6.2) */
    QUERY_JOB_CONDITION,    /* queryCondition of a job (6.3) */
    QUERY_ROUTE_CONDITION,  /* condition of a message route (6.1) */
};

/*
 * The same for an embedded condition. The first two give a query like SELECT * FROM devices (or
 * devices.modules) WHERE condition: rows, scans and query_where() take it; "*" is no WHERE, and an
 * empty target condition is one that no row passes. A route gives one that judges messages:
 * query_row_set_message(). A target condition that looks at what it may not is refused in the
 * service's words, "Invalid targetCondition. It must be ... It contains: <name>".
 */
MUST_CHECK enum status query_condition_parse(enum query_condition_kind kind, struct str text,
                                             struct arena *arena, const struct query **ret_query,
                                             struct problem *problem);

/*
 * Two lines for people: the line of `text` where `offset` lies, cut to fit a terminal, and a '^'
 * under that byte. Any text, any offset, also ones that query_parse() refused.
 */
void query_caret_append(struct buf *out, struct str text, size_t offset);

/* The query, or condition, written out again, in one canonical form; it parses to an equal one. */
void query_print(const struct query *query, struct buf *out);

/* The same as a tree: `and(cmp(=,path ["a"],1), ...)`, for tests and for EXPLAIN. */
void query_print_tree(const struct query *query, struct buf *out);

/* ---- what a query needs ---- */

enum query_collection { QUERY_DEVICES, QUERY_MODULES, QUERY_JOBS };

enum query_shape {
    QUERY_DOCUMENTS, /* SELECT *: each row is a whole document */
    QUERY_ROWS,      /* each row is query_project()'s object */
    QUERY_GROUPS,    /* aggregates: rows come at the end, from query_groups_append() */
};

/*
 * Which keys can pass WHERE at all, from its top-level conjuncts. Always a superset: query_where()
 * has the last word.
 */
enum query_key_kind {
    QUERY_KEY_ANY,
    QUERY_KEY_ONE_OF, /* ids[0..id_count), sorted by bytes, distinct; id_count 0: no row passes */
    QUERY_KEY_PREFIX, /* keys that start with `prefix` */
};

struct query_key_hint {
    enum query_key_kind kind;
    const struct str *ids;
    size_t id_count;
    struct str prefix;
};

/* A top-level conjunct `path = constant`: an index on that path may answer it. */
struct query_equality {
    enum query_attribute attribute;
    const struct str *names; /* below the attribute; none for the attribute itself */
    size_t name_count;
    struct query_value value; /* never undefined, array or object */
    size_t slot;              /* private */
};

#define QUERY_NO_TOP UINT64_MAX

struct query_info {
    enum query_collection collection;
    enum query_shape shape;
    const char *item_type; /* x-ms-item-type: "Twin", "Raw" or "DeviceJob" */
    uint64_t top;          /* produced rows at most; QUERY_NO_TOP */
    bool has_where;        /* false: every row passes */
    bool counts_only;      /* nothing but COUNT(), no GROUP BY: query_groups_count_rows() will do */
    uint64_t where_needs;  /* attributes that query_where() reads */
    uint64_t select_needs; /* attributes that projections and groups read; 0 for SELECT * */
    struct query_key_hint device_id;
    struct query_key_hint module_id;
    const struct query_equality *equalities;
    size_t equality_count;
};

const struct query_info *query_info(const struct query *query);

/* ---- rows ---- */

MUST_CHECK enum status query_row_create(const struct query *query, struct query_row **ret_row);
void query_row_destroy(struct query_row *row);   /* takes NULL */
void query_row_destroyp(struct query_row **row); /* for CLEANUP */

/* Forgets the last document. */
void query_row_clear(struct query_row *row);

/* Gives an attribute that is no JSON. The value's text is borrowed until query_row_clear(). */
void query_row_set(struct query_row *row, enum query_attribute attribute, struct query_value value);

/*
 * Gives a JSON attribute: walks the text once and notes the values that the query names, without
 * building anything. The text must be well formed (json_check) and stay until query_row_clear();
 * of members of one name the first counts. An empty text is an absent attribute. STATUS_CORRUPT
 * when it meets something that is no JSON: it never reads outside the text.
 */
MUST_CHECK enum status query_row_scan(struct query_row *row, enum query_attribute attribute,
                                      struct str json);

/* What stands in the row at an equality's path, once its attribute was given. */
const struct query_value *query_equality_found(const struct query_equality *equality,
                                               const struct query_row *row);

/* Values that are equal (reference, 3.4) have the same; 0 of those that equal nothing: undefined,
 * arrays and objects. */
uint64_t query_value_hash(const struct query_value *value);

/* True only if WHERE is exactly boolean true, or absent. */
bool query_where(const struct query *query, const struct query_row *row);

/* True when the row cannot pass, whatever its other attributes are: `given` are those it has been
 * given. Saves giving the others. */
bool query_where_excludes(const struct query *query, const struct query_row *row, uint64_t given);

/* Appends the row of a QUERY_ROWS query: one flat JSON object (reference, 3.7). */
void query_project(const struct query *query, const struct query_row *row, struct buf *out);

/* ---- messages ---- */

struct query_property {
    struct str name;
    struct str value; /* data NULL: null */
};

/* Everything is borrowed. Names are found in any letter case. */
struct query_message {
    const struct query_property *application;
    size_t application_count;
    const struct query_property *system; /* named without '$': "connectionDeviceId" */
    size_t system_count;
    struct str body; /* the bytes; read as JSON only where contentType says application/json and
                        contentEncoding utf-8, utf-16 or utf-32 (reference, 6.1) */
    struct str twin; /* the sender's twin as JSON; empty: none, and $twin is undefined */
};

/*
 * Fills the row of a route's condition, in place of query_row_clear(), _set() and _scan(); the
 * message must stay while the row is in use. A body that is no JSON is no error: its paths are
 * undefined. STATUS_NO_MEMORY.
 */
MUST_CHECK enum status query_row_set_message(struct query_row *row,
                                             const struct query_message *message);

enum query_verdict { QUERY_VERDICT_UNDEFINED, QUERY_VERDICT_FALSE, QUERY_VERDICT_TRUE };

/*
 * What WHERE, or a condition, says of the row. An undefined one does not match, and where a route
 * is concerned the service logs that it could not tell. STATUS_LIMIT when strings that a route puts
 * together pass QUERY_ROW_SCRATCH_SIZE, STATUS_NO_MEMORY; never from a query that is no route.
 */
MUST_CHECK enum status query_judge(const struct query *query, const struct query_row *row,
                                   enum query_verdict *ret_verdict);

/* ---- aggregates ---- */

/* At most `groups_max` groups, `bytes_max` bytes for all their keys and texts. */
MUST_CHECK enum status query_groups_create(const struct query *query, size_t groups_max,
                                           size_t bytes_max, struct query_groups **ret_groups);
void query_groups_destroy(struct query_groups *groups);   /* takes NULL */
void query_groups_destroyp(struct query_groups **groups); /* for CLEANUP */

/* Counts one document that passed WHERE. STATUS_LIMIT: too many groups, or too large; the document
 * is then counted in part, and the whole is of no more use. */
MUST_CHECK enum status query_groups_add(struct query_groups *groups, const struct query_row *row);

/* For counts_only queries: counts `count` documents unseen. */
void query_groups_count_rows(struct query_groups *groups, uint64_t count);

/* The rows produced, TOP applied; without GROUP BY always one. */
size_t query_groups_size(const struct query_groups *groups);

/* Appends row `index` of them, in the order the groups were first seen. */
void query_groups_append(const struct query_groups *groups, size_t index, struct buf *out);

#endif
