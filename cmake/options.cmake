# Flags every target shares: warnings are errors, hardening, one generic x86-64 build, no fused float contraction
# (the same table row must give the same float on every machine).
add_library(rf_options INTERFACE)
target_compile_options(rf_options INTERFACE
  -Wall -Wextra -Wno-missing-field-initializers -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast -Werror
  -ffp-contract=off -fstack-protector-strong -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees uninitialised reads and overflows inside its own std::optional, std::expected and std::string that are not there.
  target_compile_options(rf_options INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-restrict -Wno-array-bounds -fstack-clash-protection -fcf-protection)
endif()
target_compile_definitions(rf_options INTERFACE RINGFENCE_VERSION="${PROJECT_VERSION}")
target_include_directories(rf_options INTERFACE ${CMAKE_SOURCE_DIR})
target_link_options(rf_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT RINGFENCE_ASAN AND NOT RINGFENCE_TSAN)
  target_compile_definitions(rf_options INTERFACE _FORTIFY_SOURCE=2 _GLIBCXX_ASSERTIONS)
endif()
if(RINGFENCE_ASAN)
  target_compile_options(rf_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_link_options(rf_options INTERFACE -fsanitize=address,undefined)
endif()
if(RINGFENCE_TSAN)
  target_compile_options(rf_options INTERFACE -fsanitize=thread -Wno-tsan)
  target_link_options(rf_options INTERFACE -fsanitize=thread)
endif()
