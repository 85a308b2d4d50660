# find_package(iothub [COMPONENTS device service messaging]): the targets iothub::device,
# iothub::service and iothub::messaging.
include(CMakeFindDependencyMacro)

# The headers name cJSON's types, and Debian's cJSON comes with a pkg-config file only.
find_dependency(PkgConfig)
if(NOT TARGET PkgConfig::CJSON)
    pkg_check_modules(CJSON QUIET IMPORTED_TARGET GLOBAL libcjson)
endif()
if(NOT TARGET PkgConfig::CJSON)
    set(iothub_FOUND FALSE)
    set(iothub_NOT_FOUND_MESSAGE "cJSON is not installed (on Debian: libcjson-dev)")
    return()
endif()

include(${CMAKE_CURRENT_LIST_DIR}/iothubTargets.cmake)

foreach(component IN LISTS iothub_FIND_COMPONENTS)
    if(TARGET iothub::${component})
        set(iothub_${component}_FOUND TRUE)
    elseif(iothub_FIND_REQUIRED_${component})
        set(iothub_FOUND FALSE)
        set(iothub_NOT_FOUND_MESSAGE "iothub has no component ${component}")
    endif()
endforeach()
