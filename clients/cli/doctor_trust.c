/* SPDX-License-Identifier: MIT */
#include "clients/cli/doctor.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include "base/clock.h"
#include "clients/cli/files.h"
#include "clients/cli/java_options.h"
#include "clients/cli/java_store.h"

enum { DAY_S = 86400, SOON_DAYS = 30, ANSWER_MAX = 65536, PASSWORD_MAX = 4096 };

/* ---- the authority's file ---- */

/* The authority that the emulator has in memory, asked from it; NULL when it does not say. */
static X509 *ask_for_authority(const struct doctor *doctor)
{
    static const char request[] =
        "GET /ca.pem HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    CLEANUP(probe_finish) struct probe probe;
    probe_init(&probe, DOCTOR_WAIT_MS);
    CLEANUP(buf_finish) struct buf answer = BUF_INIT(ANSWER_MAX);
    if (probe_connect(&probe, "127.0.0.1", doctor->ready.ports.control) != PROBE_OK ||
        probe_ask(&probe, str_from(request), &answer) != PROBE_OK) {
        return NULL;
    }
    BIO *bio = BIO_new_mem_buf(answer.data, (int)answer.size);
    X509 *authority = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    (void)BIO_free(bio);
    ERR_clear_error();
    return authority;
}

static void x509_destroyp(X509 **certificate)
{
    X509_free(*certificate);
}

static void say_bad_file(struct doctor *doctor, const char *why)
{
    doctor_say(doctor, DOCTOR_WRONG, "%s: %s", doctor->ready.ca_path, why);
    doctor_mend(doctor, "curl -sSf -o %s http://127.0.0.1:%u/ca.pem",
                doctor_word(doctor, str_from(doctor->ready.ca_path)), doctor->ready.ports.control);
}

static const char *date_of(struct doctor *doctor, const ASN1_TIME *time)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    const long size =
        bio != NULL && ASN1_TIME_print(bio, time) == 1 ? BIO_get_mem_data(bio, &bytes) : 0;
    const char *text = arena_copy(&doctor->arena, str_of(bytes, (size_t)size));
    (void)BIO_free(bio);
    return text == NULL ? "" : text;
}

/* X509_cmp_time() compares with the clock: below 0, the time is past. */
static void check_dates(struct doctor *doctor, X509 *authority, bool is_served)
{
    const ASN1_TIME *end = X509_get0_notAfter(authority);
    const int64_t now_s = clock_now_us(&CLOCK_SYSTEM) / CLOCK_SECOND;
    time_t soon = (time_t)(now_s + (int64_t)SOON_DAYS * DAY_S);
    if (X509_cmp_current_time(end) < 0) {
        if (!is_served) {
            say_bad_file(doctor, "this authority expired");
            return;
        }
        doctor_say(doctor, DOCTOR_WRONG, "%s expired on %s; a new start makes a new one",
                   doctor->ready.ca_path, date_of(doctor, end));
        doctor_mend_restart(doctor, "");
    } else if (X509_cmp_current_time(X509_get0_notBefore(authority)) > 0) {
        doctor_say(doctor, DOCTOR_WRONG,
                   "%s is not valid before %s: is this machine's clock behind?",
                   doctor->ready.ca_path, date_of(doctor, X509_get0_notBefore(authority)));
        doctor_mend(doctor, "sudo timedatectl set-ntp true");
    } else if (X509_cmp_time(end, &soon) < 0) {
        doctor_say(doctor, DOCTOR_WARNING, "%s expires on %s; a new start makes a new one",
                   doctor->ready.ca_path, date_of(doctor, end));
        doctor_mend_restart(doctor, "");
    } else if (is_served) {
        doctor_say(doctor, DOCTOR_OK, "%s, valid until %s", doctor->ready.ca_path,
                   date_of(doctor, end));
    } else {
        say_bad_file(doctor, "this is not the authority of the emulator that runs");
    }
}

void doctor_check_authority(struct doctor *doctor)
{
    if (!doctor_has_ready(doctor)) {
        return;
    }
    struct problem problem = {0};
    if (files_read_certificates(doctor->ready.ca_path, &doctor->authority, &problem) != STATUS_OK) {
        say_bad_file(doctor, problem.text);
        return;
    }
    CLEANUP(x509_destroyp) X509 *served = ask_for_authority(doctor);
    check_dates(doctor, sk_X509_value(doctor->authority, 0),
                served == NULL || certificates_hold(doctor->authority, served));
}

/* ---- what the hub shows ---- */

static void mend_certificate(struct doctor *doctor, long error)
{
    if (!doctor->is_emulator) {
        return;
    }
    if (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        const char *option = arena_format(&doctor->arena, " --hostname %s", doctor->endpoint.host);
        doctor_mend_restart(doctor, option == NULL ? "" : option);
    } else {
        doctor_mend(doctor, DOCTOR_EVAL);
    }
}

void doctor_check_certificate(struct doctor *doctor)
{
    const struct doctor_visit *visit = doctor_visit(doctor);
    if (!visit->made) {
        return;
    }
    if (visit->result != PROBE_OK) {
        doctor_say(doctor, DOCTOR_WRONG, "nothing to look at: %s port %u: %s",
                   doctor->endpoint.host, doctor->endpoint.port, visit->why_not.text);
        if (doctor_has_ready(doctor) && doctor->is_emulator) {
            doctor_mend(doctor, DOCTOR_EVAL); /* the emulator's own port was looked at before */
        }
        return;
    }
    if (visit->certificate_error != X509_V_OK) {
        struct problem problem = {0};
        endpoint_explain_certificate(visit->certificate_error, &doctor->endpoint, &problem);
        doctor_say(doctor, DOCTOR_WRONG, "%s", problem.text);
        mend_certificate(doctor, visit->certificate_error);
        return;
    }
    doctor_say(doctor, DOCTOR_OK, "made for %s, by an authority that is believed",
               doctor->endpoint.host);
}

/* ---- the variables ---- */

#define OURS "IOTHUB_CA_FILE"

static const struct trust_variable {
    const char *name;
    unsigned sdks; /* that need it */
    bool replaces; /* the file takes the place of the public authorities */
} trust_variables[] = {
    {OURS, SDK_ALL, false},
    {"SSL_CERT_FILE", SDK_PYTHON | SDK_C | SDK_DOTNET | SDK_AZ, true},
    {"REQUESTS_CA_BUNDLE", SDK_PYTHON | SDK_AZ, true},
    {"CURL_CA_BUNDLE", 0, true},
    {"NODE_EXTRA_CA_CERTS", SDK_NODE, false},
};

static bool is_of_interest(const struct doctor *doctor, const struct trust_variable *variable)
{
    return !doctor->sdk_chosen || (variable->sdks & doctor->sdks) != 0;
}

/* True when the file is as it should be; otherwise it was said what is not. */
static bool file_is_good(struct doctor *doctor, const struct trust_variable *variable,
                         const char *file)
{
    CLEANUP(certificates_destroyp) STACK_OF(X509) *certificates = NULL;
    struct problem problem = {0};
    const X509 *ours = sk_X509_value(doctor->authority, 0); /* NULL: nothing to compare with */
    if (files_read_certificates(file, &certificates, &problem) != STATUS_OK) {
        doctor_say(doctor, DOCTOR_WRONG, "%s names %s: %s", variable->name, file, problem.text);
    } else if (doctor->is_emulator && ours != NULL && !certificates_hold(certificates, ours)) {
        doctor_say(doctor, DOCTOR_WRONG, "%s names %s, which lacks the emulator's authority",
                   variable->name, file);
    } else if (variable->replaces && ours != NULL && sk_X509_num(certificates) == 1 &&
               certificates_hold(certificates, ours)) {
        doctor_say(doctor, DOCTOR_WARNING,
                   "%s names %s, which holds the emulator's authority only: programs will trust "
                   "nobody else on the internet",
                   variable->name, file);
    } else {
        return true;
    }
    if (doctor_has_ready(doctor)) {
        doctor_mend(doctor, DOCTOR_EVAL);
    } else {
        doctor_mend(doctor, "unset %s", variable->name);
    }
    return false;
}

/*
 * IOTHUB_CA_FILE is missed where the string points at the emulator and iothub would not look for
 * its ready file; the others by the SDK that reads them.
 */
static enum doctor_state state_when_unset(const struct doctor *doctor,
                                          const struct trust_variable *variable)
{
    if (strcmp(variable->name, OURS) == 0) {
        return doctor_variable("IOTHUB_CONNECTION_STRING") != NULL ? DOCTOR_WRONG : DOCTOR_WARNING;
    }
    return doctor_needed_by(doctor, variable->sdks);
}

static void check_unset(struct doctor *doctor, const struct trust_variable *variable)
{
    doctor_say(doctor, state_when_unset(doctor, variable),
               "%s is not set: programs of this shell will not trust the emulator", variable->name);
    doctor_mend(doctor, DOCTOR_EVAL);
}

void doctor_check_variables(struct doctor *doctor)
{
    size_t set = 0;
    size_t good = 0;
    for (size_t i = 0; i < ARRAY_SIZE(trust_variables); i++) {
        const char *file = doctor_variable(trust_variables[i].name);
        if (file != NULL && is_of_interest(doctor, &trust_variables[i])) {
            set++;
            good += file_is_good(doctor, &trust_variables[i], file) ? 1 : 0;
        }
    }
    if (set > 0 && good == set) {
        doctor_say(doctor, DOCTOR_OK, "%zu certificate files that variables name are good", good);
    }
    const bool string_set = doctor_variable("IOTHUB_CONNECTION_STRING") != NULL;
    if (!doctor->is_emulator || !doctor_has_ready(doctor)) {
        return;
    }
    if (set == 0 && !doctor->sdk_chosen && !string_set) {
        doctor_say(doctor, DOCTOR_WARNING,
                   "none is set in this shell: iothub finds the emulator without, other programs "
                   "do not");
        doctor_mend(doctor, DOCTOR_EVAL);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(trust_variables); i++) {
        if (doctor_variable(trust_variables[i].name) == NULL &&
            is_of_interest(doctor, &trust_variables[i])) {
            check_unset(doctor, &trust_variables[i]);
        }
    }
}

/* ---- Java ---- */

/* JAVA_TOOL_OPTIONS is read by every JVM, JDK_JAVA_OPTIONS by the `java` command after it. */
static bool find_java_option(struct str name, struct buf *out)
{
    const char *tool = doctor_variable(JAVA_OPTIONS_VARIABLE);
    const char *launcher = doctor_variable("JDK_JAVA_OPTIONS");
    const bool in_tool = tool != NULL && java_options_find(str_from(tool), name, out);
    return (launcher != NULL && java_options_find(str_from(launcher), name, out)) || in_tool;
}

static void judge_store(struct doctor *doctor, const char *path, const char *password)
{
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(FILES_SIZE_MAX);
    struct problem problem = {0};
    enum java_store_answer answer = JAVA_STORE_LACKS;
    const X509 *ours = sk_X509_value(doctor->authority, 0);
    enum status status = files_read(path, &bytes, &problem);
    if (status == STATUS_OK) {
        status = java_store_ask(buf_str(&bytes), password, ours, &answer, &problem);
    }
    if (status != STATUS_OK) {
        doctor_say(doctor, DOCTOR_WRONG, "the trust store %s: %s", path, problem.text);
    } else if (answer == JAVA_STORE_LACKS) {
        doctor_say(doctor, DOCTOR_WRONG, "the trust store %s lacks the emulator's authority", path);
    } else if (answer == JAVA_STORE_UNMARKED) {
        doctor_say(doctor, DOCTOR_WRONG,
                   "the trust store %s holds the emulator's authority, but not as Java wants it: "
                   "stores made by openssl lack a mark",
                   path);
    } else {
        doctor_say(doctor, DOCTOR_OK, "the trust store %s holds the emulator's authority", path);
        return;
    }
    doctor_mend(doctor, DOCTOR_EVAL);
}

void doctor_check_java_store(struct doctor *doctor)
{
    if (sk_X509_num(doctor->authority) <= 0) {
        return; /* nothing to look for */
    }
    CLEANUP(buf_finish) struct buf path = BUF_INIT(FILES_SIZE_MAX);
    CLEANUP(buf_finish) struct buf password = BUF_INIT(PASSWORD_MAX);
    if (!find_java_option(STR(JAVA_TRUST_STORE), &path) || path.size == 0) {
        doctor_say(doctor, doctor_needed_by(doctor, SDK_JAVA),
                   JAVA_OPTIONS_VARIABLE " names no trust store: a JVM will not trust the "
                                         "emulator");
        doctor_mend(doctor, DOCTOR_EVAL);
        return;
    }
    if (!find_java_option(STR(JAVA_TRUST_PASSWORD), &password)) {
        buf_append_str(&password, STR(JAVA_STORE_PASSWORD));
    }
    judge_store(doctor, path.data, password.data == NULL ? "" : password.data);
}
