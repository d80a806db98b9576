# SPDX-License-Identifier: MIT
# What every target of the project is compiled with.

if(MYELON_SANITIZE)
    list(JOIN MYELON_SANITIZE "," sanitizers)
    add_compile_options(-fsanitize=${sanitizers} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${sanitizers})
    if("undefined" IN_LIST MYELON_SANITIZE)
        add_compile_options(-fno-sanitize-recover=undefined)
    endif()
    # gcc says that ThreadSanitizer does not follow fences; include/myelon/atomic.h knows and relies on none for data.
    if("thread" IN_LIST MYELON_SANITIZE AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
        add_compile_options(-Wno-tsan)
    endif()
endif()

# Language, warnings and visibility of a target of ours; nothing of this reaches a user's build.
function(myelon_defaults target)
    set_target_properties(${target} PROPERTIES
        C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF
        C_VISIBILITY_PRESET hidden
        POSITION_INDEPENDENT_CODE ON)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
        $<$<BOOL:${MYELON_WERROR}>:-Werror>)
    # -std=c11 hides what is not C; the sources need POSIX and, on Linux, more. Defined to nothing, so that a source
    # may say "#define _GNU_SOURCE" as well.
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
        target_compile_definitions(${target} PRIVATE "_GNU_SOURCE=")
    elseif(APPLE)
        target_compile_definitions(${target} PRIVATE "_DARWIN_C_SOURCE=")
    endif()
endfunction()

# The names of the C files of `directory` that hold a main function, without ".c", and the other files.
function(myelon_programs directory programs_out others_out)
    file(GLOB files CONFIGURE_DEPENDS ${directory}/*.c)
    set(programs "")
    set(others "")
    foreach(file IN LISTS files)
        file(STRINGS ${file} main_line REGEX "^int main\\(" LIMIT_COUNT 1)
        if(main_line)
            cmake_path(GET file STEM name)
            list(APPEND programs ${name})
        else()
            list(APPEND others ${file})
        endif()
    endforeach()
    set(${programs_out} ${programs} PARENT_SCOPE)
    set(${others_out} ${others} PARENT_SCOPE)
endfunction()
