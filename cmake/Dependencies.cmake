# Everything comes from the system's packages; nothing is vendored. Imported targets are SYSTEM, so
# their headers are not held to our warnings.
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(SQLite3 3.37 REQUIRED) # STRICT tables
find_package(CURL REQUIRED)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(MHD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(MOSQUITTO REQUIRED IMPORTED_TARGET libmosquitto)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
