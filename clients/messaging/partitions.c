/* SPDX-License-Identifier: MIT */
/*
 * Which partitions there are, where they end, and the links to them. "What is new" is pinned down
 * before the first link, as the position behind the last event of now: should the connection break
 * before an event was seen, what came meanwhile is still new. Later connections look whether the
 * event hub is still the same.
 */
#include "base/alloc.h"
#include "clients/messaging/failure_internal.h"
#include "clients/messaging/reader_internal.h"

enum { CREDIT_TOTAL = 1000, CREDIT_MIN = 10, CREDIT_MAX = 300 };

/* ---- Which there are ---- */

static enum iothub_result ask(struct iothub_reader *reader, struct requests *management,
                              const char *partition, char ret_id[REQUEST_ID_SIZE],
                              struct iothub_error *error)
{
    struct buf token CLEANUP(buf_finish) = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    const enum iothub_result result = login_token(&reader->login, &token, error);
    if (result != IOTHUB_OK) {
        return result;
    }
    const struct message_request request = {
        .pairs = {{"operation", "READ"},
                  {"name", reader->login.place.entity},
                  {"type",
                   partition == NULL ? "com.microsoft:eventhub" : "com.microsoft:partition"},
                  {"security_token", token.data},
                  {partition == NULL ? NULL : "partition", partition}},
        .body = "",
    };
    return requests_send(management, &request, ret_id, error);
}

static enum iothub_result no_memory(struct iothub_error *error)
{
    return failure_status(error, STATUS_NO_MEMORY, NULL);
}

static bool set_name(char *out, struct str name)
{
    if (name.size == 0 || name.size >= READER_NAME_SIZE) {
        return false;
    }
    memcpy(out, name.data, name.size);
    out[name.size] = '\0';
    return true;
}

/* `ids` is an array of texts, or a text alone. */
static enum iothub_result name_partitions(struct iothub_reader *reader, const cJSON *ids,
                                          struct iothub_error *error)
{
    const int count = cJSON_IsArray(ids) ? cJSON_GetArraySize(ids) : 1;
    if (count < 1 || (unsigned)count > READER_PARTITIONS_MAX) {
        return failure(error, IOTHUB_REFUSED, "the event hub told %d partitions", count);
    }
    struct partition *partitions = mem_zalloc((size_t)count * sizeof(*partitions));
    if (partitions == NULL) {
        return no_memory(error);
    }
    const cJSON *id = cJSON_IsArray(ids) ? ids->child : ids;
    for (int i = 0; i < count; i++, id = id->next) {
        if (!set_name(partitions[i].id, json_str(id))) {
            mem_free(partitions);
            return failure(error, IOTHUB_REFUSED, "the event hub told a partition without a name");
        }
        partitions[i].position = reader->start;
        partitions[i].last = -1;
        partitions[i].incoming = BUF_INIT(MESSAGE_SIZE_MAX);
    }
    reader->partitions = partitions;
    reader->count = (size_t)count;
    return IOTHUB_OK;
}

static enum iothub_result find_partitions(struct iothub_reader *reader, struct requests *management,
                                          const struct patience *patience,
                                          struct iothub_error *error)
{
    char id[REQUEST_ID_SIZE];
    struct message answer CLEANUP(message_finish);
    message_init(&answer);
    enum iothub_result result = ask(reader, management, NULL, id, error);
    if (result == IOTHUB_OK) {
        result = requests_await(management, &answer, patience, error);
    }
    if (result == IOTHUB_OK) {
        result = requests_verdict(&answer, "reading what the event hub consists of", error);
    }
    if (result == IOTHUB_OK) {
        result = name_partitions(reader, json_member(answer.value, "partition_ids"), error);
    }
    return result;
}

static enum iothub_result name_the_only(struct iothub_reader *reader, struct iothub_error *error)
{
    cJSON *id CLEANUP(json_destroyp) = cJSON_CreateString(reader->only);
    return id == NULL ? no_memory(error) : name_partitions(reader, id, error);
}

/* ---- Where they end ---- */

/*
 * A partition that ends before what was seen of it is another one: an event hub that was made anew.
 * All in it is new. (An emulator that keeps nothing does that whenever it starts.)
 */
static void pin_one_down(struct partition *partition, struct str offset, int64_t last)
{
    if (partition->position.start == IOTHUB_START_LATEST) {
        /* One that never had an event says "-1", or nothing. */
        partition->position = position_after(offset.size == 0 ? "-1" : offset.data, last);
        partition->has_last = true;
        partition->last = last;
    } else if (partition->has_last && last < partition->last) {
        partition->position = (struct position){.start = IOTHUB_START_EARLIEST};
        partition->has_last = false;
    }
}

/* Of whichever partition the answer is. */
static enum iothub_result pin_down(struct iothub_reader *reader, const struct message *answer,
                                   struct iothub_error *error)
{
    const enum iothub_result result =
        requests_verdict(answer, "reading where a partition ends", error);
    if (result != IOTHUB_OK) {
        return result;
    }
    double last = -1;
    struct str offset = STR_EMPTY;
    const struct str id = json_str(json_member(answer->value, "partition"));
    (void)json_member_str(answer->value, "last_enqueued_offset", &offset);
    const bool told = json_member_number(answer->value, "last_enqueued_sequence_number", &last);
    for (size_t i = 0; i < reader->count; i++) {
        struct partition *partition = &reader->partitions[i];
        if (str_equal(str_from(partition->id), id)) {
            pin_one_down(partition, offset, told ? (int64_t)last : partition->last);
        }
    }
    return IOTHUB_OK;
}

/* All are asked at once, as far as there is credit: far away, one after the other takes long. */
static enum iothub_result find_ends(struct iothub_reader *reader, struct requests *management,
                                    const struct patience *patience, struct iothub_error *error)
{
    enum iothub_result result = IOTHUB_OK;
    size_t asked = 0;
    for (size_t told = 0; told < reader->count && result == IOTHUB_OK; told++) {
        while (result == IOTHUB_OK && asked < reader->count &&
               (asked == told || pn_link_credit(management->sender) > 0)) {
            char id[REQUEST_ID_SIZE];
            result = ask(reader, management, reader->partitions[asked++].id, id, error);
        }
        struct message answer CLEANUP(message_finish);
        message_init(&answer);
        if (result == IOTHUB_OK) {
            result = requests_await(management, &answer, patience, error);
        }
        if (result == IOTHUB_OK) {
            result = pin_down(reader, &answer, error);
        }
    }
    return result;
}

/* Where it began at a place of the user's, and nothing has come yet, there is nothing to learn. */
static bool ends_matter(const struct iothub_reader *reader)
{
    for (size_t i = 0; i < reader->count; i++) {
        const struct partition *partition = &reader->partitions[i];
        if (partition->position.start == IOTHUB_START_LATEST || partition->has_last) {
            return true;
        }
    }
    return false;
}

static enum iothub_result look_around(struct iothub_reader *reader, const struct patience *patience,
                                      struct iothub_error *error)
{
    enum iothub_result result = IOTHUB_OK;
    if (reader->partitions == NULL && reader->only[0] != '\0') {
        result = name_the_only(reader, error);
    }
    const bool names_known = reader->partitions != NULL;
    if (result != IOTHUB_OK || (names_known && !ends_matter(reader))) {
        return result;
    }
    struct requests management = {.peer = NULL};
    result = requests_open(&management, reader->login.peer, "$management", patience, error);
    if (result == IOTHUB_OK && !names_known) {
        result = find_partitions(reader, &management, patience, error);
    }
    if (result == IOTHUB_OK && ends_matter(reader)) {
        result = find_ends(reader, &management, patience, error);
    }
    requests_close(&management);
    return result;
}

/* ---- The links ---- */

static int credit_max(const struct iothub_reader *reader)
{
    const size_t share = CREDIT_TOTAL / reader->count;
    return share < CREDIT_MIN ? CREDIT_MIN : (share > CREDIT_MAX ? CREDIT_MAX : (int)share);
}

void partition_flow(const struct iothub_reader *reader, struct partition *partition)
{
    const int max = credit_max(reader);
    const int credit = pn_link_credit(partition->link);
    if (credit <= max / 2) {
        pn_link_flow(partition->link, max - credit);
    }
}

static enum iothub_result attach(struct iothub_reader *reader, struct partition *partition,
                                 pn_session_t *session, struct iothub_error *error)
{
    struct buf address CLEANUP(buf_finish) = BUF_INIT(4UL * READER_NAME_SIZE + PLACE_TEXT_SIZE);
    struct buf selector CLEANUP(buf_finish) = BUF_INIT(4UL * SELECTOR_OFFSET_SIZE);
    buf_append_format(&address, "%s/ConsumerGroups/%s/Partitions/%s", reader->login.place.entity,
                      reader->group, partition->id);
    selector_append(&partition->position, &selector);
    if (buf_status(&address) != STATUS_OK || buf_status(&selector) != STATUS_OK) {
        return no_memory(error);
    }
    const struct peer_link_request request = {
        .session = session, .address = address.data, .selector = selector.data};
    partition->link = peer_attach(reader->login.peer, &request);
    if (partition->link == NULL) {
        return no_memory(error);
    }
    partition_flow(reader, partition);
    return IOTHUB_OK;
}

static bool all_are_decided(void *ctx)
{
    const struct iothub_reader *reader = ctx;
    for (size_t i = 0; i < reader->count; i++) {
        if (!peer_link_decided(reader->partitions[i].link)) {
            return false;
        }
    }
    return true;
}

static enum iothub_result attach_all(struct iothub_reader *reader, const struct patience *patience,
                                     struct iothub_error *error)
{
    pn_session_t *session = peer_session(reader->login.peer);
    enum iothub_result result = session == NULL ? no_memory(error) : IOTHUB_OK;
    for (size_t i = 0; i < reader->count && result == IOTHUB_OK; i++) {
        result = attach(reader, &reader->partitions[i], session, error);
    }
    if (result == IOTHUB_OK) {
        result = peer_wait(reader->login.peer, all_are_decided, reader, patience,
                           "an answer of the partitions", error);
    }
    for (size_t i = 0; i < reader->count && result == IOTHUB_OK; i++) {
        result = peer_link_verdict(reader->login.peer, reader->partitions[i].link, "reading events",
                                   error);
    }
    return result;
}

enum iothub_result partitions_attach(struct iothub_reader *reader, const struct patience *patience,
                                     struct iothub_error *error)
{
    const enum iothub_result result = look_around(reader, patience, error);
    return result == IOTHUB_OK ? attach_all(reader, patience, error) : result;
}
