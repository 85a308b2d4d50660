/* SPDX-License-Identifier: MIT */
#include "base/sas.h"

#include <assert.h>

#include "base/connection_string.h"
#include "fuzz.h"

static const struct str key = {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 44};

static void check_inside(struct str part, struct str text)
{
    assert(part.size == 0 ||
           (part.data >= text.data && part.data + part.size <= text.data + text.size));
}

static void check_connection_string(struct str text)
{
    struct connection_string parts;
    if (connection_string_parse(text, &parts, NULL) == STATUS_OK) {
        check_inside(parts.host_name, text);
        check_inside(parts.shared_access_key, text);
    }
}

/* Every part lies in the text, and a token that is signed anew for the same resource verifies. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str text = str_of(data, size);
    check_connection_string(text);

    struct problem problem = {0};
    struct sas_token token;
    if (sas_parse(text, &token, &problem) != STATUS_OK) {
        assert(problem.text[0] != '\0');
        return 0;
    }
    check_inside(token.resource, text);
    check_inside(token.signature, text);
    check_inside(token.expiry_text, text);
    check_inside(token.policy, text);
    assert(token.expiry_s >= 0);
    (void)sas_verify(&token, key);

    CLEANUP(buf_finish) struct buf anew = BUF_INIT(SAS_TOKEN_SIZE_MAX);
    if (sas_sign(&anew, token.resource, key, token.policy, token.expiry_s) != STATUS_OK) {
        return 0; /* encoding made it too long */
    }
    struct sas_token again;
    assert(sas_parse(buf_str(&anew), &again, NULL) == STATUS_OK);
    assert(again.expiry_s == token.expiry_s);
    assert(sas_verify(&again, key));
    return 0;
}
