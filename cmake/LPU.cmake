# Helpers shared by all folders.

# Adds every direct sub-folder that has a CMakeLists.txt.
function(lpu_add_subfolders)
  file(GLOB children RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/*)
  foreach(child ${children})
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${child}/CMakeLists.txt)
      add_subdirectory(${child})
    endif()
  endforeach()
endfunction()

# lpu_library(Name sources... LINK libs... DEPENDS targets...): a static library.
# Libraries that need MLIR link `MLIR` (the shared libMLIR); those that need only
# LLVM Support link `LLVM`. The link map of each tool therefore shows its rooms.
function(lpu_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  if(ARG_LINK)
    target_link_libraries(${name} PUBLIC ${ARG_LINK})
  endif()
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# lpu_tool(name sources... LINK libs...): an executable in <build>/bin.
function(lpu_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  # What is linked is a promise (test/tools/link-map.py).
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/maps)
  target_link_options(${name} PRIVATE LINKER:-Map=${CMAKE_BINARY_DIR}/maps/${name}.map)
endfunction()
