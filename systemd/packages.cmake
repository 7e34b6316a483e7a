# packages.cmake - the packages of Debian: `cmake --build BUILD --target packages` writes them to BUILD/packages.
# debian/ holds what dpkg wants to know; one changelog, copyright and set of maintainer scripts serve them all.
file(STRINGS debian/changelog newest REGEX "^triald \\(")
list(GET newest 0 newest)
string(REGEX MATCH "\\((.*)-([^-]*)\\)" newest "${newest}")
if(NOT CMAKE_MATCH_1 STREQUAL PROJECT_VERSION)
  message(FATAL_ERROR "debian/changelog begins with ${CMAKE_MATCH_1}, and the project is ${PROJECT_VERSION}")
endif()
set(CPACK_DEBIAN_PACKAGE_RELEASE ${CMAKE_MATCH_2})

set(amiss)
if(NOT TRIALD_PROFILE STREQUAL release)
  list(APPEND amiss "of the profile release, not ${TRIALD_PROFILE}")
endif()
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  list(APPEND amiss "with -DCMAKE_INSTALL_PREFIX=/usr, not ${CMAKE_INSTALL_PREFIX}")
endif()
foreach(tool dpkg-shlibdeps file scdoc)
  find_program(has_${tool} ${tool})
  if(NOT has_${tool})
    list(APPEND amiss "where there is ${tool}")
  endif()
endforeach()
if(amiss)
  list(JOIN amiss ", and " amiss)
  add_custom_target(packages COMMAND ${CMAKE_COMMAND} -E echo "packages are made ${amiss}"
    COMMAND ${CMAKE_COMMAND} -E false VERBATIM)
  return()
endif()

set(made ${CMAKE_BINARY_DIR}/debian)
file(MAKE_DIRECTORY ${made})
add_custom_command(OUTPUT ${made}/changelog.Debian.gz ${made}/changelog.gz
  COMMAND gzip -9nc ${CMAKE_CURRENT_SOURCE_DIR}/debian/changelog > ${made}/changelog.Debian.gz
  COMMAND gzip -9nc ${CMAKE_SOURCE_DIR}/CHANGELOG.md > ${made}/changelog.gz
  DEPENDS debian/changelog ${CMAKE_SOURCE_DIR}/CHANGELOG.md VERBATIM)
set(packed ${made}/changelog.Debian.gz ${made}/changelog.gz)
if(TRIALBOARD) # with the licences of what its pages hold
  add_custom_command(OUTPUT ${made}/trialboard.copyright
    COMMAND awk -f ${CMAKE_CURRENT_SOURCE_DIR}/debian/copyright.awk ${CMAKE_CURRENT_SOURCE_DIR}/debian/copyright
      ${TRIALBOARD_DIST}/NOTICE.txt > ${made}/trialboard.copyright
    DEPENDS debian/copyright debian/copyright.awk board_page ${TRIALBOARD_DIST}/../built VERBATIM)
  list(APPEND packed ${made}/trialboard.copyright)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_PACKAGE_NAME triald)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each has its own
set(CPACK_PACKAGE_CONTACT "triald maintainers <maintainers@triald.invalid>")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON) # for /etc
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR}) # where libtrial lies
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON) # (= VERSION): before 1.0 no two versions are promised to fit

# trial_package(component name section depends [needed component]...): its description is debian/<name>.description, its
# licences the file `copyright`.
set(CPACK_COMPONENTS_ALL)
set(copyright ${CMAKE_CURRENT_SOURCE_DIR}/debian/copyright)
macro(trial_package component name section depends)
  list(APPEND CPACK_COMPONENTS_ALL ${component})
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
  set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS ${depends})
  set(CPACK_COMPONENT_${upper}_DEPENDS ${ARGN})
  file(READ debian/${name}.description CPACK_COMPONENT_${upper}_DESCRIPTION)
  install(FILES ${copyright} DESTINATION ${documents}/${name} RENAME copyright COMPONENT ${component} EXCLUDE_FROM_ALL)
  install(FILES ${made}/changelog.Debian.gz ${made}/changelog.gz DESTINATION ${documents}/${name}
    COMPONENT ${component} EXCLUDE_FROM_ALL)
endmacro()

# trial_maintained(component): scripts that install, stop and purge the units of the package `package`: `sockets` and
# `services` are started, `timers` offered. On purge the directories `state` go and `backups` stay.
macro(trial_maintained component)
  string(TOUPPER ${component} upper)
  foreach(script postinst prerm postrm)
    configure_file(debian/${script}.in ${made}/${package}/${script} @ONLY)
    list(APPEND CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA ${made}/${package}/${script})
  endforeach()
endmacro()

set(sysusers "systemd | systemd-standalone-sysusers | systemd-sysusers")
trial_package(library libtrial0 libs "")
file(WRITE ${made}/libtrial0/shlibs "libtrial 0 libtrial0 (>= ${PROJECT_VERSION})\n")
file(WRITE ${made}/libtrial0/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${made}/libtrial0/shlibs ${made}/libtrial0/triggers)
trial_package(development libtrial-dev libdevel "" library)
trial_package(daemon triald net "${sysusers}" library)
set(package triald)
foreach(kind socket timer)
  file(GLOB ${kind}s CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} triald*.${kind})
  list(JOIN ${kind}s " " ${kind}s)
endforeach()
set(services triald.service)
set(state /var/lib/triald)
set(backups /var/lib/triald-backup)
trial_maintained(daemon)
# What an administrator writes into it outlives an upgrade; a plain install leaves /etc alone.
file(WRITE ${made}/triald/conffiles "/etc/triald/triald.conf\n")
list(APPEND CPACK_DEBIAN_DAEMON_PACKAGE_CONTROL_EXTRA ${made}/triald/conffiles)
install(FILES ${example} DESTINATION /etc/triald RENAME triald.conf COMPONENT daemon EXCLUDE_FROM_ALL)

if(TRIALBOARD)
  set(copyright ${made}/trialboard.copyright)
  trial_package(board trialboard web "${sysusers}" library)
  set(CPACK_DEBIAN_BOARD_PACKAGE_RECOMMENDS "triald")
  set(package trialboard)
  set(services trialboard.service)
  foreach(none sockets timers state backups)
    set(${none})
  endforeach()
  trial_maintained(board)
endif()
include(CPack)

add_custom_target(packed DEPENDS ${packed})
add_custom_target(packages COMMENT "Making the packages"
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${CPACK_PACKAGE_DIRECTORY}
  COMMAND ${CMAKE_COMMAND} -E env SOURCE_DATE_EPOCH=${TRIAL_EPOCH} ${CMAKE_CPACK_COMMAND}
    --config ${CMAKE_BINARY_DIR}/CPackConfig.cmake
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${CPACK_PACKAGE_DIRECTORY}/_CPack_Packages
  COMMAND cd ${CPACK_PACKAGE_DIRECTORY} && sha256sum *.deb
  WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
add_dependencies(packages packed manuals materials triald trialctl trial)
if(TRIALBOARD)
  add_dependencies(packages trialboard board_page)
endif()
