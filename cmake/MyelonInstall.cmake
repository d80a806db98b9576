# SPDX-License-Identifier: MIT
# What "cmake --install" puts where: headers, libraries, the command and its page, pkg-config and find_package files.
include(CMakePackageConfigHelpers)

install(DIRECTORY include/myelon DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

if(TARGET myelon)
    install(TARGETS myelon myelon_static EXPORT myelonTargets
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

# Both of pkg-config's directories are relative to the file itself, so that the tree may be moved.
file(RELATIVE_PATH pc_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
configure_file(myelon.pc.in myelon.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/myelon.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET myelon_cli)
    install(TARGETS myelon_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(FILES man/myelon.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
