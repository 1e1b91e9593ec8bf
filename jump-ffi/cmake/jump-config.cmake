# find_package(jump) gives the targets jump::jump (shared) and jump::jump_static.
get_filename_component(_jump_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET jump::jump)
  add_library(jump::jump SHARED IMPORTED)
  set_target_properties(jump::jump PROPERTIES
    IMPORTED_LOCATION "${_jump_prefix}/lib/libjump.so"
    IMPORTED_SONAME "libjump.so.0"
    INTERFACE_INCLUDE_DIRECTORIES "${_jump_prefix}/include")
  add_library(jump::jump_static STATIC IMPORTED)
  set_target_properties(jump::jump_static PROPERTIES
    IMPORTED_LOCATION "${_jump_prefix}/lib/libjump.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_jump_prefix}/include"
    INTERFACE_LINK_LIBRARIES "pthread;m;dl")
endif()
unset(_jump_prefix)
