# One INTERFACE target that every target links PRIVATE: the warnings both compilers are held to.
add_library(project_warnings INTERFACE)

set(common_warnings
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wcast-align
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wredundant-decls
    -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wnull-dereference
    -Wdouble-promotion -Wimplicit-fallthrough -Wswitch-enum)
set(gcc_warnings # gcc 12
    -Wlogical-op -Wformat-signedness -Wduplicated-cond -Wduplicated-branches
    -Wjump-misses-init -Warith-conversion)
set(clang_warnings # clang 14: it refuses -Wformat-signedness
    -Wcomma -Wconditional-uninitialized -Wassign-enum)

target_compile_options(project_warnings INTERFACE
    ${common_warnings}
    $<$<C_COMPILER_ID:GNU>:${gcc_warnings}>
    $<$<C_COMPILER_ID:Clang>:${clang_warnings}>
    $<$<BOOL:${HUB_WERROR}>:-Werror>)
