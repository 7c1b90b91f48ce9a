# ringfence_module(NAME DIR... PUBLIC deps... PRIVATE deps...): a static library of every .cpp directly in the folders.
# A folder without sources becomes an interface target, so the map in ARCHITECTURE.md stays buildable from the first commit.
function(ringfence_module name)
  cmake_parse_arguments(M "" "" "PUBLIC;PRIVATE" ${ARGN})
  set(sources "")
  foreach(dir ${M_UNPARSED_ARGUMENTS})
    file(GLOB found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${dir}/*.cpp)
    list(FILTER found EXCLUDE REGEX "/main\\.cpp$")
    list(APPEND sources ${found})
  endforeach()
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC ${M_PUBLIC} PRIVATE ${M_PRIVATE})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${M_PUBLIC})
  endif()
endfunction()

# ringfence_test(NAME DIR LIBS...): one test binary of every .cpp directly in tests/DIR; nothing if the folder is empty.
function(ringfence_test name dir)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${dir}/*.cpp)
  if(sources)
    add_executable(${name} ${sources})
    target_link_libraries(${name} PRIVATE ${ARGN} GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name} PRIVATE RINGFENCE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" RINGFENCE_BINARY_DIR="${CMAKE_BINARY_DIR}")
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
  endif()
endfunction()

# ringfence_embed(TARGET NAME FILE...): the bytes of data files, built into a module as `std::span<const std::string_view> NAME()` of
# namespace ringfence (declared where it is used). A changed file is built in again.
function(ringfence_embed target name)
  set(list "")
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} text)
    string(APPEND list "    std::string_view(R\"embedded(${text})embedded\"),\n")
  endforeach()
  list(LENGTH ARGN count)
  set(source ${CMAKE_BINARY_DIR}/embedded/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT "#include <array>
#include <span>
#include <string_view>

namespace ringfence {
std::span<const std::string_view> @name@() {
  static constexpr std::array<std::string_view, @count@> kFiles{
@list@  };
  return kFiles;
}
}  // namespace ringfence
")
  target_sources(${target} PRIVATE ${source})
endfunction()
