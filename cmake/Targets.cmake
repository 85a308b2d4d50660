# hub_library(NAME [USES lib...]): a static library of every .c file in the current folder.
# Headers are named from the root ("base/str.h", "query/query.h", "storage/storage.h") or, inside
# emulator/, from there ("hub/hub.h", "mqtt/packet.h"): the include says the folder, and tests/lint
# checks it against the table of who may use whom.
function(hub_library name)
    cmake_parse_arguments(arg "" "" "USES" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/emulator)
    target_link_libraries(${name} PUBLIC ${arg_USES} PRIVATE project_warnings)
endfunction()

# hub_client_library(NAME PUBLIC iothub-x [USES lib...] [SHARES lib...]): a client library, twice of the
# same objects: NAME is static, for unit tests and our own command line; the shared library of the
# PUBLIC name shows nothing but what its header, clients/include/iothub/x.h, marks IOTHUB_API. SHARES
# are libraries whose types stand in that header.
function(hub_client_library name)
    cmake_parse_arguments(arg "" "PUBLIC" "USES;SHARES" ${ARGN})
    hub_library(${name} USES client_headers ${arg_USES} ${arg_SHARES})
    hub_goes_into_shared(${name})
    add_library(${arg_PUBLIC} SHARED $<TARGET_OBJECTS:${name}>)
    set_target_properties(${arg_PUBLIC} PROPERTIES SOVERSION 0
        VERSION ${PROJECT_VERSION} LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
    target_link_libraries(${arg_PUBLIC} PUBLIC client_headers ${arg_SHARES}
        PRIVATE ${arg_USES})
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU") # clang leaves its sanitizers' symbols to the program
        target_link_options(${arg_PUBLIC} PRIVATE -Wl,--no-undefined)
    endif()
    set_property(GLOBAL APPEND PROPERTY HUB_CLIENT_LIBRARIES ${arg_PUBLIC})
endfunction()

# A static library whose objects are fit for a shared one, and invisible in it.
function(hub_goes_into_shared name)
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON
        C_VISIBILITY_PRESET hidden)
endfunction()

# hub_program(NAME SOURCES file... [USES lib...])
function(hub_program name)
    cmake_parse_arguments(arg "" "" "USES;SOURCES" ${ARGN})
    add_executable(${name} ${arg_SOURCES})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/emulator)
    target_link_libraries(${name} PRIVATE ${arg_USES} project_warnings)
endfunction()

# hub_unit_tests(FOLDER USES lib...): one cmocka program, and one CTest test, per *_test.c of
# tests/unit/FOLDER, named unit.FOLDER.x.
function(hub_unit_tests folder)
    cmake_parse_arguments(arg "" "" "USES" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/unit/${folder}/*_test.c)
    foreach(source IN LISTS sources)
        get_filename_component(stem ${source} NAME_WE)
        string(REGEX REPLACE "_test$" "" thing ${stem})
        set(target unit_${folder}_${thing})
        hub_program(${target} SOURCES ${source} USES test_support ${arg_USES} PkgConfig::CMOCKA)
        target_compile_definitions(${target} PRIVATE _DEFAULT_SOURCE
            FIXTURES_DIR="${PROJECT_SOURCE_DIR}/fixtures")
        add_test(NAME unit.${folder}.${thing} COMMAND ${target})
        set_tests_properties(unit.${folder}.${thing} PROPERTIES LABELS unit TIMEOUT 180)
    endforeach()
endfunction()

# hub_fuzz_target(NAME USES lib...): tests/fuzz/NAME.c. With HUB_FUZZ it is a libFuzzer program; in
# every build its corpus, fixtures/corpora/NAME, is replayed through it as an ordinary test.
function(hub_fuzz_target name)
    cmake_parse_arguments(arg "" "" "USES" ${ARGN})
    set(corpus ${PROJECT_SOURCE_DIR}/fixtures/corpora/${name})
    if(HUB_FUZZ)
        hub_program(fuzz_${name} SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}.c USES ${arg_USES})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    endif()
    hub_program(replay_${name} SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}.c
        ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.c USES ${arg_USES})
    add_test(NAME fuzz.${name} COMMAND replay_${name} ${corpus})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()
