/* SPDX-License-Identifier: MIT */
#ifndef QUERY_AST_INTERNAL_H
#define QUERY_AST_INTERNAL_H

/*
 * The tree of one query. The parser makes it, the checker fills in what is marked "checked", and
 * nobody changes it afterwards. All of it lives in the arena given to query_parse(); every struct
 * str points into the query's text, the arena, or a constant.
 */
#include "query/query.h"

struct query_dialect;
struct query_function;

/* ---- where a path leads (checked) ---- */

enum query_source_kind {
    SOURCE_NOTHING, /* no document has it: always undefined */
    SOURCE_SLOT,    /* a value of the row */
    SOURCE_OBJECT,  /* an object put together from other sources, like `properties` */
    SOURCE_MESSAGE, /* a value of the row that comes from a message; the path says where */
};

struct query_source {
    enum query_source_kind kind;
    /* SOURCE_SLOT; of SOURCE_MESSAGE the slot alone */
    enum query_attribute attribute;
    const struct str *names; /* below the attribute; only a JSON attribute has any */
    size_t name_count;
    size_t slot;               /* index into the row's values; equal paths share one */
    struct query_source *next; /* the list of all slots' users, until they are numbered */
    /* SOURCE_OBJECT */
    struct query_member *members;
    size_t member_count;
};

struct query_member {
    struct str name; /* empty: the source is a JSON object whose members stand here */
    struct query_source source;
};

/* Where a path of a message route starts (reference, 6.1). */
enum query_root {
    ROOT_DOCUMENT,    /* no route: a twin or a job */
    ROOT_APPLICATION, /* name: an application property */
    ROOT_DOLLAR,      /* $name: an application property of that very name, else a system one */
    ROOT_SYSTEM,      /* {$name}: a system property */
    ROOT_BODY,        /* $body.a.b[0] */
    ROOT_TWIN,        /* $twin.a.b[0] */
};

#define QUERY_NO_INDEX SIZE_MAX

struct query_path {
    struct str *names; /* checked: without `devices.`, system names in their canonical case. Of BODY
                          and TWIN what follows the root; of other roots none. */
    size_t name_count;
    size_t offset;              /* of its first name in the text */
    struct query_source source; /* checked */
    /* routes */
    enum query_root root;
    bool in_braces;     /* {$body.a}: no application property is meant */
    struct str written; /* `$body.a.b[0]`, without braces */
    size_t *indexes;    /* one per name: of the element of an array, or QUERY_NO_INDEX */
    struct query_path *next_message_path; /* checked: in the query's list */
};

/* ---- expressions ---- */

enum query_node_kind {
    NODE_LITERAL,
    NODE_PATH,
    NODE_ARRAY,   /* children: elements */
    NODE_CALL,    /* children: arguments */
    NODE_NEGATE,  /* one child */
    NODE_NOT,     /* one child */
    NODE_COMPARE, /* two children, op between them */
    NODE_IN,      /* the left side, then literals; op is IN or NIN */
    NODE_TERM,    /* chains of two or more children, each but the first with the op before it: */
    NODE_SUM,     /* a chain of any length is one node, so that depth is nesting, not length */
    NODE_AND,
    NODE_OR,
    NODE_RELATION, /* routes: < <= > >=, and */
    NODE_EQUALITY, /* = and !=, as chains */
    NODE_COALESCE,
};

enum query_op {
    OP_NONE,
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_IN,
    OP_NIN,
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_MODULO,
    OP_AND,
    OP_OR,
    OP_CONCAT,
    OP_COALESCE,
};

struct query_node {
    enum query_node_kind kind;
    enum query_op op;        /* COMPARE, IN */
    enum query_op joined_by; /* in a chain: the operator before this operand */
    size_t offset;           /* where it starts in the text */
    struct query_node *next; /* in the parent's list of children */
    struct query_node *children;
    size_t child_count;
    bool ignores_case;        /* checked; COMPARE, IN: a job's status or type is compared */
    uint64_t needs;           /* checked: the attributes of all paths in it */
    struct query_value value; /* LITERAL; a number's text is as it was written, less a sign */
    struct query_path *path;  /* PATH */
    struct str name;          /* CALL: as it was written */
    const struct query_function *function; /* CALL; checked */
};

/* ---- the query ---- */

enum query_aggregate {
    AGGREGATE_NONE,
    AGGREGATE_COUNT,
    AGGREGATE_AVG,
    AGGREGATE_SUM,
    AGGREGATE_MIN,
    AGGREGATE_MAX,
};

struct query_column {
    enum query_aggregate aggregate;
    struct query_path *path; /* NULL for COUNT() */
    struct str alias;        /* data NULL: none was written */
    size_t offset;
    struct str key;     /* checked: the member's name in the result */
    size_t group_index; /* checked: of a path in a grouped query: which GROUP BY path it is */
};

struct query {
    struct str text;
    const struct query_dialect *dialect;
    bool is_condition; /* an embedded one: query_condition_parse() */
    bool is_empty;     /* it has no text: WHERE is undefined */
    bool selects_all;  /* SELECT * */
    struct query_column *columns;
    size_t column_count;
    struct query_node *where; /* NULL: none */
    struct query_path **group_paths;
    size_t group_path_count;
    size_t group_offset;    /* of GROUP */
    struct query_info info; /* collection and top by the parser, the rest by the checker */
    /* checked: the distinct slots, sorted by attribute, then by their names; those of an attribute
     * are slots[slot_from[attribute] .. slot_from[attribute + 1]). */
    const struct query_source **slots;
    size_t slot_count;
    size_t slot_from[QUERY_ATTRIBUTE_COUNT + 1];
    /* routes: the paths of the slots, first seen first; no slots[] */
    struct query_path *first_message_path, *last_message_path;
};

/* The order of names that sorted slots and their search share: by size, then by bytes. */
int query_name_order(struct str a, struct str b);

/* "COUNT", "AVG" ...; "" for none. */
const char *query_aggregate_name(enum query_aggregate aggregate);

#endif
