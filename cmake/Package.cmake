# `cpack`: Debian packages, one for each component of Install.cmake.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME iothub-emulator)
set(CPACK_PACKAGE_CONTACT "The iothub-emulator authors <iothub-emulator@packages.localhost>")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL emulator cli libraries development)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(scripts ${PROJECT_SOURCE_DIR}/cmake/package)

# debian_package(COMPONENT NAME SECTION SUMMARY DESCRIPTION)
macro(debian_package component name section summary description)
    string(TOUPPER ${component} upper)
    set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
    set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
    set(CPACK_COMPONENT_${upper}_DESCRIPTION "${summary}\n${description}")
    # Debian wants each package's licence and history under its own name; elsewhere one is enough.
    install(FILES ${PROJECT_SOURCE_DIR}/cmake/package/copyright
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} COMPONENT ${component} EXCLUDE_FROM_ALL)
    install(FILES ${generated}/changelog.gz
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} COMPONENT ${component} EXCLUDE_FROM_ALL)
    if(EXISTS ${scripts}/${name}.lintian-overrides)
        install(FILES ${scripts}/${name}.lintian-overrides RENAME ${name}
            DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides COMPONENT ${component} EXCLUDE_FROM_ALL)
    endif()
endmacro()

debian_package(emulator iothub-emulator net "Azure IoT Hub on this machine"
"Programs written with the Azure IoT SDKs connect to it with nothing changed
but the connection string: devices over MQTT, AMQP and HTTPS, back ends over
HTTPS and AMQP, readers of telemetry as from Event Hubs. No account and no
network are needed.

It comes with a systemd service, which is not enabled unless asked for.")
debian_package(cli iothub-cli net "command line of an Azure IoT Hub"
"Manages devices, modules, twins, methods, messages and queries of an IoT Hub,
in Azure or of the emulator, and acts as a device. Its options are those of
Azure's own command line.")
debian_package(libraries libiothub0 libs "client libraries of an Azure IoT Hub"
"Three libraries for C and C++: one acts as a device or a module, one manages
identities, twins and methods as a back end does, one sends messages to
devices and reads the events that they send.")
debian_package(development libiothub-dev libdevel
"client libraries of an Azure IoT Hub (development files)"
"Headers, pkg-config and CMake files for programs that act as a device of an
IoT Hub or as a back end, and whole programs, one for each of Azure's
tutorials.")

set(CPACK_DEBIAN_EMULATOR_PACKAGE_RECOMMENDS "iothub-cli, ca-certificates")
set(CPACK_DEBIAN_CLI_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_CLI_PACKAGE_SUGGESTS iothub-emulator)
set(CPACK_DEBIAN_LIBRARIES_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "libiothub0 (= ${PROJECT_VERSION}), libcjson-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "iothub-emulator, pkg-config")

set(CPACK_DEBIAN_EMULATOR_PACKAGE_CONTROL_EXTRA
    ${scripts}/postinst ${scripts}/prerm ${scripts}/postrm)
set(CPACK_DEBIAN_LIBRARIES_PACKAGE_CONTROL_EXTRA ${scripts}/triggers)

configure_file(${scripts}/changelog.in ${generated}/changelog @ONLY)
execute_process(COMMAND gzip -9nc ${generated}/changelog OUTPUT_FILE ${generated}/changelog.gz
    COMMAND_ERROR_IS_FATAL ANY)

include(CPack)
