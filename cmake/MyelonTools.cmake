# SPDX-License-Identifier: MIT
# The libraries that tools (never the library itself) may use: each found or left out with a message.
include_guard(GLOBAL)

find_package(PkgConfig QUIET)

# Finds pkg-config module `module` as target myelon_have_NAME, or leaves the target out. pkg-config knows the libraries of
# this machine. A compiler for another one, or for another C library, cannot link them, so a program is linked to find out.
function(myelon_find name module)
    if(PkgConfig_FOUND)
        pkg_check_modules(MYELON_${name} QUIET IMPORTED_TARGET GLOBAL ${module})
    endif()
    if(TARGET PkgConfig::MYELON_${name})
        try_compile(MYELON_LINKS_${name} SOURCE_FROM_CONTENT main.c "int main(void) { return 0; }"
            LINK_LIBRARIES PkgConfig::MYELON_${name})
    endif()
    if(MYELON_LINKS_${name})
        add_library(myelon_have_${name} INTERFACE)
        target_link_libraries(myelon_have_${name} INTERFACE PkgConfig::MYELON_${name})
        target_compile_definitions(myelon_have_${name} INTERFACE MYL_HAVE_${name}=1)
    endif()
endfunction()

myelon_find(CJSON libcjson)
myelon_find(CRYPTO libcrypto)
myelon_find(NCURSES ncurses)

# pkg-config is the way on Linux; elsewhere CMake may know OpenSSL by itself.
if(NOT TARGET myelon_have_CRYPTO)
    find_package(OpenSSL QUIET COMPONENTS Crypto)
    if(OpenSSL_FOUND)
        add_library(myelon_have_CRYPTO INTERFACE)
        target_link_libraries(myelon_have_CRYPTO INTERFACE OpenSSL::Crypto)
        target_compile_definitions(myelon_have_CRYPTO INTERFACE MYL_HAVE_CRYPTO=1)
    endif()
endif()

# Links library `name` into `target` and defines MYL_HAVE_<name>, or reports what is left out without it.
function(myelon_use target name what)
    if(TARGET myelon_have_${name})
        target_link_libraries(${target} PRIVATE myelon_have_${name})
    else()
        message(STATUS "myelon: ${target} is built without ${what}")
    endif()
endfunction()
