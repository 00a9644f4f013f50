# The library as others use it: one archive, weir::weir, in the build tree and installed.

# weir_closure(<target> <objects> <externals>): the objects of <target> and of all our libraries
# behind it, and the libraries of others that they need.
function(weir_closure root objects externals)
  set(pending ${root})
  set(seen "")
  set(found_objects "")
  set(found_externals "")
  while(pending)
    list(POP_FRONT pending next)
    get_target_property(aliased ${next} ALIASED_TARGET)
    if(aliased)
      set(next ${aliased})
    endif()
    if(next IN_LIST seen OR next STREQUAL "weir_flags")
      continue()
    endif()
    list(APPEND seen ${next})
    list(APPEND found_objects $<TARGET_OBJECTS:${next}>)
    get_target_property(links ${next} LINK_LIBRARIES)
    foreach(link IN LISTS links)
      if(link MATCHES "^weir::")
        list(APPEND pending ${link})
      else()
        list(APPEND found_externals ${link})
      endif()
    endforeach()
  endwhile()
  list(REMOVE_DUPLICATES found_externals)
  set(${objects} ${found_objects} PARENT_SCOPE)
  set(${externals} ${found_externals} PARENT_SCOPE)
endfunction()

weir_closure(weir::api weir_objects weir_externals)
add_library(weir_library STATIC ${weir_objects})
add_library(weir::weir ALIAS weir_library)
set_target_properties(weir_library PROPERTIES
  OUTPUT_NAME weir EXPORT_NAME weir LINKER_LANGUAGE CXX)
target_compile_features(weir_library PUBLIC cxx_std_20)
target_include_directories(weir_library PUBLIC
  $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:include>)
target_link_libraries(weir_library PRIVATE ${weir_externals})

if(WEIR_INSTALL)
  include(GNUInstallDirs)
  include(CMakePackageConfigHelpers)
  set(weir_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weir)
  install(TARGETS weir_library EXPORT weir_targets COMPONENT library
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY include/weir DESTINATION include COMPONENT library)
  install(EXPORT weir_targets NAMESPACE weir:: FILE weirTargets.cmake
    DESTINATION ${weir_config_dir} COMPONENT library)
  configure_package_config_file(cmake/weirConfig.cmake.in
    ${CMAKE_CURRENT_BINARY_DIR}/weirConfig.cmake INSTALL_DESTINATION ${weir_config_dir})
  write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/weirConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/weirConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/weirConfigVersion.cmake
    DESTINATION ${weir_config_dir} COMPONENT library)
endif()
