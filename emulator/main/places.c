/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "main/app.h"
#include "main/files.h"

enum { BUNDLE_SIZE_MAX = 1 << 24 };

/* ---- folders ---- */

/* Other programs are told of paths in it, so it is made absolute: they were started elsewhere. */
static enum status take_folder(const char *path, unsigned mode, char ret_folder[PATH_MAX],
                               struct problem *problem)
{
    const enum status status = folder_make(path, mode, problem);
    if (status == STATUS_OK && realpath(path, ret_folder) == NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET, "could not use the folder %s: %s", path,
                    strerror(errno));
        return STATUS_IO;
    }
    return status;
}

static enum status find_home(struct app *app, struct problem *problem)
{
    char path[PATH_MAX];
    const char *data_home = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int size = -1;
    if (app->options.home != NULL) {
        size = snprintf(path, sizeof(path), "%s", app->options.home);
    } else if (data_home != NULL && data_home[0] == '/') {
        size = snprintf(path, sizeof(path), "%s/iothub-emulator", data_home);
    } else if (home != NULL && home[0] == '/') {
        size = snprintf(path, sizeof(path), "%s/.local/share/iothub-emulator", home);
    } else {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "there is no HOME to keep certificates and keys in; say where with --home DIR");
        return STATUS_INVALID;
    }
    if (size < 0 || (size_t)size >= sizeof(path)) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "the path of the installation's folder is too long");
        return STATUS_LIMIT;
    }
    return take_folder(path, 0700, app->home, problem);
}

static void path_in(const char *folder, const char *name, char path[APP_PATH_SIZE])
{
    (void)snprintf(path, APP_PATH_SIZE, "%s/%s", folder, name);
}

void app_path_in_home(const struct app *app, const char *name, char path[APP_PATH_SIZE])
{
    path_in(app->home, name, path);
}

static bool is_public(const struct app *app)
{
    return app->options.public_dir != NULL;
}

/* ---- the ready file ---- */

/*
 * Two emulators at once: the first keeps its file. As with ports, a file that was asked for and
 * cannot be had is a failure, the usual one is done without.
 */
static enum status claim_ready_file(struct app *app, struct problem *problem)
{
    char path[APP_PATH_SIZE];
    path_in(is_public(app) ? app->public_folder : app->home, "ready.json", path);
    const char *asked = app->options.ready_file;
    struct ready_file *file = &app->ready_file;
    const enum status status = ready_file_claim(file, asked != NULL ? asked : path, problem);
    if (status != STATUS_OK || !file->other_holds) {
        return status;
    }
    if (asked != NULL) {
        problem_set(problem, PROBLEM_NO_OFFSET,
                    "--ready-file %s is that of a running emulator (pid %ld); name another", asked,
                    file->holder);
        return STATUS_UNAVAILABLE;
    }
    LOG_WARN("main",
             "carrying on without a ready file: %s is that of another running emulator (pid %ld), "
             "which is the one that programs find; for one of this one's own: --ready-file FILE",
             file->path, file->holder);
    return STATUS_OK;
}

enum status app_find_places(struct app *app, struct problem *problem)
{
    enum status status = find_home(app, problem);
    if (status == STATUS_OK && is_public(app)) {
        status = take_folder(app->options.public_dir, 0755, app->public_folder, problem);
    }
    return status == STATUS_OK ? claim_ready_file(app, problem) : status;
}

/* ---- what others have to read ---- */

static enum status copy_file(const char *from, const char *to, struct problem *problem)
{
    CLEANUP(buf_finish) struct buf bytes = BUF_INIT(BUNDLE_SIZE_MAX);
    bool there = false;
    const enum status status = file_read(from, &bytes, &there, problem);
    return status == STATUS_OK ? file_write(to, buf_str(&bytes), 0644, problem) : status;
}

enum status app_publish_authority(struct app *app, struct problem *problem)
{
    const char *ca = net_tls_ca_path(app->tls);
    const char *bundle = net_tls_bundle_path(app->tls);
    if (!is_public(app)) {
        (void)snprintf(app->ca_path, sizeof(app->ca_path), "%s", ca);
        (void)snprintf(app->bundle_path, sizeof(app->bundle_path), "%s", bundle);
        return STATUS_OK;
    }
    path_in(app->public_folder, "ca.pem", app->ca_path);
    path_in(app->public_folder, "ca-bundle.pem", app->bundle_path);
    const enum status status = copy_file(ca, app->ca_path, problem);
    return status == STATUS_OK ? copy_file(bundle, app->bundle_path, problem) : status;
}

unsigned app_ready_file_mode(const struct app *app)
{
    return is_public(app) ? 0644 : 0600;
}
