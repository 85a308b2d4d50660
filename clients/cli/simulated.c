/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "clients/cli/simulated_internal.h"

enum {
    ANSWER_MAX = 1 << 20,
    WAIT_MAX_MS = 100, /* so soon a device hears that it is to stop */
    BURST_MAX = 64,    /* messages sent before the connection is looked at again */
    FLUSH_MS = 10000,  /* for what is under way at the end */
    CONNECT_ATTEMPTS = 4,
};

#define CONNECT_RETRY_US (1 * CLOCK_SECOND)

int64_t simulated_due_us(int64_t start_us, int64_t interval_us, uint64_t k)
{
    return start_us + (int64_t)k * interval_us;
}

static bool is_stopping(const struct simulated *self)
{
    return atomic_load(&self->simulator->stopping);
}

/* ---- what it hears ---- */

static void append_echo(struct buf *out, const struct iothub_device_method *method)
{
    buf_append_str(out, STR("{\"methodName\":"));
    json_append_string(out, str_from(method->name));
    buf_append_str(out, STR(",\"methodRequestPayload\":"));
    if (method->payload == NULL) {
        buf_append_str(out, STR("null"));
    } else {
        json_append_tree(out, method->payload);
    }
    buf_append_byte(out, '}');
}

static void called(struct iothub_device *device, const struct iothub_device_method *method,
                   void *ctx)
{
    struct simulated *self = ctx;
    const struct simulation *plan = self->simulator->plan;
    CLEANUP(buf_finish) struct buf answer = BUF_INIT(ANSWER_MAX);
    if (plan->method_answer != NULL) {
        buf_append_str(&answer, str_from(plan->method_answer));
    } else {
        append_echo(&answer, method);
    }
    struct iothub_error error;
    if (buf_status(&answer) != STATUS_OK ||
        iothub_device_respond(device, method->request_id, plan->method_status, answer.data,
                              &error) != IOTHUB_OK) {
        return; /* the connection broke: the caller is told by the hub */
    }
    atomic_fetch_add(&self->simulator->counts.methods, 1);
    simulator_push(self->simulator, row_method(self, method, plan->method_status, answer.data));
}

static void message_came(struct iothub_device *device, const struct iothub_device_message *message,
                         void *ctx)
{
    (void)device;
    struct simulated *self = ctx;
    atomic_fetch_add(&self->simulator->counts.messages, 1);
    simulator_push(self->simulator, row_message(self, "message", message));
}

static void desired_changed(struct iothub_device *device,
                            const struct iothub_device_desired *desired, void *ctx)
{
    (void)device;
    struct simulated *self = ctx;
    atomic_fetch_add(&self->simulator->counts.desired, 1);
    simulator_push(self->simulator, row_desired(self, desired));
}

static void connection_changed(struct iothub_device *device, enum iothub_device_event event,
                               const char *reason, void *ctx)
{
    (void)device;
    struct simulated *self = ctx;
    struct simulator_counts *counts = &self->simulator->counts;
    switch (event) {
    case IOTHUB_DEVICE_LOST:
        atomic_fetch_sub(&counts->connected, 1);
        simulator_push(self->simulator, row_reason(self, "lost", reason));
        break;
    case IOTHUB_DEVICE_BACK:
        atomic_fetch_add(&counts->connected, 1);
        atomic_fetch_add(&counts->reconnects, 1);
        simulator_push(self->simulator, row_event(self, "back"));
        break;
    case IOTHUB_DEVICE_SIGNATURE_EXPIRES:
        simulator_push(self->simulator, row_reason(self, "expiring", reason));
        break;
    }
}

/* ---- life ---- */

static enum status told(enum iothub_result result, const struct iothub_error *error,
                        struct problem *problem)
{
    if (result == IOTHUB_OK) {
        return STATUS_OK;
    }
    problem_set(problem, PROBLEM_NO_OFFSET, "%s", error->text);
    return result == IOTHUB_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_INVALID;
}

static enum status make_device(struct simulated *self, const struct acting *acting,
                               struct problem *problem)
{
    const bool listens = self->simulator->plan->listens;
    const struct iothub_device_handlers handlers = {
        .desired = listens ? desired_changed : NULL,
        .method = listens ? called : NULL,
        .message = listens ? message_came : NULL,
        .connection = connection_changed,
        .ctx = self,
    };
    struct iothub_error error;
    enum iothub_result result = iothub_device_create(acting->actors[self->index].connection_string,
                                                     &handlers, &self->device, &error);
    if (result == IOTHUB_OK) {
        result = iothub_device_set_product(self->device, "iothub/" CLI_VERSION, &error);
    }
    if (result == IOTHUB_OK && acting->model_id != NULL) {
        result = iothub_device_set_model(self->device, acting->model_id, &error);
    }
    if (result == IOTHUB_OK && acting->certificate != NULL) {
        result = iothub_device_use_certificate(self->device, acting->certificate, acting->key,
                                               acting->passphrase, &error);
    }
    return told(result, &error, problem);
}

static enum status make_random(struct simulated *self, struct problem *problem)
{
    const struct simulation *plan = self->simulator->plan;
    if (plan->seeded) {
        random_init_seed(&self->random, plan->seed);
        /* Device i's is the seed's own (i + 1)th number. */
        uint64_t seed = random_u64(&self->random);
        for (size_t i = 0; i < self->index; i++) {
            seed = random_u64(&self->random);
        }
        random_init_seed(&self->random, seed);
        return STATUS_OK;
    }
    const enum status status = random_init_system(&self->random);
    if (status != STATUS_OK) {
        problem_set(problem, PROBLEM_NO_OFFSET, "the system gives no random numbers");
    }
    return status;
}

enum status simulated_init(struct simulated *self, struct simulator *simulator, size_t index,
                           const struct acting *acting, struct problem *problem)
{
    const struct simulation *plan = simulator->plan;
    *self = (struct simulated){
        .simulator = simulator,
        .index = index,
        .body = BUF_INIT((size_t)4 * TEMPLATE_SIZE_MAX), /* the library knows the hub's limit */
        .values = BUF_INIT((size_t)TEMPLATE_SIZE_MAX),
    };
    enum status status = make_random(self, problem);
    if (status == STATUS_OK) {
        self->property_states =
            mem_zalloc((plan->property_count + 1) * sizeof(*self->property_states));
        status = self->property_states == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = template_state_init(&self->body_state, plan->body, &self->random);
    }
    for (size_t i = 0; i < plan->property_count && status == STATUS_OK; i++) {
        status = template_state_init(&self->property_states[i], &plan->properties[i].value,
                                     &self->random);
    }
    return status == STATUS_OK ? make_device(self, acting, problem) : status;
}

void simulated_finish(struct simulated *self)
{
    iothub_device_destroy(self->device);
    self->device = NULL;
    template_state_finish(&self->body_state);
    for (size_t i = 0; self->property_states != NULL && i < self->simulator->plan->property_count;
         i++) {
        template_state_finish(&self->property_states[i]);
    }
    mem_free(self->property_states);
    self->property_states = NULL;
    buf_finish(&self->body);
    buf_finish(&self->values);
}

/* ---- sending ---- */

static void render(struct simulated *self)
{
    const struct simulation *plan = self->simulator->plan;
    const struct clock clock = CLOCK_SYSTEM;
    const struct template_moment moment = {
        .device_id = iothub_device_id(self->device),
        .n = self->sent + 1,
        .now_us = clock_now_us(&clock),
    };
    buf_clear(&self->body);
    buf_clear(&self->values);
    template_append(&self->body, plan->body, &self->body_state, &moment);
    for (size_t i = 0; i < plan->property_count; i++) {
        template_append(&self->values, &plan->properties[i].value, &self->property_states[i],
                        &moment);
        buf_append_byte(&self->values, '\0');
    }
    self->rendered = true;
}

/* The short names of system properties (device protocol reference, 2.2). */
static const char **system_property(struct iothub_device_message *message, const char *name)
{
    const struct {
        const char *name;
        const char **value;
    } places[] = {
        {"$.ct", &message->content_type},
        {"$.ce", &message->content_encoding},
        {"$.mid", &message->message_id},
        {"$.cid", &message->correlation_id},
        {"$.uid", &message->user_id},
        {"$.exp", &message->expiry_time_utc},
        {"$.ctime", &message->creation_time_utc},
        {"$.sub", &message->component},
        {"$.on", &message->output},
    };
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (strcmp(places[i].name, name) == 0) {
            return places[i].value;
        }
    }
    return NULL;
}

/* What was rendered, as a message; application properties go to `properties`. */
static struct iothub_device_message as_message(const struct simulated *self,
                                               struct iothub_device_property *properties)
{
    const struct simulation *plan = self->simulator->plan;
    struct iothub_device_message message = {
        .body = self->body.data == NULL ? "" : self->body.data,
        .body_size = self->body.size,
        .content_type = plan->content_type,
        .properties = properties,
    };
    const char *value = self->values.data;
    for (size_t i = 0; i < plan->property_count; i++) {
        const char **place = system_property(&message, plan->properties[i].name);
        if (place != NULL) {
            *place = value;
        } else {
            properties[message.property_count++] =
                (struct iothub_device_property){plan->properties[i].name, value};
        }
        value += strlen(value) + 1;
    }
    if (message.content_type == NULL && json_check(buf_str(&self->body), NULL) == STATUS_OK) {
        message.content_type = "application/json";
        message.content_encoding =
            message.content_encoding == NULL ? "utf-8" : message.content_encoding;
    }
    return message;
}

static void confirmed(struct iothub_device *device, enum iothub_result result, void *ctx)
{
    (void)device;
    struct simulated *self = ctx;
    if (result == IOTHUB_OK) {
        atomic_fetch_add(&self->simulator->counts.acknowledged, 1);
    }
}

static void count_sent(struct simulated *self)
{
    struct simulator_counts *counts = &self->simulator->counts;
    const int64_t now_us = clock_monotonic_us();
    int64_t never = 0;
    (void)atomic_compare_exchange_strong(&counts->first_us, &never, now_us);
    atomic_store(&counts->last_us, now_us);
    atomic_fetch_add(&counts->sent, 1);
    atomic_fetch_add(&counts->bytes, self->body.size);
    self->sent++;
    self->rendered = false;
}

/* IOTHUB_UNAVAILABLE: too many are under way; it is kept for the next time. */
static enum iothub_result send_next(struct simulated *self, struct iothub_error *error)
{
    if (!self->rendered) {
        render(self);
    }
    if (buf_status(&self->body) != STATUS_OK || buf_status(&self->values) != STATUS_OK) {
        *error =
            (struct iothub_error){.result = IOTHUB_INVALID, .text = "the message is too large"};
        return IOTHUB_INVALID;
    }
    struct iothub_device_property properties[SIMULATOR_PROPERTIES_MAX];
    const struct iothub_device_message message = as_message(self, properties);
    const enum iothub_result result =
        iothub_device_send_async(self->device, &message, confirmed, self, error);
    if (result == IOTHUB_OK) {
        if (self->simulator->plan->shows_sent) {
            cJSON *row = row_message(self, "sent", &message);
            if (row != NULL) {
                (void)cJSON_AddNumberToObject(row, "n", (double)(self->sent + 1));
            }
            simulator_push(self->simulator, row);
        }
        count_sent(self);
    }
    return result;
}

/* ---- its thread ---- */

static bool has_more(const struct simulated *self)
{
    return self->sent < self->simulator->plan->count;
}

/* Sends what is due, and tells how long nothing will be. */
static enum iothub_result send_due(struct simulated *self, int *ret_wait_ms,
                                   struct iothub_error *error)
{
    const struct simulation *plan = self->simulator->plan;
    *ret_wait_ms = WAIT_MAX_MS;
    for (int i = 0; i < BURST_MAX && has_more(self); i++) {
        const int64_t left_us =
            simulated_due_us(self->start_us, plan->interval_us, self->sent) - clock_monotonic_us();
        if (left_us > 0) {
            const int64_t left_ms = (left_us + 999) / 1000;
            *ret_wait_ms = left_ms < WAIT_MAX_MS ? (int)left_ms : WAIT_MAX_MS;
            return IOTHUB_OK;
        }
        const enum iothub_result result = send_next(self, error);
        if (result == IOTHUB_UNAVAILABLE) {
            return IOTHUB_OK;
        }
        if (result != IOTHUB_OK) {
            return result;
        }
    }
    *ret_wait_ms = has_more(self) ? 0 : WAIT_MAX_MS;
    return IOTHUB_OK;
}

/* Waits until the hub has confirmed everything: as long as that takes or, when it was told to stop,
 * a little while, after which the totals tell what was not confirmed. */
static enum iothub_result settle(struct simulated *self, struct iothub_error *error)
{
    const int64_t patience_us = self->simulator->plan->patience_us;
    const int64_t until_us = clock_monotonic_us() + patience_us;
    enum iothub_result result = IOTHUB_OK;
    while (result == IOTHUB_OK && !is_stopping(self) && iothub_device_pending(self->device) > 0) {
        result = iothub_device_run(self->device, WAIT_MAX_MS, error);
        if (result == IOTHUB_OK && patience_us > 0 && clock_monotonic_us() > until_us &&
            iothub_device_pending(self->device) > 0) {
            *error = (struct iothub_error){
                .result = IOTHUB_UNAVAILABLE,
                .text = "the hub did not confirm all messages; they may still have arrived"};
            return IOTHUB_UNAVAILABLE;
        }
    }
    if (result == IOTHUB_OK && iothub_device_pending(self->device) > 0) {
        result = iothub_device_flush(self->device, FLUSH_MS, error);
        result = result == IOTHUB_UNAVAILABLE ? IOTHUB_OK : result;
    }
    return result;
}

static enum iothub_result work(struct simulated *self, struct iothub_error *error)
{
    enum iothub_result result = IOTHUB_OK;
    int wait_ms = 0;
    const bool stays = self->simulator->plan->stays;
    while (result == IOTHUB_OK && !is_stopping(self) && (stays || has_more(self))) {
        result = send_due(self, &wait_ms, error);
        if (result == IOTHUB_OK) {
            result = iothub_device_run(self->device, wait_ms, error);
        }
    }
    return result == IOTHUB_OK ? settle(self, error) : result;
}

static void wait_a_little(struct simulated *self, int64_t us)
{
    const int64_t until_us = clock_monotonic_us() + us;
    while (!is_stopping(self) && clock_monotonic_us() < until_us) {
        const struct timespec nap = {.tv_nsec = WAIT_MAX_MS * 1000000L};
        (void)nanosleep(&nap, NULL);
    }
}

/* A hub that is busy may be asked again, also where many devices come at once; one that is not
 * there may not. */
static enum iothub_result begin(struct simulated *self, struct iothub_error *error)
{
    struct simulator *simulator = self->simulator;
    enum iothub_result result = IOTHUB_UNAVAILABLE;
    for (int attempt = 0; attempt < CONNECT_ATTEMPTS && !is_stopping(self); attempt++) {
        while (sem_wait(&simulator->gate) != 0) {
        }
        result = iothub_device_connect(self->device, error);
        (void)sem_post(&simulator->gate);
        if (result != IOTHUB_UNAVAILABLE || error->http_status == 0) {
            break;
        }
        wait_a_little(self, CONNECT_RETRY_US << attempt);
    }
    if (result == IOTHUB_OK && simulator->plan->reported != NULL) {
        result = iothub_device_report(self->device, simulator->plan->reported, NULL, error);
    }
    if (result == IOTHUB_OK) {
        atomic_fetch_add(&simulator->counts.connected, 1);
        simulator_push(simulator, row_event(self, "connected"));
    }
    return result;
}

/* Devices of one rate are spread over its interval, so that they do not all send at once. */
static int64_t phase_us(const struct simulated *self)
{
    const struct simulator *simulator = self->simulator;
    return simulator->plan->interval_us * (int64_t)self->index / (int64_t)simulator->count;
}

void simulated_run(struct simulated *self)
{
    struct simulator *simulator = self->simulator;
    struct iothub_error error = {.result = IOTHUB_OK};
    enum iothub_result result = begin(self, &error);
    if (result == IOTHUB_OK) {
        self->start_us = clock_monotonic_us() + phase_us(self);
        result = work(self, &error);
    }
    if (result != IOTHUB_OK && !(is_stopping(self) && result == IOTHUB_UNAVAILABLE)) {
        atomic_fetch_add(&simulator->counts.failed, 1);
        simulator_push(simulator, row_reason(self, "failed", error.text));
        simulator_note_failure(simulator, &error);
    }
    iothub_device_disconnect(self->device);
}
