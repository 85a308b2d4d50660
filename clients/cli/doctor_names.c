/* SPDX-License-Identifier: MIT */
#include "clients/cli/doctor.h"

/* "127.0.0.1, ::1" */
static const char *all_addresses(struct doctor *doctor, const struct names_answer *answer)
{
    const char *text = "";
    for (size_t i = 0; i < answer->count && text != NULL; i++) {
        text =
            arena_format(&doctor->arena, "%s%s%s", text, i == 0 ? "" : ", ", answer->addresses[i]);
    }
    return text == NULL ? "" : text;
}

static void check_loopback(struct doctor *doctor, const char *name, enum doctor_state when_missing,
                           const char *who)
{
    const struct names_answer answer = names_resolve(name, DOCTOR_WAIT_MS);
    if (names_all_loopback(&answer)) {
        doctor_say(doctor, DOCTOR_OK, "%s is %s", name, all_addresses(doctor, &answer));
        return;
    }
    if (answer.count == 0) {
        doctor_say(doctor, when_missing, "%s does not resolve: %s%s", name, answer.why_not.text,
                   who);
    } else {
        doctor_say(doctor, when_missing, "%s is %s, which is not this machine%s", name,
                   all_addresses(doctor, &answer), who);
    }
    doctor_mend(doctor, "echo '127.0.0.1 %s' | sudo tee -a /etc/hosts", name);
}

void doctor_check_names(struct doctor *doctor)
{
    check_loopback(doctor, "localhost", DOCTOR_WRONG, "");
    check_loopback(doctor, ENVIRONMENT_DOTTED_HOST, doctor_needed_by(doctor, SDK_DOTTED),
                   " (the SDKs of Java, C and .NET want a name with a dot in it)");
}

void doctor_check_hub_name(struct doctor *doctor)
{
    if (!doctor->has_endpoint) {
        return;
    }
    const struct names_answer answer = names_resolve(doctor->endpoint.host, DOCTOR_REMOTE_WAIT_MS);
    if (answer.count > 0) {
        doctor_say(doctor, DOCTOR_OK, "%s is %s", doctor->endpoint.host,
                   all_addresses(doctor, &answer));
    } else {
        doctor_say(doctor, DOCTOR_WRONG,
                   "%s does not resolve: %s; is HostName spelt right, and is there a network?",
                   doctor->endpoint.host, answer.why_not.text);
    }
}
