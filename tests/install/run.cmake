# Installs the library into a directory of its own and builds and runs a foreign project with it;
# then one that takes the sources in.
#
# cmake -DWEIR_BUILD=... -DWEIR_SOURCE=... -DWORK=... -DCXX=... -DFLAGS=... -DGENERATOR=... -P run.cmake

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}\n${text}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
set(common -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX} "-DCMAKE_CXX_FLAGS=${FLAGS}"
  -DCMAKE_BUILD_TYPE=Debug)

run(${CMAKE_COMMAND} --install ${WEIR_BUILD} --prefix ${WORK}/prefix --component library)
run(${CMAKE_COMMAND} -S ${WEIR_SOURCE}/tests/install/installed -B ${WORK}/installed ${common}
  -DCMAKE_PREFIX_PATH=${WORK}/prefix)
run(${CMAKE_COMMAND} --build ${WORK}/installed)
run(${WORK}/installed/foreign)

run(${CMAKE_COMMAND} -S ${WEIR_SOURCE}/tests/install/subdirectory -B ${WORK}/subdirectory ${common}
  -DWEIR_SOURCE_DIR=${WEIR_SOURCE})

# Building the library again would take minutes and show nothing new. The guest's program is compiled
# and linked as its own build says, with the archive that is there already.
find_program(NINJA NAMES ninja ninja-build)
if(GENERATOR MATCHES "Ninja" AND NINJA)
  execute_process(COMMAND ${NINJA} -C ${WORK}/subdirectory -t commands foreign
    OUTPUT_VARIABLE commands COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCH "[^\n]* -o ([^ ]*)/main\\.cpp\\.o -c [^\n]*" compile "${commands}")
  set(objects ${WORK}/subdirectory/${CMAKE_MATCH_1})
  string(REGEX MATCH "[^\n]* -o foreign [^\n]*" link "${commands}")
  if(NOT compile OR NOT link)
    message(FATAL_ERROR "the guest's build has no program:\n${commands}")
  endif()
  file(MAKE_DIRECTORY ${objects})
  file(COPY ${WEIR_BUILD}/libweir.a DESTINATION ${WORK}/subdirectory/weir)
  run(sh -c "cd ${WORK}/subdirectory && ${compile}")
  run(sh -c "cd ${WORK}/subdirectory && ${link}")
  run(${WORK}/subdirectory/foreign)
endif()
