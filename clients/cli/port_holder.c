/* SPDX-License-Identifier: MIT */
#include "clients/cli/port_holder.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "clients/cli/files.h"

enum { PATH_SIZE = 320, LINK_SIZE = 64, FIELD_STATE = 3, FIELD_INODE = 9 };

/* The nth field of a line of /proc/net/tcp, counted from 0; "" when it has fewer. */
static struct str field(struct str line, size_t n)
{
    for (;;) {
        line = str_trim(line);
        struct str head = STR_EMPTY;
        const bool more = str_cut(line, ' ', &head, &line);
        if (n == 0) {
            return head;
        }
        if (!more) {
            return STR_EMPTY;
        }
        n--;
    }
}

/* "   0: 0100007F:22B3 00000000:0000 0A ...": whether it listens on `port`; its inode. */
static bool line_listens(struct str line, uint16_t port, uint64_t *ret_inode)
{
    char wanted[8];
    (void)snprintf(wanted, sizeof(wanted), ":%04X", port);
    return str_ends(field(line, 1), str_from(wanted)) &&
           str_equal(field(line, FIELD_STATE), STR("0A")) &&
           str_to_u64(field(line, FIELD_INODE), ret_inode);
}

static bool find_inode(const char *table, uint16_t port, uint64_t *ret_inode)
{
    CLEANUP(buf_finish) struct buf text = BUF_INIT(FILES_SIZE_MAX);
    if (files_read(table, &text, NULL) != STATUS_OK) {
        return false;
    }
    struct str rest = buf_str(&text);
    struct str line = STR_EMPTY;
    while (str_cut(rest, '\n', &line, &rest)) {
        if (line_listens(line, port, ret_inode)) {
            return true;
        }
    }
    return false;
}

static void dir_closep(DIR **dir)
{
    if (*dir != NULL) {
        (void)closedir(*dir);
    }
}

static bool process_holds(const char *pid, const char *socket_name)
{
    char folder[PATH_SIZE];
    (void)snprintf(folder, sizeof(folder), "/proc/%s/fd", pid);
    CLEANUP(dir_closep) DIR *dir = opendir(folder);
    const struct dirent *entry = NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[PATH_SIZE * 2];
        char target[LINK_SIZE];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        const ssize_t size = readlink(path, target, sizeof(target));
        if (size > 0 && str_equal(str_of(target, (size_t)size), str_from(socket_name))) {
            return true;
        }
    }
    return false;
}

static long find_process(uint64_t inode)
{
    char socket_name[LINK_SIZE];
    (void)snprintf(socket_name, sizeof(socket_name), "socket:[%" PRIu64 "]", inode);
    CLEANUP(dir_closep) DIR *dir = opendir("/proc");
    const struct dirent *entry = NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        uint64_t pid = 0;
        if (str_to_u64(str_from(entry->d_name), &pid) &&
            process_holds(entry->d_name, socket_name)) {
            return (long)pid;
        }
    }
    return 0;
}

/* The arguments with spaces between them, nothing unprintable. */
static void read_command(struct port_holder *holder)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "/proc/%ld/cmdline", holder->pid);
    CLEANUP(buf_finish) struct buf text = BUF_INIT(FILES_SIZE_MAX);
    if (files_read(path, &text, NULL) != STATUS_OK) {
        return;
    }
    size_t size = 0;
    for (; size < text.size && size < sizeof(holder->command) - 1; size++) {
        const char c = text.data[size];
        const bool printable = c >= ' ' && c != '\x7f';
        holder->command[size] = ' ';
        if (printable) {
            holder->command[size] = c;
        }
    }
    while (size > 0 && holder->command[size - 1] == ' ') {
        size--;
    }
    holder->command[size] = '\0';
}

/* "0::/system.slice/mosquitto.service" */
static void read_unit(struct port_holder *holder)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "/proc/%ld/cgroup", holder->pid);
    CLEANUP(buf_finish) struct buf text = BUF_INIT(FILES_SIZE_MAX);
    if (files_read(path, &text, NULL) != STATUS_OK) {
        return;
    }
    struct str line = STR_EMPTY;
    struct str rest = STR_EMPTY;
    (void)str_cut(buf_str(&text), '\n', &line, &rest);
    struct str head = STR_EMPTY;
    while (str_cut(line, '/', &head, &rest)) {
        line = rest;
    }
    if (str_ends(line, STR(".service")) && line.size < sizeof(holder->unit)) {
        memcpy(holder->unit, line.data, line.size);
        holder->unit[line.size] = '\0';
    }
}

struct port_holder port_holder_find(uint16_t port)
{
    struct port_holder holder = {0};
    uint64_t inode = 0;
    holder.listening =
        find_inode("/proc/net/tcp", port, &inode) || find_inode("/proc/net/tcp6", port, &inode);
    if (holder.listening) {
        holder.pid = find_process(inode);
    }
    if (holder.pid != 0) {
        read_command(&holder);
        read_unit(&holder);
    }
    return holder;
}
