/* SPDX-License-Identifier: MIT */

/*
 * Clients of the service library in several threads at once, made, used and destroyed there:
 * service_threads_probe CONNECTION_STRING. Prints how many calls were answered.
 */
#include <pthread.h>
#include <stdio.h>

#include <iothub/service.h>

enum { THREADS = 8, CLIENTS = 3, CALLS = 10 };

struct worker {
    pthread_t thread;
    const char *connection_string;
    int answers;
};

static void ask(struct worker *worker, struct iothub_service *service)
{
    const struct iothub_service_id device = {.device_id = "d1"};
    for (int i = 0; i < CALLS; i++) {
        cJSON *twin = NULL;
        struct iothub_error error;
        if (iothub_service_twin_get(service, device, &twin, &error) == IOTHUB_OK) {
            worker->answers++;
        } else {
            (void)fprintf(stderr, "%s\n", error.text);
        }
        cJSON_Delete(twin);
    }
}

static void *work(void *ctx)
{
    struct worker *worker = ctx;
    for (int i = 0; i < CLIENTS; i++) {
        struct iothub_service *service = NULL;
        struct iothub_error error;
        if (iothub_service_create(worker->connection_string, NULL, &service, &error) == IOTHUB_OK) {
            ask(worker, service);
        } else {
            (void)fprintf(stderr, "%s\n", error.text);
        }
        iothub_service_destroy(service);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct worker workers[THREADS];
    int started = 0;
    int answers = 0;
    for (int i = 0; i < THREADS && argc == 2; i++) {
        workers[i] = (struct worker){.connection_string = argv[1]};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            break;
        }
        started++;
    }
    for (int i = 0; i < started; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        answers += workers[i].answers;
    }
    (void)printf("%d of %d\n", answers, THREADS * CLIENTS * CALLS);
    return answers == THREADS * CLIENTS * CALLS ? 0 : 1;
}
