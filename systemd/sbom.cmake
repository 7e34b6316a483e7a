# sbom.cmake - writes what a package is made of, as SPDX 2.3: cmake -DNAME= -DVERSION= -DEPOCH= -DOUTPUT= -DARCHITECTURE=
# -DPROGRAMS=FILE;... -DBUILT_WITH=NAME=VERSION;... -DHEADERS=NAME;... [-DNOTICE=FILE -DLOCK=FILE] -P sbom.cmake
# No version is written by hand. Libraries are those that the programs name to the loader, in the version that dpkg knows;
# what was compiled in by its headers is what pkg-config found, or dpkg where it has no pkg-config; of the page's packages
# those that its bundler took.
cmake_policy(VERSION 3.25)
set(packages "[]")
set(relations "[]")
set(known)

# text(ret value): the value as a JSON string, its quotes around it.
function(text ret value)
  string(REPLACE "\\" "\\\\" value "${value}")
  string(REPLACE "\"" "\\\"" value "${value}")
  set(${ret} "\"${value}\"" PARENT_SCOPE)
endfunction()

# append(array object): the object becomes the last element of the JSON array of that name.
function(append array object)
  string(JSON count LENGTH "${${array}}")
  string(JSON longer SET "${${array}}" ${count} "${object}")
  set(${array} "${longer}" PARENT_SCOPE)
endfunction()

# package(id name version licence purl): one more, unless it is there.
function(package id name version licence purl)
  if(id IN_LIST known)
    return()
  endif()
  text(name "${name}")
  text(version "${version}")
  text(licence "${licence}")
  text(purl "${purl}")
  append(packages "{\"SPDXID\": \"${id}\", \"name\": ${name}, \"versionInfo\": ${version},
    \"downloadLocation\": \"NOASSERTION\", \"filesAnalyzed\": false, \"licenseConcluded\": \"NOASSERTION\",
    \"licenseDeclared\": ${licence}, \"copyrightText\": \"NOASSERTION\", \"externalRefs\": [{
    \"referenceCategory\": \"PACKAGE-MANAGER\", \"referenceType\": \"purl\", \"referenceLocator\": ${purl}}]}")
  set(packages "${packages}" PARENT_SCOPE)
  set(known ${known} ${id} PARENT_SCOPE)
endfunction()

# relate(from relation to comment)
function(relate from relation to comment)
  text(comment "${comment}")
  append(relations "{\"spdxElementId\": \"${from}\", \"relationshipType\": \"${relation}\",
    \"relatedSpdxElement\": \"${to}\", \"comment\": ${comment}}")
  set(relations "${relations}" PARENT_SCOPE)
endfunction()

# version_of(ret name): the version of an installed package; of several architectures the first.
function(version_of ret name)
  execute_process(COMMAND dpkg-query -W -f "\${Version}\n" ${name} OUTPUT_VARIABLE version COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "\n.*" "" version "${version}")
  set(${ret} ${version} PARENT_SCOPE)
endfunction()

set(self SPDXRef-${NAME})
package(${self} ${NAME} ${VERSION} Apache-2.0 "pkg:generic/${NAME}@${VERSION}")
relate(SPDXRef-DOCUMENT DESCRIBES ${self} "")

# What the programs need, and then in one question to whom it belongs: dpkg takes long to answer.
set(links)
set(paths)
foreach(program ${PROGRAMS})
  get_filename_component(file ${program} NAME)
  execute_process(COMMAND readelf -d ${program} OUTPUT_VARIABLE said COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "\\(NEEDED\\)[^\n]*" lines "${said}")
  foreach(line ${lines})
    string(REGEX MATCH "\\[(.*)\\]" line "${line}")
    list(APPEND links "${file} needs ${CMAKE_MATCH_1}")
    list(APPEND paths /lib/${ARCHITECTURE}/${CMAKE_MATCH_1} /usr/lib/${ARCHITECTURE}/${CMAKE_MATCH_1})
  endforeach()
endforeach()
execute_process(COMMAND dpkg-query -S ${paths} OUTPUT_VARIABLE owners ERROR_QUIET)

foreach(link ${links})
  string(REGEX REPLACE ".* " "" library ${link})
  string(REGEX REPLACE "[+.]" "\\\\\\0" pattern ${library})
  if(library MATCHES "^libtrial\\.so")
    set(id SPDXRef-libtrial0)
    package(${id} libtrial0 ${VERSION} Apache-2.0 "pkg:generic/libtrial0@${VERSION}")
  elseif(owners MATCHES "(^|\n)([^:,\n]+)[^ \n]* [^\n]*/${pattern}(\n|$)")
    set(name ${CMAKE_MATCH_2})
    version_of(version ${name})
    string(REGEX REPLACE "[^A-Za-z0-9.-]" "-" id "SPDXRef-deb-${name}")
    package(${id} ${name} ${version} NOASSERTION "pkg:deb/debian/${name}@${version}")
  else() # it is not from a package, or this is not Debian
    string(REGEX REPLACE "[^A-Za-z0-9.-]" "-" id "SPDXRef-library-${library}")
    package(${id} ${library} NOASSERTION NOASSERTION "pkg:generic/${library}")
  endif()
  relate(${self} DYNAMIC_LINK ${id} "${link}")
endforeach()

foreach(built ${BUILT_WITH})
  string(REGEX MATCH "^(.*)=(.*)$" matched ${built})
  set(id SPDXRef-pkgconfig-${CMAKE_MATCH_1})
  set(version ${CMAKE_MATCH_2})
  set(name ${CMAKE_MATCH_1})
  package(${id} ${name} ${version} NOASSERTION "pkg:generic/${name}@${version}")
  relate(${id} BUILD_DEPENDENCY_OF ${self} "its headers, by pkg-config")
endforeach()

foreach(header ${HEADERS})
  execute_process(COMMAND dpkg-query -S /usr/include/${header} /usr/include/${ARCHITECTURE}/${header}
    OUTPUT_VARIABLE said ERROR_QUIET)
  if(said MATCHES "^([^:,\n]+)")
    set(name ${CMAKE_MATCH_1})
    version_of(version ${name})
    set(id SPDXRef-deb-${name})
    package(${id} ${name} ${version} NOASSERTION "pkg:deb/debian/${name}@${version}")
    relate(${id} BUILD_DEPENDENCY_OF ${self} "its header ${header}")
  endif()
endforeach()

# The notice names what was bundled, a line `name version, licence` each; the lock file what was fetched.
if(NOTICE AND EXISTS ${NOTICE}) # else the pages were not made
  file(READ ${LOCK} lock)
  file(STRINGS ${NOTICE} lines REGEX "^[@a-z][^ ]* [0-9][^ ]*, ")
  foreach(line ${lines})
    string(REGEX MATCH "^([^ ]*) ([^ ]*), " matched "${line}")
    set(name ${CMAKE_MATCH_1})
    string(JSON version GET "${lock}" packages "node_modules/${name}" version)
    string(JSON licence GET "${lock}" packages "node_modules/${name}" license)
    if(NOT version STREQUAL CMAKE_MATCH_2)
      message(FATAL_ERROR "the page holds ${name} ${CMAKE_MATCH_2} and its lock file says ${version}")
    endif()
    string(REGEX REPLACE "[^A-Za-z0-9.-]" "-" id "SPDXRef-npm-${name}")
    string(REPLACE "@" "%40" purl "${name}")
    package(${id} ${name} ${version} ${licence} "pkg:npm/${purl}@${version}")
    relate(${self} CONTAINS ${id} "bundled into the pages")
  endforeach()
endif()

set(ENV{SOURCE_DATE_EPOCH} ${EPOCH})
string(TIMESTAMP created "%Y-%m-%dT%H:%M:%SZ" UTC)
string(SHA256 sum "${packages}${relations}")
string(UUID space NAMESPACE 6ba7b812-9dad-11d1-80b4-00c04fd430c8 NAME ${sum} TYPE SHA1)
file(WRITE ${OUTPUT} "{
\"spdxVersion\": \"SPDX-2.3\",
\"dataLicense\": \"CC0-1.0\",
\"SPDXID\": \"SPDXRef-DOCUMENT\",
\"name\": \"${NAME}-${VERSION}\",
\"documentNamespace\": \"urn:uuid:${space}\",
\"creationInfo\": {\"created\": \"${created}\", \"creators\": [\"Tool: triald-sbom.cmake\"]},
\"packages\": ${packages},
\"relationships\": ${relations}
}
")
