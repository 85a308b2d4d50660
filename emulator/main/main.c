/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "main/app.h"
#include "main/check_ready.h"
#include "main/options_text.h"

static int fail(const struct problem *problem, enum status status)
{
    (void)fprintf(stderr, "iothub-emulator: %s\n",
                  problem->text[0] != '\0' ? problem->text : status_text(status));
    return status == STATUS_INVALID ? 2 : 1;
}

static int run(const struct options *options)
{
    struct problem problem = {.text = ""};
    struct app app;
    enum status status = app_init(&app, options, &problem);
    if (status == STATUS_OK) {
        control_set_ready(app.control);
        status = app_write_ready_file(&app, &problem);
    }
    if (status == STATUS_OK) {
        app_print_banner(&app);
        service_manager_tell("READY=1");
        status = net_run(app.net);
        service_manager_tell("STOPPING=1");
    }
    app_finish(&app);
    return status == STATUS_OK ? EXIT_SUCCESS : fail(&problem, status);
}

int main(int argc, char **argv)
{
    mem_use_for_json();
    struct problem problem = {.text = ""};
    struct options options;
    const enum status status = options_parse(argc, argv, &options, &problem);
    if (status != STATUS_OK) {
        return fail(&problem, status);
    }
    log_set_level(options.log_level);
    switch (options.action) {
    case OPTIONS_HELP:
        options_print_help();
        return EXIT_SUCCESS;
    case OPTIONS_MAN:
        options_print_man(EMULATOR_VERSION);
        return EXIT_SUCCESS;
    case OPTIONS_VERSION:
        (void)printf("iothub-emulator %s\n", EMULATOR_VERSION);
        return EXIT_SUCCESS;
    case OPTIONS_CHECK_READY:
        return check_ready(options.control.port) ? EXIT_SUCCESS : EXIT_FAILURE;
    case OPTIONS_RUN:
        break;
    }
    return run(&options);
}
