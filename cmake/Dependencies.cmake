# Everything comes from the system's packages; nothing is vendored. Imported targets are SYSTEM, so
# their headers are not held to our warnings.
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(SQLite3 3.37 REQUIRED) # STRICT tables
find_package(CURL REQUIRED)
find_package(wslay REQUIRED)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(MHD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(MOSQUITTO REQUIRED IMPORTED_TARGET libmosquitto)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

# Debian's libqpid-proton.pc names a folder that is not there, and its -dev package has no link for
# the core engine alone; linking the whole would bring a second event loop along.
find_path(PROTON_INCLUDE_DIR proton/engine.h REQUIRED)
find_library(PROTON_CORE_LIBRARY NAMES qpid-proton-core libqpid-proton-core.so.10 REQUIRED)
add_library(Proton::Core UNKNOWN IMPORTED)
set_target_properties(Proton::Core PROPERTIES IMPORTED_LOCATION ${PROTON_CORE_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${PROTON_INCLUDE_DIR})

# For clients that measure, and nothing of ours.
find_library(PROTON_PROACTOR_LIBRARY NAMES qpid-proton-proactor libqpid-proton-proactor.so.1 REQUIRED)
add_library(Proton::Proactor UNKNOWN IMPORTED)
set_target_properties(Proton::Proactor PROPERTIES IMPORTED_LOCATION ${PROTON_PROACTOR_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${PROTON_INCLUDE_DIR})
target_link_libraries(Proton::Proactor INTERFACE Proton::Core)
