/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <ctype.h>

#include "net/certificate_issue_internal.h"

enum { HOST_NAME_MAX_SIZE = 253, LABEL_MAX_SIZE = 63, IP6_SIZE = 16, IP4_SIZE = 4 };

static bool label_valid(struct str label)
{
    if (label.size == 0 || label.size > LABEL_MAX_SIZE) {
        return false;
    }
    for (size_t i = 0; i < label.size; i++) {
        const unsigned char c = (unsigned char)label.data[i];
        if (!isalnum(c) && c != '-' && c != '_') { /* compose files name hosts with underscores */
            return false;
        }
    }
    return true;
}

static bool host_name_valid(struct str name)
{
    if (name.size > HOST_NAME_MAX_SIZE) {
        return false;
    }
    struct str rest = str_starts(name, STR("*.")) ? str_skip(name, 2) : name;
    for (bool more = true; more;) {
        struct str label;
        struct str tail;
        more = str_cut(rest, '.', &label, &tail);
        if (!label_valid(label)) {
            return false;
        }
        rest = tail;
    }
    return true;
}

/* The address's bytes, 0 when it is none. */
static int ip_parse(struct str text, unsigned char out[IP6_SIZE])
{
    char copy[INET6_ADDRSTRLEN];
    if (text.size >= sizeof(copy)) {
        return 0;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (inet_pton(AF_INET, copy, out) == 1) {
        return IP4_SIZE;
    }
    return inet_pton(AF_INET6, copy, out) == 1 ? IP6_SIZE : 0;
}

static GENERAL_NAME *ip_name(const unsigned char *bytes, int size)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    if (name == NULL || value == NULL || ASN1_OCTET_STRING_set(value, bytes, size) != 1) {
        ASN1_OCTET_STRING_free(value);
        GENERAL_NAME_free(name);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, GEN_IPADD, value);
    return name;
}

static GENERAL_NAME *dns_name(struct str text)
{
    char folded[HOST_NAME_MAX_SIZE];
    for (size_t i = 0; i < text.size; i++) {
        folded[i] = (char)tolower((unsigned char)text.data[i]);
    }
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();
    if (name == NULL || value == NULL || ASN1_STRING_set(value, folded, (int)text.size) != 1) {
        ASN1_IA5STRING_free(value);
        GENERAL_NAME_free(name);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, GEN_DNS, value);
    return name;
}

static bool names_contain(const GENERAL_NAMES *names, const GENERAL_NAME *wanted)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        /* GENERAL_NAME_cmp() compares and changes nothing, though it asks for mutable names. */
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), (GENERAL_NAME *)(uintptr_t)wanted) ==
            0) {
            return true;
        }
    }
    return false;
}

static enum status names_add(GENERAL_NAMES *names, struct str text, struct problem *problem)
{
    unsigned char bytes[IP6_SIZE];
    const int ip_size = ip_parse(text, bytes);
    if (ip_size == 0 && !host_name_valid(text)) {
        problem_set(problem, PROBLEM_NO_OFFSET, "\"%.*s\" is neither a host name nor an address",
                    STR_ARG(text));
        return STATUS_INVALID;
    }
    GENERAL_NAME *name = ip_size > 0 ? ip_name(bytes, ip_size) : dns_name(text);
    if (name == NULL) {
        return STATUS_NO_MEMORY;
    }
    if (names_contain(names, name)) {
        GENERAL_NAME_free(name);
        return STATUS_OK;
    }
    if (sk_GENERAL_NAME_push(names, name) == 0) {
        GENERAL_NAME_free(name);
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

void certificate_names_destroyp(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}

enum status certificate_names_make(const struct str *names, size_t name_count,
                                   GENERAL_NAMES **ret_names, struct problem *problem)
{
    /* hub.localhost beside the wildcard: some verifiers refuse a wildcard right under a
     * single-label name. */
    static const struct str own[] = {
        {"localhost", 9}, {"*.localhost", 11}, {"hub.localhost", 13}, {"127.0.0.1", 9}, {"::1", 3},
    };
    CLEANUP(certificate_names_destroyp)
    GENERAL_NAMES *made = GENERAL_NAMES_new();
    if (made == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < ARRAY_SIZE(own) + name_count; i++) {
        const struct str name = i < ARRAY_SIZE(own) ? own[i] : names[i - ARRAY_SIZE(own)];
        const enum status status = names_add(made, name, problem);
        if (status != STATUS_OK) {
            return status;
        }
    }
    *ret_names = TAKE(made);
    return STATUS_OK;
}

bool certificate_carries(X509 *leaf, const GENERAL_NAMES *names)
{
    CLEANUP(certificate_names_destroyp)
    GENERAL_NAMES *carried = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (carried == NULL || !names_contain(carried, sk_GENERAL_NAME_value(names, i))) {
            return false;
        }
    }
    return true;
}

/* ---- what a CA is confined to ---- */

/* The subtree a name stands for: "*.x" lies in x; an address is itself, 127.0.0.1 its whole net. */
static GENERAL_NAME *subtree_base(const GENERAL_NAME *name)
{
    int type = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    const unsigned char *data = ASN1_STRING_get0_data(value);
    const int size = ASN1_STRING_length(value);
    if (type == GEN_DNS) {
        const struct str text = str_of(data, (size_t)size);
        return dns_name(str_starts(text, STR("*.")) ? str_skip(text, 2) : text);
    }
    unsigned char masked[2 * IP6_SIZE];
    memcpy(masked, data, (size_t)size);
    memset(masked + size, 0xff, (size_t)size);
    if (size == IP4_SIZE && data[0] == 127) {
        memset(masked + 1, 0, 3);
        memset(masked + IP4_SIZE + 1, 0, 3);
    }
    return ip_name(masked, 2 * size);
}

static bool subtrees_contain(STACK_OF(GENERAL_SUBTREE) * subtrees, GENERAL_NAME *base)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(subtrees); i++) {
        if (GENERAL_NAME_cmp(sk_GENERAL_SUBTREE_value(subtrees, i)->base, base) == 0) {
            return true;
        }
    }
    return false;
}

/* Takes over `base`. */
static bool subtrees_add(STACK_OF(GENERAL_SUBTREE) * subtrees, GENERAL_NAME *base)
{
    if (base == NULL) {
        return false;
    }
    if (subtrees_contain(subtrees, base)) {
        GENERAL_NAME_free(base);
        return true;
    }
    GENERAL_SUBTREE *subtree = GENERAL_SUBTREE_new();
    if (subtree == NULL) {
        GENERAL_NAME_free(base);
        return false;
    }
    GENERAL_NAME_free(subtree->base);
    subtree->base = base;
    if (sk_GENERAL_SUBTREE_push(subtrees, subtree) == 0) {
        GENERAL_SUBTREE_free(subtree);
        return false;
    }
    return true;
}

NAME_CONSTRAINTS *certificate_constraints_make(const GENERAL_NAMES *names, X509 *before)
{
    NAME_CONSTRAINTS *made =
        before == NULL ? NULL : X509_get_ext_d2i(before, NID_name_constraints, NULL, NULL);
    if (made == NULL) {
        made = NAME_CONSTRAINTS_new();
    }
    if (made != NULL && made->permittedSubtrees == NULL) {
        made->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
    }
    bool good = made != NULL && made->permittedSubtrees != NULL;
    for (int i = 0; good && i < sk_GENERAL_NAME_num(names); i++) {
        good = subtrees_add(made->permittedSubtrees, subtree_base(sk_GENERAL_NAME_value(names, i)));
    }
    if (!good) {
        NAME_CONSTRAINTS_free(made);
        return NULL;
    }
    return made;
}
