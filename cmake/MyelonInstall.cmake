# SPDX-License-Identifier: MIT
# What "cmake --install" puts where: headers, libraries, the command and its page, pkg-config and find_package files.
include(CMakePackageConfigHelpers)

install(DIRECTORY include/myelon DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

if(TARGET myelon)
    install(TARGETS myelon myelon_static myelon_ffi EXPORT myelonTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/myelon)
    install(EXPORT myelonTargets NAMESPACE myelon:: DESTINATION ${config_dir})
    configure_package_config_file(cmake/myelonConfig.cmake.in myelonConfig.cmake INSTALL_DESTINATION ${config_dir})
    # Before 1.0 a minor version may change the interface.
    write_basic_package_version_file(myelonConfigVersion.cmake COMPATIBILITY SameMinorVersion)
    install(FILES ${PROJECT_BINARY_DIR}/myelonConfig.cmake ${PROJECT_BINARY_DIR}/myelonConfigVersion.cmake
        DESTINATION ${config_dir})
endif()

# pkg-config's directories are relative to the file itself, so that the tree may be moved. A directory given as an
# absolute path does not move with it: then the headers are where they are.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
    set(pc_includedir "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
else()
    file(RELATIVE_PATH pc_up "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
    set(pc_prefix "\${pcfiledir}/${pc_up}")
    set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(myelon.pc.in myelon.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/myelon.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Section 3, made from the headers. Another project's build does without.
if(TARGET myelon AND PROJECT_IS_TOP_LEVEL AND UNIX)
    file(GLOB man3_sources CONFIGURE_DEPENDS include/myelon/*.h)
    add_custom_command(OUTPUT man/man3/myelon.3
        COMMAND ${PROJECT_SOURCE_DIR}/tools/man3.sh ${PROJECT_BINARY_DIR}/man/man3
        DEPENDS ${man3_sources} man/myelon.1 tools/man3.sh tools/man3.awk
        COMMENT "Making the manual pages of section 3" VERBATIM)
    add_custom_target(myelon_man3 ALL DEPENDS ${PROJECT_BINARY_DIR}/man/man3/myelon.3)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/man/man3 DESTINATION ${CMAKE_INSTALL_MANDIR} FILES_MATCHING PATTERN "*.3")
endif()

if(TARGET myelon_cli)
    install(TARGETS myelon_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(FILES man/myelon.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
