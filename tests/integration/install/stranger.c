/* SPDX-License-Identifier: MIT */
/*
 * A program of somebody who has nothing but what is installed; C and C++ alike. Counts the devices
 * of a hub and connects as one. Arguments: the back end's connection string, the device's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iothub/device.h>
#include <iothub/messaging.h>
#include <iothub/service.h>

static enum iothub_result count_devices(const char *connection_string, struct iothub_error *error)
{
    struct iothub_service *service = NULL;
    cJSON *identities = NULL;
    enum iothub_result result = iothub_service_create(connection_string, NULL, &service, error);
    if (result == IOTHUB_OK) {
        result = iothub_service_devices(service, 10, &identities, error);
    }
    if (result == IOTHUB_OK) {
        printf("devices: %d\n", cJSON_GetArraySize(identities));
    }
    cJSON_Delete(identities);
    iothub_service_destroy(service);
    return result;
}

static enum iothub_result connect_device(const char *connection_string, struct iothub_error *error)
{
    struct iothub_device *device = NULL;
    struct iothub_device_handlers handlers;
    memset(&handlers, 0, sizeof(handlers));
    enum iothub_result result = iothub_device_create(connection_string, &handlers, &device, error);
    if (result == IOTHUB_OK) {
        result = iothub_device_connect(device, error);
    }
    if (result == IOTHUB_OK) {
        printf("connected: %s\n", iothub_device_id(device));
        iothub_device_disconnect(device);
    }
    iothub_device_destroy(device);
    return result;
}

int main(int argc, char **argv)
{
    struct iothub_error error;
    if (argc != 3) {
        return 2;
    }
    if (count_devices(argv[1], &error) != IOTHUB_OK ||
        connect_device(argv[2], &error) != IOTHUB_OK) {
        fprintf(stderr, "%s\n", error.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
