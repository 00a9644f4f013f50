# Installs the library into a directory of its own and builds and runs a foreign project with it;
# then configures one that takes the sources in.
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

# Building everything again would take minutes and show nothing new.
run(${CMAKE_COMMAND} -S ${WEIR_SOURCE}/tests/install/subdirectory -B ${WORK}/subdirectory ${common}
  -DWEIR_SOURCE_DIR=${WEIR_SOURCE})
