/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/json.h"
#include "base/sas.h"
#include "clients/cli/doctor.h"
#include "clients/cli/duration.h"
#include "clients/cli/http_date.h"

enum { ANSWER_MAX = 1 << 20, REQUEST_MAX = 16384, TOKEN_LIFE_S = 300, HTTP_UNAUTHORIZED = 401 };
enum { SKEW_WRONG_S = 300, SKEW_WARNING_S = 30 };

/* What a back end may ask with each of the hub's policies but `device` (service API
 * reference, 2.9).
 */
static const char *const paths[] = {"/statistics/service", "/statistics/devices"};

/* ---- the request ---- */

static bool is_emulators_own(const struct doctor *doctor)
{
    const struct ready_ports *ports = &doctor->ready.ports;
    return doctor->is_emulator && doctor_has_ready(doctor) &&
           (doctor->endpoint.port == ports->https || doctor->endpoint.port == ports->https_alt);
}

/* A token that is at hand, or one made with the key; nothing when there is neither. */
static bool append_authorization(struct buf *request, const struct doctor *doctor, int64_t now_s)
{
    const struct connection_string *parts = &doctor->parts;
    CLEANUP(buf_finish) struct buf token = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    if (parts->shared_access_signature.size > 0) {
        buf_append_str(&token, parts->shared_access_signature);
    } else if (parts->shared_access_key_name.size == 0 ||
               !sas_key_valid(parts->shared_access_key) ||
               sas_sign(&token, str_from(doctor->endpoint.host), parts->shared_access_key,
                        parts->shared_access_key_name, now_s + TOKEN_LIFE_S) != STATUS_OK) {
        return false;
    }
    for (size_t i = 0; i < token.size; i++) {
        if (token.data[i] < ' ') {
            return false; /* no header holds a line break */
        }
    }
    buf_append_format(request, "Authorization: %.*s\r\n", STR_ARG(buf_str(&token)));
    return true;
}

static void append_request(struct buf *request, const struct doctor *doctor, const char *path,
                           struct doctor_visit *visit)
{
    const char *host = doctor->endpoint.host;
    const bool six = strchr(host, ':') != NULL;
    buf_append_format(request, "GET %s?api-version=2021-04-12 HTTP/1.1\r\nHost: %s%s%s\r\n", path,
                      six ? "[" : "", host, six ? "]" : "");
    buf_append_str(request, STR("User-Agent: iothub-doctor\r\nConnection: close\r\n"));
    visit->signed_request = visit->certificate_error == X509_V_OK &&
                            append_authorization(request, doctor, visit->asked_at_s);
    buf_append_str(request, STR("\r\n"));
}

/* ---- the answer ---- */

static void read_header(struct str line, struct doctor_visit *visit)
{
    struct str name = STR_EMPTY;
    struct str value = STR_EMPTY;
    if (str_cut(line, ':', &name, &value) && str_equal_nocase(name, STR("Date"))) {
        (void)http_date_read(str_trim(value), &visit->date_s);
    }
}

/* The words of {"Message": "..."}, which every refusal bears (service API reference, 2.15). */
static void read_why(struct doctor *doctor, struct str body, struct doctor_visit *visit)
{
    const size_t start = str_find(body, '{'); /* chunks are framed: their sizes stand around it */
    const char *end = body.size == 0 ? NULL : strrchr(body.data, '}');
    CLEANUP(json_destroyp) cJSON *tree = NULL;
    if (start == SIZE_MAX || end == NULL || end < body.data + start ||
        json_parse(str_of(body.data + start, (size_t)(end - body.data) - start + 1), &tree, NULL) !=
            STATUS_OK) {
        return;
    }
    const char *why = arena_copy(&doctor->arena, json_str(json_member(tree, "Message")));
    visit->why = why == NULL ? "" : why;
}

static void read_answer(struct doctor *doctor, struct str answer, struct doctor_visit *visit)
{
    struct str rest = answer;
    struct str line = STR_EMPTY;
    uint64_t status = 0;
    (void)str_cut(rest, '\n', &line, &rest);
    if (str_starts(line, STR("HTTP/1.")) && line.size >= 12 &&
        str_to_u64(str_of(line.data + 9, 3), &status)) {
        visit->http_status = (unsigned)status;
    }
    while (str_cut(rest, '\n', &line, &rest)) {
        line.size -= str_ends(line, STR("\r")) ? 1 : 0;
        if (line.size == 0) {
            break;
        }
        read_header(line, visit);
    }
    read_why(doctor, rest, visit);
}

/* ---- the visit ---- */

static enum probe_result connect_to_hub(const struct doctor *doctor, struct probe *probe)
{
    const int wait_ms = doctor->is_emulator ? DOCTOR_WAIT_MS : DOCTOR_REMOTE_WAIT_MS;
    const struct names_answer names = names_resolve(doctor->endpoint.host, wait_ms);
    enum probe_result result = PROBE_UNREACHABLE;
    probe_init(probe, wait_ms);
    problem_set(&probe->why_not, PROBLEM_NO_OFFSET, "%s", names.why_not.text);
    for (size_t i = 0; i < names.count && result != PROBE_OK; i++) {
        probe_finish(probe);
        probe_init(probe, wait_ms);
        result = probe_connect(probe, names.addresses[i], doctor->endpoint.port);
    }
    return result;
}

static void visit_once(struct doctor *doctor, const char *path, struct doctor_visit *ret_visit)
{
    struct doctor_visit visit = {.made = true, .why = ""};
    CLEANUP(probe_finish) struct probe probe;
    CLEANUP(buf_finish) struct buf request = BUF_INIT(REQUEST_MAX);
    CLEANUP(buf_finish) struct buf answer = BUF_INIT(ANSWER_MAX);
    visit.result = connect_to_hub(doctor, &probe);
    if (visit.result == PROBE_OK) {
        visit.result = probe_tls(&probe, doctor->endpoint.host,
                                 is_emulators_own(doctor) ? doctor->authority : NULL);
    }
    if (visit.result == PROBE_OK) {
        visit.certificate_error = probe.certificate_error;
        visit.asked_at_s = clock_now_us(&CLOCK_SYSTEM) / CLOCK_SECOND;
        append_request(&request, doctor, path, &visit);
        if (probe_ask(&probe, buf_str(&request), &answer) == PROBE_OK) {
            read_answer(doctor, buf_str(&answer), &visit);
        }
    }
    visit.why_not = probe.why_not;
    *ret_visit = visit;
}

const struct doctor_visit *doctor_visit(struct doctor *doctor)
{
    if (doctor->visit.made || !doctor->has_endpoint) {
        return &doctor->visit;
    }
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        visit_once(doctor, paths[i], &doctor->visit);
        if (!doctor->visit.signed_request || doctor->visit.http_status != HTTP_UNAUTHORIZED) {
            break;
        }
    }
    return &doctor->visit;
}

/* ---- the clock ---- */

static const char *in_words(struct doctor *doctor, int64_t seconds)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(REQUEST_MAX);
    duration_append(&text, seconds);
    const char *kept = arena_copy(&doctor->arena, buf_str(&text));
    return kept == NULL ? "" : kept;
}

void doctor_check_clock(struct doctor *doctor)
{
    const struct doctor_visit *visit = doctor_visit(doctor);
    const int64_t now_s = clock_now_us(&CLOCK_SYSTEM) / CLOCK_SECOND;
    if (now_s < INT64_C(1600000000)) {
        doctor_say(doctor, DOCTOR_WRONG,
                   "this machine believes that it is before September 2020: certificates are not "
                   "yet valid, tokens have expired when they arrive");
        doctor_mend(doctor, "sudo timedatectl set-ntp true");
        return;
    }
    if (visit->date_s == 0) {
        return; /* nothing to compare with; why, the certificate's check has said */
    }
    const int64_t ahead_s = visit->asked_at_s - visit->date_s;
    const int64_t skew_s = ahead_s < 0 ? -ahead_s : ahead_s;
    if (skew_s <= SKEW_WARNING_S) {
        doctor_say(doctor, DOCTOR_OK, "agrees with the hub's, to %s", in_words(doctor, skew_s));
        return;
    }
    doctor_say(doctor, skew_s > SKEW_WRONG_S ? DOCTOR_WRONG : DOCTOR_WARNING,
               "this machine's is %s %s the hub's: tokens %s", in_words(doctor, skew_s),
               ahead_s > 0 ? "ahead of" : "behind",
               ahead_s > 0 ? "last longer than they say"
                           : "have expired when they arrive, and certificates may seem not yet "
                             "valid");
    doctor_mend(doctor, "sudo timedatectl set-ntp true");
}
