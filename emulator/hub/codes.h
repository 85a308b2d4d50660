/* SPDX-License-Identifier: MIT */
#ifndef HUB_CODES_H
#define HUB_CODES_H

/*
 * The service's answers, apart from hub.h because every endpoint has a table over them. A code is
 * the service's own six digits: HTTP status * 1000 + n (service reference, 2.15); HUB_OK is 0.
 */
#define HUB_CODES(X)                                                                               \
    X(400000, GENERIC_BAD_REQUEST, "GenericBadRequest")                                            \
    X(400001, INVALID_PROTOCOL_VERSION, "InvalidProtocolVersion")                                  \
    X(400003, INVALID_OPERATION, "InvalidOperation")                                               \
    X(400004, ARGUMENT_INVALID, "ArgumentInvalid")                                                 \
    X(400005, ARGUMENT_NULL, "ArgumentNull")                                                       \
    X(400006, FORMAT_ERROR, "IotHubFormatError")                                                   \
    X(400011, DEVICE_DEFINED_MULTIPLE_TIMES, "DeviceDefinedMultipleTimes")                         \
    X(400013, BULK_REGISTRY_OPERATION_FAILURE, "BulkRegistryOperationFailure")                     \
    X(400027, CONNECTION_CLOSED_ON_NEW_CONNECTION, "ConnectionForcefullyClosedOnNewConnection")    \
    X(401001, IOTHUB_NOT_FOUND, "IotHubNotFound")                                                  \
    X(401002, UNAUTHORIZED_ACCESS, "IotHubUnauthorizedAccess")                                     \
    X(401003, UNAUTHORIZED, "IotHubUnauthorized")                                                  \
    X(401100, SYSTEM_MODULE_MODIFY, "SystemModuleModifyUnauthorizedAccess")                        \
    X(403004, DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED, "DeviceMaximumQueueDepthExceeded")              \
    X(403005, MAX_CBS_TOKEN_EXCEEDED, "IotHubMaxCbsTokenExceeded")                                 \
    X(403009, INVALID_MESSAGE_EXPIRY_TIME, "InvalidMessageExpiryTime")                             \
    X(403012, DEVICE_DISABLED, "DeviceDisabled")                                                   \
    X(403800, TOO_MANY_METHODS, "DeviceMaximumInflightMethodExceeded")                             \
    X(404000, GENERIC_NOT_FOUND, "GenericNotFound")                                                \
    X(404001, DEVICE_NOT_FOUND, "DeviceNotFound")                                                  \
    X(404006, AMQP_ADDRESS_NOT_FOUND, "AmqpAddressNotFound")                                       \
    X(404010, MODULE_NOT_FOUND, "ModuleNotFound")                                                  \
    X(404103, DEVICE_NOT_ONLINE, "DeviceNotOnline")                                                \
    X(405000, METHOD_NOT_ALLOWED, "GenericMethodNotAllowed")                                       \
    X(409001, DEVICE_ALREADY_EXISTS, "DeviceAlreadyExists")                                        \
    X(409002, LINK_CREATION_CONFLICT, "LinkCreationConflict")                                      \
    X(409301, MODULE_ALREADY_EXISTS, "ModuleAlreadyExistsOnDevice")                                \
    X(412001, PRECONDITION_FAILED, "PreconditionFailed")                                           \
    X(412002, DEVICE_MESSAGE_LOCK_LOST, "DeviceMessageLockLost")                                   \
    X(413000, REQUEST_TOO_LARGE, "GenericRequestEntityTooLarge")                                   \
    X(413001, MESSAGE_TOO_LARGE, "MessageTooLarge")                                                \
    X(413002, TOO_MANY_DEVICES, "TooManyDevices")                                                  \
    X(413003, TOO_MANY_MODULES, "TooManyModulesOnDevice")                                          \
    X(415000, UNSUPPORTED_MEDIA_TYPE, "GenericUnsupportedMediaType")                               \
    X(429001, THROTTLING, "ThrottlingException")                                                   \
    X(500001, SERVER_ERROR, "ServerError")                                                         \
    X(501000, NOT_IMPLEMENTED, "NotImplemented") /* ours: the service has no such thing */         \
    X(502000, BAD_DEVICE_RESPONSE, "GenericBadGateway")                                            \
    X(503001, SERVICE_UNAVAILABLE, "ServiceUnavailable")                                           \
    X(504101, GATEWAY_TIMEOUT, "GatewayTimeout")

#define HUB_CODE_ENUM(number, name, text) HUB_##name = (number),
enum hub_code { HUB_OK = 0, HUB_CODES(HUB_CODE_ENUM) };
#undef HUB_CODE_ENUM

/* "DeviceNotFound": what stands in `iothub-errorcode` and after "ErrorCode:". */
const char *hub_code_name(enum hub_code code);

/* 404 for 404001; 200 for HUB_OK. */
static inline unsigned hub_code_http_status(enum hub_code code)
{
    return code == HUB_OK ? 200U : (unsigned)code / 1000U;
}

#endif
