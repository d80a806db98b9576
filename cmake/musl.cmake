# SPDX-License-Identifier: MIT
# Toolchain file: the C library musl, by its musl-gcc wrapper (Debian: musl-tools). Statically linked, so that what is
# built runs anywhere.
set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")

# musl comes without the kernel's headers (linux/futex.h and so on). They belong to no C library, so the system's serve;
# only they, because glibc's headers lie in the same directory.
set(kernel_headers ${CMAKE_BINARY_DIR}/kernel-headers)
file(MAKE_DIRECTORY ${kernel_headers})
foreach(directory linux asm asm-generic)
    foreach(place /usr/include /usr/include/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-gnu)
        if(EXISTS ${place}/${directory} AND NOT EXISTS ${kernel_headers}/${directory})
            file(CREATE_LINK ${place}/${directory} ${kernel_headers}/${directory} SYMBOLIC)
        endif()
    endforeach()
endforeach()
set(CMAKE_C_FLAGS_INIT "-idirafter ${kernel_headers}")

