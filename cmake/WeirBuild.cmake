# Build helpers: one folder, one library, one test binary.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(WEIR_CCACHE ccache)
if(WEIR_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WEIR_CCACHE})
  if(WEIR_PRECOMPILE)
    # Or it would cache nothing that is compiled with a precompiled header.
    list(PREPEND CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros)
  endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  find_program(WEIR_LLD NAMES ld.lld-${CMAKE_CXX_COMPILER_VERSION_MAJOR} ld.lld-19 ld.lld)
  if(WEIR_LLD)
    add_link_options(--ld-path=${WEIR_LLD})
    # What nobody calls, and equal functions twice, would only take memory.
    add_link_options($<$<CONFIG:Release>:-Wl,--gc-sections> $<$<CONFIG:Release>:-Wl,--icf=safe>)
    # What the profile calls hot lies together, so that the rest is not read in beside it.
    add_link_options($<$<CONFIG:Release>:-Wl,-z,keep-text-section-prefix>)
  endif()
endif()

add_library(weir_flags INTERFACE)
add_library(weir::flags ALIAS weir_flags)
target_include_directories(weir_flags INTERFACE
  $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
  $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/src>)
target_compile_options(weir_flags INTERFACE
  -pthread  # some packages ask for it, and a precompiled header for the same in all that use it
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast
  $<$<BOOL:${WEIR_WARNINGS_AS_ERRORS}>:-Werror>)
if(WEIR_SANITIZE)
  add_compile_options(-fsanitize=${WEIR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${WEIR_SANITIZE})
endif()

# Guided by a profile: scripts/profile.sh counts what the program does under the benchmarks and the
# end-to-end tests, and the release build is laid out for that. What changed since, or was never
# called, is compiled as without. Files count by their names alone, wherever the project lies.
set(profile ${CMAKE_CURRENT_SOURCE_DIR}/data/profile/weir.profdata)
set(profile_names "SHELL:-mllvm -static-func-full-module-prefix=false")
if(WEIR_PROFILE STREQUAL "make")
  set(weir_profile_options -fprofile-generate=${CMAKE_BINARY_DIR}/counts
    -fprofile-update=atomic ${profile_names})
  add_link_options(-fprofile-generate=${CMAKE_BINARY_DIR}/counts)
elseif(WEIR_PROFILE STREQUAL "use" AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang"
       AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 19)
  set(weir_profile_options -fprofile-use=${profile} ${profile_names}
    -Wno-profile-instr-out-of-date -Wno-profile-instr-unprofiled -Wno-backend-plugin)
  if(WEIR_LLD)
    # What a request passes through lies in many files. The program's link looks into all of them at
    # once; whoever else links the libraries (tests, foreign programs) takes the code in them as is.
    set(weir_lto_options $<$<CONFIG:Release>:-flto=thin> $<$<CONFIG:Release>:-ffat-lto-objects>)
  endif()
endif()

# weir_precompile(<target> <kind>): the standard library's headers, read once for each kind of
# target: those of a kind are compiled with the same options. With Clang only; a build with GCC goes
# without, and shows the file that forgets to include what it uses.
function(weir_precompile target kind)
  if(NOT WEIR_PRECOMPILE OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    return()
  endif()
  set(owner weir_precompiled_${kind})
  if(NOT TARGET ${owner})
    add_library(${owner} OBJECT ${CMAKE_CURRENT_SOURCE_DIR}/cmake/precompiled.cpp)
    target_link_libraries(${owner} PRIVATE weir::flags)
    target_precompile_headers(${owner} PRIVATE
      <algorithm> <array> <atomic> <charconv> <chrono> <cstdint> <cstring> <deque> <functional>
      <limits> <map> <memory> <mutex> <optional> <set> <span> <string> <string_view> <thread>
      <utility> <variant> <vector>)
    if(NOT kind STREQUAL test)
      target_compile_options(${owner} PRIVATE ${weir_profile_options})
    endif()
    if(kind STREQUAL hot)
      target_compile_options(${owner} PRIVATE ${weir_lto_options})
    elseif(kind STREQUAL cold)
      target_compile_options(${owner} PRIVATE $<$<CONFIG:Release>:-Os>)
    elseif(kind STREQUAL test)
      target_link_libraries(${owner} PRIVATE GTest::gtest)
      set_target_properties(${owner} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
      target_compile_options(${owner} PRIVATE -fPIE)  # as executables are
      target_precompile_headers(${owner} PRIVATE <gtest/gtest.h>)
    endif()
    target_compile_options(${owner} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()

# weir_add_library(<folder> [COLD] [DEPENDS target...])
#
# Every .cpp in src/<folder> becomes the library weir_<folder> (alias weir::<folder>, slashes as
# underscores), every *_test.cpp the test binary <folder>_test. Folders inside it that have a target
# of their own come in through theirs. COLD: hardly anything in it runs for every request, so the
# release build makes it small instead of fast.
function(weir_add_library folder)
  cmake_parse_arguments(ARG "COLD" "" "DEPENDS;TEST_DEPENDS" ${ARGN})
  string(REPLACE "/" "_" name ${folder})
  set(dir ${CMAKE_CURRENT_SOURCE_DIR}/src/${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  set(scope PUBLIC)
  if(sources)
    add_library(weir_${name} STATIC ${sources})
    target_link_libraries(weir_${name} PRIVATE weir::flags)
    target_compile_options(weir_${name} PRIVATE ${weir_profile_options})
    if(WEIR_PROFILE STREQUAL "use")
      set_property(SOURCE ${sources} APPEND PROPERTY OBJECT_DEPENDS ${profile})
    endif()
    if(ARG_COLD)
      target_compile_options(weir_${name} PRIVATE $<$<CONFIG:Release>:-Os>)
      weir_precompile(weir_${name} cold)
    else()
      target_compile_options(weir_${name} PRIVATE ${weir_lto_options})
      weir_precompile(weir_${name} hot)
    endif()
  else()
    add_library(weir_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(weir::${name} ALIAS weir_${name})
  target_link_libraries(weir_${name} ${scope} ${ARG_DEPENDS})
  target_include_directories(weir_${name} ${scope}
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/src>)
  if(tests AND WEIR_BUILD_TESTS)
    weir_add_test_binary(${name}_test SOURCES ${tests} DEPENDS weir::${name} ${ARG_TEST_DEPENDS})
  endif()
endfunction()

# weir_optimize_link(<executable>): across the files of the libraries. What did not change since the
# last link is taken from there.
function(weir_optimize_link executable)
  if(weir_lto_options)
    target_link_options(${executable} PRIVATE ${weir_lto_options}
      $<$<CONFIG:Release>:-Wl,--fat-lto-objects,--thinlto-cache-dir=${CMAKE_BINARY_DIR}/lto>)
  endif()
endfunction()

# weir_add_test_binary(<name> SOURCES file... DEPENDS target...): GoogleTest, run by ctest.
function(weir_add_test_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} weir::flags GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE WEIR_SOURCE_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
  weir_precompile(${name} test)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
