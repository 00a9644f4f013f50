# The catalog of providers and models: data/catalog.yaml becomes constexpr tables in the build
# directory, by a tool of our own that runs on the building machine.

add_executable(catalog_gen tools/catalog_gen.cpp)
target_link_libraries(catalog_gen PRIVATE weir::base weir::flags yaml-cpp)

# weir_add_catalog(<target>): lets the sources of <target> include the two tables.
function(weir_add_catalog target)
  set(dir ${CMAKE_CURRENT_BINARY_DIR}/generated)
  set(catalog ${CMAKE_CURRENT_SOURCE_DIR}/data/catalog.yaml)
  set(tables ${dir}/catalog_providers.inc ${dir}/catalog_models.inc)
  file(MAKE_DIRECTORY ${dir})
  add_custom_command(
    OUTPUT ${tables}
    COMMAND catalog_gen ${catalog} ${tables}
    DEPENDS catalog_gen ${catalog}
    COMMENT "Making the catalog's tables"
    VERBATIM)
  target_sources(${target} PRIVATE ${tables})
  target_include_directories(${target} PRIVATE ${dir})
endfunction()
