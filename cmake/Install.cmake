# What `cmake --install` puts where. Each file belongs to a component, and each component is a Debian
# package (Package.cmake): emulator, cli, libraries, development. Two more components hold what packages
# have elsewhere: cli-local, licence.
# Nothing installed holds the prefix: what was built once is installed anywhere, and may be moved.

# One layout for a prefix of one's own and for Debian's packages: where Debian has its folder for
# libraries of this architecture, there.
if(NOT DEFINED CMAKE_INSTALL_LIBDIR AND CMAKE_LIBRARY_ARCHITECTURE AND EXISTS /etc/debian_version)
    set(CMAKE_INSTALL_LIBDIR lib/${CMAKE_LIBRARY_ARCHITECTURE} CACHE PATH "Libraries' folder")
endif()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(install_sources ${PROJECT_SOURCE_DIR}/cmake/install)
set(generated ${PROJECT_BINARY_DIR}/installed)

# ---- programs, and what they say of themselves ----

# made_by(FILE COMMAND DEPENDS...): FILE, in the build folder, is what the shell's COMMAND prints.
function(made_by file command)
    get_filename_component(folder ${generated}/${file} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(OUTPUT ${generated}/${file}
        COMMAND sh -c "${command} > ${generated}/${file}" DEPENDS ${ARGN} VERBATIM)
    set_property(GLOBAL APPEND PROPERTY made_files ${generated}/${file})
endfunction()

set(emulator $<TARGET_FILE:iothub-emulator>)
set(cli $<TARGET_FILE:iothub>)
made_by(iothub-emulator.1.gz "${emulator} --man | gzip -9n" iothub-emulator)
made_by(iothub.1.gz "${cli} --man | gzip -9n" iothub)
made_by(bash-completion "${cli} completion bash" iothub)
made_by(zsh-completion "${cli} completion zsh" iothub)

install(TARGETS iothub-emulator RUNTIME COMPONENT emulator)
install(FILES ${generated}/iothub-emulator.1.gz
    DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT emulator)
install(FILES ${install_sources}/iothub-emulator.service ${install_sources}/iothub-emulator.socket
    DESTINATION lib/systemd/system COMPONENT emulator)

install(TARGETS iothub RUNTIME COMPONENT cli)
install(FILES ${generated}/iothub.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT cli)
install(FILES ${generated}/bash-completion RENAME iothub
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT cli)
# zsh looks in one folder for what an administrator installed and in another for packages' files.
install(FILES ${generated}/zsh-completion RENAME _iothub
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT cli-local)
install(FILES ${generated}/zsh-completion RENAME _iothub
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT cli EXCLUDE_FROM_ALL)

# ---- libraries ----

get_property(client_libraries GLOBAL PROPERTY HUB_CLIENT_LIBRARIES)

# From the library's folder to the prefix, as pkg-config sees it.
file(RELATIVE_PATH to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" to_prefix ${to_prefix})

set(description_device "Devices and modules of an Azure IoT Hub")
set(description_service "Back ends of an Azure IoT Hub")
set(description_messaging "Messages to and events from the devices of an Azure IoT Hub")

foreach(library IN LISTS client_libraries)
    string(REGEX REPLACE "^iothub-" "" thing ${library})
    set_target_properties(${library} PROPERTIES EXPORT_NAME ${thing})
    set(requires "")
    get_target_property(shares ${library} INTERFACE_LINK_LIBRARIES)
    if("PkgConfig::CJSON" IN_LIST shares)
        set(requires libcjson)
    endif()
    set(description "${description_${thing}}")
    configure_file(${install_sources}/library.pc.in ${generated}/${library}.pc @ONLY)
    install(FILES ${generated}/${library}.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endforeach()

set_target_properties(client_headers PROPERTIES EXPORT_NAME headers)
install(TARGETS client_headers ${client_libraries} EXPORT iothub
    LIBRARY COMPONENT libraries NAMELINK_COMPONENT development
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/clients/include/iothub
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN *.h)

set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/iothub)
install(EXPORT iothub NAMESPACE iothub:: FILE iothubTargets.cmake
    DESTINATION ${config_folder} COMPONENT development)
write_basic_package_version_file(${generated}/iothubConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${install_sources}/iothubConfig.cmake ${generated}/iothubConfigVersion.cmake
    DESTINATION ${config_folder} COMPONENT development)

# ---- reading matter ----

# In this tree a header is named with its folder; there the tutorials stand alone.
file(GLOB tutorials CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/clients/tutorials/*.[ch])
set(examples "")
foreach(tutorial IN LISTS tutorials)
    get_filename_component(name ${tutorial} NAME)
    made_by(examples/${name} "sed 's,\"clients/tutorials/,\",' '${tutorial}'" ${tutorial})
    list(APPEND examples ${generated}/examples/${name})
endforeach()
install(FILES ${examples} ${install_sources}/examples/CMakeLists.txt ${install_sources}/examples/README.md
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/iothub/examples COMPONENT development)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/iothub COMPONENT licence)

# `./dev install` builds these and not the tests.
get_property(made_files GLOBAL PROPERTY made_files)
add_custom_target(made_files ALL DEPENDS ${made_files})
add_custom_target(shipped DEPENDS iothub-emulator iothub made_files ${client_libraries})
